import { LRUCache } from 'lru-cache';
import type { Answer } from '../../core/answer.ts';
import type { Query } from '../../core/query.ts';
import { TYPE } from '../../dns/codes.ts';
import type { SerialNumber } from './serial.ts';

/**
 * Answers that were made before, by question. Each hangs on the traces of the lookup that made it; dropping a trace drops
 * exactly the answers that hang on it, negative ones too. Nothing here ever expires by time.
 *
 * Finding an answer makes no string: the key is the query's hash, and the name is compared byte by byte. Two names with one
 * hash take each other's place, which costs a lookup and nothing else. Only names asked in lower case are kept, because an
 * answer may repeat the letters of its question.
 */
export class Memo {
  readonly #entries: LRUCache<number, Entry>;
  readonly #byTrace = new Map<string, Set<Entry>>();
  readonly #serial: SerialNumber;
  hits = 0;
  misses = 0;
  drops = 0;

  /**
   * `capacity`: how many answers are kept; the one unused for longest goes first. `serial`: that of the SOA records in
   * answers, unless `keep` says otherwise.
   */
  constructor(capacity: number, serial: SerialNumber) {
    this.#serial = serial;
    this.#entries = new LRUCache({ max: capacity, dispose: (entry) => this.#forget(entry) });
  }

  get size(): number {
    return this.#entries.size;
  }

  find(query: Query): Answer | undefined {
    if (!query.mixedCase) {
      const entry = this.#entries.get(slot(query));
      if (entry !== undefined && entry.type === query.type && sameName(entry.name, query)) {
        this.hits++;
        if (entry.serialAt >= 0) entry.answer.body.writeUInt32BE(entry.serial.value, entry.serialAt);
        return entry.answer;
      }
    }
    this.misses++;
    return undefined;
  }

  keep(query: Query, answer: Answer, traces: ReadonlySet<string>, serial = this.#serial): void {
    if (query.mixedCase) return;
    const name = Buffer.from(query.name.subarray(0, query.nameLength));
    const entry: Entry = {
      slot: slot(query),
      name,
      type: query.type,
      answer,
      serial,
      serialAt: serialOffset(answer),
      traces: [...traces],
    };
    this.#entries.set(entry.slot, entry);
    for (const trace of entry.traces) {
      const hanging = this.#byTrace.get(trace);
      if (hanging === undefined) this.#byTrace.set(trace, new Set([entry]));
      else hanging.add(entry);
    }
  }

  /** Drops every answer that hangs on one of the traces. */
  drop(traces: Iterable<string>): void {
    for (const trace of traces) {
      const hanging = this.#byTrace.get(trace);
      if (hanging === undefined) continue;
      this.drops += hanging.size;
      for (const entry of hanging) this.#entries.delete(entry.slot);
    }
  }

  clear(): void {
    this.drops += this.#entries.size;
    this.#entries.clear();
  }

  #forget(entry: Entry): void {
    for (const trace of entry.traces) {
      const hanging = this.#byTrace.get(trace);
      hanging?.delete(entry);
      if (hanging?.size === 0) this.#byTrace.delete(trace);
    }
  }
}

interface Entry {
  readonly slot: number;
  /** Uncompressed lower-case wire. */
  readonly name: Buffer;
  readonly type: number;
  readonly answer: Answer;
  readonly serial: SerialNumber;
  /** Where in the body the serial of its SOA record stands; -1 without one. The serial moves far oftener than the rest. */
  readonly serialAt: number;
  readonly traces: readonly string[];
}

const SOA_NUMBERS_BYTES = 20;

/** An SOA record of ours stands last in its answer, and its five numbers stand last in it. */
function serialOffset({ body, ttlOffsets }: Answer): number {
  const lastTtl = ttlOffsets.at(-1);
  if (lastTtl === undefined) return -1;
  return body.readUInt16BE(lastTtl - 4) === TYPE.SOA ? body.length - SOA_NUMBERS_BYTES : -1;
}

function slot(query: Query): number {
  return (query.hash ^ Math.imul(query.type, 0x9e37_79b1)) | 0;
}

function sameName(name: Buffer, query: Query): boolean {
  if (name.length !== query.nameLength) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== query.name[i]) return false;
  return true;
}

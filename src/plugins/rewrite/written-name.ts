import type { Query } from '../../core/query.ts';
import { MAX_NAME_BYTES, writePlainText } from '../../dns/name.ts';

/** Each byte of a name takes at most four characters. */
const MAX_CHARS = 4 * MAX_NAME_BYTES;

/**
 * A name as rules see it: its text in lower case with the last dot, a byte for each character, since every query is held
 * against every rule and must not cost a string for that.
 */
export class WrittenName {
  readonly bytes = Buffer.alloc(MAX_CHARS);
  length = 0;

  takeFrom(query: Query): void {
    this.length = writePlainText(query.name, 0, this.bytes);
    if (this.length < 0) this.take(query.key);
  }

  /** `key`: a name in lower case. */
  take(key: string): void {
    this.length = this.bytes.write(key, 'latin1');
  }
}

import type { Answer } from '../../core/answer.ts';
import { buildAnswer } from '../../core/encode.ts';
import type { Query } from '../../core/query.ts';
import { FLAG, RCODE } from '../../dns/codes.ts';
import { MAX_NAME_BYTES } from '../../dns/name.ts';
import { addressRecord, type ResourceRecord, srvRecord } from '../../dns/record.ts';

/** Tells clients their address, and their port and transport as an SRV record, whatever they ask. */
export function whoami(query: Query): Answer {
  const { transport, address, port } = query.peer;
  const label = `_${transport}`;
  const records = [addressRecord(query.text, 0, address)];
  // A name may be too long to stand below a label of its own.
  if (query.nameLength + 1 + label.length <= MAX_NAME_BYTES) {
    const owner = query.text === '.' ? `${label}.` : `${label}.${query.text}`;
    records.push(srvRecord(owner, 0, { priority: 0, weight: 0, port, target: '.' }));
  }
  return buildAnswer(query, {
    rcode: RCODE.NOERROR,
    flags: FLAG.AA,
    source: 'whoami',
    live: true,
    additional: records.map((record): ResourceRecord => ({ ...record, class: query.class })),
  });
}

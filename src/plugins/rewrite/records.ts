import type { Sections } from '../../core/encode.ts';
import { TYPE } from '../../dns/codes.ts';
import { Reader } from '../../dns/reader.ts';
import type { Rdata, ResourceRecord } from '../../dns/record.ts';
import { nameToWire } from '../../dns/name.ts';
import type { Renaming } from './name-change.ts';
import type { AnswerRenaming } from './rule.ts';

/** Does a renaming in all records of an answer. */
export function renamed(sections: Required<Sections>, { where, renaming }: AnswerRenaming): Required<Sections> {
  const rename = (record: ResourceRecord): ResourceRecord => ({
    ...record,
    name: where === 'values' ? record.name : renaming(record.name),
    data: where === 'owners' ? record.data : renamedData(record, renaming),
  });
  return {
    answer: sections.answer.map(rename),
    authority: sections.authority.map(rename),
    additional: sections.additional.map(rename),
  };
}

/** Of SOA only the name server: the mailbox is no host. */
function renamedData({ type, data }: ResourceRecord, renaming: Renaming): Rdata {
  switch (data.shape) {
    case 'name':
    case 'srv':
      return { ...data, target: renaming(data.target) };
    case 'mx':
      return { ...data, exchange: renaming(data.exchange) };
    case 'soa':
      return { ...data, mname: renaming(data.mname) };
    case 'opaque':
      return type === TYPE.NAPTR ? { ...data, bytes: renamedNaptr(data.bytes, renaming) } : data;
    case 'address':
    case 'strings':
      return data;
    default:
      return data satisfies never;
  }
}

/** RFC 3403 4.1: order, preference, three character strings, and a name. */
function renamedNaptr(bytes: Uint8Array, renaming: Renaming): Uint8Array {
  const reader = new Reader(bytes);
  reader.skip(4);
  for (let i = 0; i < 3; i++) reader.characterString();
  const head = bytes.subarray(0, reader.offset);
  return Buffer.concat([head, nameToWire(renaming(reader.name()))]);
}

import { FLAG, RCODE, TYPE } from '../../src/dns/codes.ts';
import { addressRecord, nameRecord, soaRecord } from '../../src/dns/record.ts';
import { forAnotherName, replyTo, type Script, withAddress } from './stub-server.ts';

/** Of every negative reply. */
export const soa = soaRecord('example.org.', 200, {
  mname: 'ns.example.org.',
  rname: 'host.example.org.',
  serial: 1,
  refresh: 2,
  retry: 3,
  expire: 4,
  minimum: 60,
});

/** The upstream that the reference was recorded with: the first label says what it does. */
export const recorded: Script = (message, via) => {
  const name = message.questions[0]?.name ?? '.';
  const [label = ''] = name.split('.');
  const alias = nameRecord(name, TYPE.CNAME, 100, 'target.example.org.');
  const target = addressRecord('target.example.org.', 100, '1.2.3.4');
  const flags = FLAG.QR | FLAG.RA | (message.flags & (FLAG.RD | FLAG.CD));
  const many = Array.from({ length: 60 }, (_, i) => addressRecord(name, 100, `10.9.0.${i}`));
  const replies: Readonly<Record<string, () => readonly Buffer[]>> = {
    nx: () => [replyTo(message, { rcode: RCODE.NXDOMAIN, authority: [soa] })],
    nxnosoa: () => [replyTo(message, { rcode: RCODE.NXDOMAIN })],
    servfail: () => [replyTo(message, { rcode: RCODE.SERVFAIL })],
    refused: () => [replyTo(message, { rcode: RCODE.REFUSED })],
    notimp: () => [replyTo(message, { rcode: RCODE.NOTIMP })],
    formerr: () => [replyTo(message, { rcode: RCODE.FORMERR })],
    slow: () => [],
    garbage: () => [Buffer.from([1, 2])],
    tc: () => [via === 'udp' ? replyTo(message, { flags: flags | FLAG.TC }) : withAddress(message)],
    nodatanosoa: () => [replyTo(message)],
    nodata: () => [replyTo(message, { authority: [soa] })],
    delegate: () => [replyTo(message, { authority: [nameRecord('example.org.', TYPE.NS, 100, 'ns.example.org.')] })],
    big: () => [replyTo(message, { answer: many })],
    cname: () => [replyTo(message, { answer: [alias, target] })],
    aa: () => [withAddress(message, '1.2.3.4', { flags: flags | FLAG.AA })],
    ad: () => [withAddress(message, '1.2.3.4', { flags: flags | FLAG.AD })],
    qmismatch: () => [forAnotherName(message, 'other.example.org.')],
    casechange: () => [forAnotherName(message, name.toUpperCase())],
    idmismatch: () => [withAddress(message, '6.6.6.6', { id: message.id ^ 1 }), withAddress(message)],
  };
  return (replies[label] ?? (() => [withAddress(message)]))();
};

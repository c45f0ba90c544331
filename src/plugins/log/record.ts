import { className, typeName } from '../../dns/codes.ts';
import { bufferSize, type Exchange, secondsText } from './exchange.ts';

/** A line of the JSON log, without its newline; `message` is what the text log would say. */
export function jsonRecord(
  { query, requestBytes, reply, durationMs }: Exchange,
  message: string,
  wallMs: number,
): string {
  return JSON.stringify({
    time: new Date(wallMs).toISOString(),
    level: 'info',
    msg: message,
    plugin: 'log',
    client_ip: query.peer.address,
    client_port: query.peer.port,
    qname: query.key,
    qtype: typeName(query.type),
    qclass: className(query.class),
    protocol: query.peer.transport,
    id: query.id,
    opcode: query.opcode,
    request_size: requestBytes,
    dnssec_ok: query.dnssecOk,
    bufsize: bufferSize(query),
    rcode: reply?.rcode ?? null,
    response_size: reply?.bytes ?? 0,
    duration_seconds: Number(secondsText(durationMs)),
  });
}

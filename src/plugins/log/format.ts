import { className, typeName } from '../../dns/codes.ts';
import { flagWords } from '../../dns/text.ts';
import { bufferSize, type Exchange, secondsText } from './exchange.ts';

/** Makes the text of a line. */
export type Format = (exchange: Exchange) => string;

/** What stands in place of a value that is not there. */
const MISSING = '-';

export const COMMON_FORMAT = `{remote}:{port} ${MISSING} {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}`;
const COMBINED_FORMAT = `${COMMON_FORMAT} "{>opcode}"`;

const placeholders: Readonly<Record<string, Format>> = {
  '{type}': ({ query }) => typeName(query.type),
  '{class}': ({ query }) => className(query.class),
  '{name}': ({ query }) => query.key,
  '{proto}': ({ query }) => query.peer.transport,
  '{size}': ({ requestBytes }) => String(requestBytes),
  '{remote}': ({ query }) => hostText(query.peer.address),
  '{port}': ({ query }) => String(query.peer.port),
  '{local}': ({ query }) => hostText(query.peer.localAddress),
  '{>id}': ({ query }) => String(query.id),
  '{>opcode}': ({ query }) => String(query.opcode),
  '{>do}': ({ query }) => String(query.dnssecOk),
  '{>bufsize}': ({ query }) => String(bufferSize(query)),
  '{rcode}': ({ reply }) => reply?.rcode ?? MISSING,
  '{>rflags}': ({ reply }) => (reply === undefined ? MISSING : flagWords(reply.flags).join(',')),
  '{rsize}': ({ reply }) => String(reply?.bytes ?? 0),
  '{duration}': ({ durationMs }) => `${secondsText(durationMs)}s`,
};

const PLACEHOLDER = /(\{[^{}]*\})/;

/**
 * Reads a format: `{common}` and `{combined}` stand for other formats, the placeholders above and `{/label}` for values, and
 * everything else for itself.
 */
export function readFormat(text: string): Format {
  const expanded = text.replaceAll('{common}', COMMON_FORMAT).replaceAll('{combined}', COMBINED_FORMAT);
  const parts = expanded.split(PLACEHOLDER).map(readPart);
  return (exchange) => {
    let line = '';
    for (const part of parts) line += typeof part === 'string' ? part : part(exchange);
    return line;
  };
}

function readPart(text: string): string | Format {
  const label = labelOf(text);
  if (label !== undefined) return ({ query, metadata }) => metadata?.value(query, label) ?? MISSING;
  return (Object.hasOwn(placeholders, text) ? placeholders[text] : undefined) ?? text;
}

/** The labels that a format prints, such as `kubernetes/namespace`. */
export function labelsIn(text: string): string[] {
  return text.split(PLACEHOLDER).flatMap((part) => labelOf(part) ?? []);
}

function labelOf(part: string): string | undefined {
  return part.startsWith('{/') && part.endsWith('}') ? part.slice(2, -1) : undefined;
}

/** An IPv6 address in brackets, so that a port can follow (RFC 3986 3.2.2). */
function hostText(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

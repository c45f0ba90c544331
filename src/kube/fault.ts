import type { Exchange } from './exchange.ts';
import { readText } from './body.ts';
import type { Kind } from './objects.ts';
import { resources, typeName } from './resources.ts';
import { fields, text } from './slim.ts';

/**
 * Why a watch stands still, or what it had to leave out. Faults of one kind of object with one code are one trouble:
 *
 * - `unreachable`: no connection, or none that speaks TLS as it should; also credentials that cannot be read
 * - `silent`: connected, but nothing comes
 * - `closed`: the API server ends what it has just begun
 * - `unauthorized`, `forbidden`, `missing`: token or certificate, RBAC rule, API group
 * - `throttled`, `unavailable`: the API server asks for patience
 * - `refused`: any other status
 * - `garbled`: what came is not the protocol
 * - `malformed`: one object was left out; the watch goes on
 */
export type FaultCode =
  | 'unreachable'
  | 'silent'
  | 'closed'
  | 'unauthorized'
  | 'forbidden'
  | 'missing'
  | 'throttled'
  | 'unavailable'
  | 'refused'
  | 'garbled'
  | 'malformed';

export interface Fault {
  readonly code: FaultCode;
  /** One line for the log: what, why and, where we can tell, what to do. */
  readonly message: string;
}

/** The line is the reference's, whose first words people match on: `Failed to watch: failed to list *v1.Service: ...`. */
export function faultOf(code: FaultCode, verb: 'list' | 'watch', kind: Kind, cause: string): Fault {
  return { code, message: `Failed to watch: failed to ${verb} ${typeName(kind)}: ${cause}` };
}

/** The API server's no, as an HTTP response or as an ERROR event within a watch. */
export interface Refusal {
  readonly code: number;
  readonly message: string;
  /** How long it asks us to wait; 0 unless it does. */
  readonly retryAfterMs: number;
}

const longestRetryMs = 60_000;
const refusalBytes = 65_536;
const refusalSilenceMs = 10_000;

/** What a Status object says. Throws `MalformedObject` when it is none. */
export function refusalOfStatus(status: unknown): Refusal {
  const { code, message, details } = fields(status, 'Status');
  const { retryAfterSeconds } = fields(details, 'Status.details');
  return {
    code: typeof code === 'number' ? code : 500,
    message: oneLine(text(message, 'Status.message')),
    retryAfterMs: retryMs(retryAfterSeconds),
  };
}

/** What a response other than 200 says: its body is a Status, or plain text (429, an unknown API group), or anything at all. */
export async function refusalOfResponse(exchange: Exchange): Promise<Refusal> {
  const retryAfterMs = retryMs(Number(exchange.header('retry-after')));
  const body = await readText(
    exchange.chunks(() => refusalSilenceMs),
    refusalBytes,
  ).catch(() => '');
  let message = body;
  try {
    message = text(fields(JSON.parse(body), 'Status')['message'], 'Status.message');
  } catch {
    // It is plain text, and that is the message.
  }
  return { code: exchange.status, message: oneLine(message) || `HTTP status ${exchange.status}`, retryAfterMs };
}

/** A text from outside as a part of one line of the log. */
function oneLine(message: string): string {
  return message.replace(/\s+/g, ' ').trim().slice(0, 300);
}

function retryMs(seconds: unknown): number {
  if (typeof seconds !== 'number' || !(seconds > 0)) return 0;
  return Math.min(longestRetryMs, seconds * 1000);
}

/** The fault a refusal amounts to, with the remedy where there is one. */
export function faultOfRefusal(verb: 'list' | 'watch', kind: Kind, { code, message }: Refusal): Fault {
  const { group, version, plural, ifMissing } = resources[kind];
  switch (code) {
    case 401:
      return faultOf('unauthorized', verb, kind, `${message}: the token or client certificate is not accepted`);
    case 403:
      return faultOf(
        'forbidden',
        verb,
        kind,
        `${message}; its ClusterRole needs the rule apiGroups ["${group}"], resources ["${plural}"], verbs ["list", "watch"]`,
      );
    case 404: {
      const api = group === '' ? version : `${group}/${version}`;
      const advice = ifMissing === undefined ? '' : `: ${ifMissing}`;
      return faultOf('missing', verb, kind, `${message}; the API server does not serve ${plural} of ${api}${advice}`);
    }
    case 429:
      return faultOf('throttled', verb, kind, message);
    default:
      return faultOf(code >= 500 ? 'unavailable' : 'refused', verb, kind, message);
  }
}

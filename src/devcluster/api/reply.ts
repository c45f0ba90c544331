import { ApiError, type Status } from '../objects/status.ts';

/** A whole answer. */
export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: { readonly [name: string]: string };
}

const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain; charset=utf-8';

/** JSON as the API server writes it: compact bodies end with a newline, pretty ones do not. */
export function jsonReply(status: number, value: object, pretty = false): Reply {
  return {
    status,
    contentType: JSON_TYPE,
    body: pretty ? JSON.stringify(value, null, 2) : `${JSON.stringify(value)}\n`,
  };
}

export function textReply(status: number, body: string): Reply {
  return { status, contentType: TEXT_TYPE, body, headers: { 'X-Content-Type-Options': 'nosniff' } };
}

/** The path names nothing this server has; said in plain text, as for a group that is not installed. */
export const pageNotFound = textReply(404, '404 page not found\n');

/** Too many requests: plain text, unlike the other errors. */
export const throttled: Reply = {
  ...textReply(429, 'Too many requests, please try again later.\n'),
  headers: { 'X-Content-Type-Options': 'nosniff', 'Retry-After': '1' },
};

export function statusReply(status: Status & { readonly code: number }): Reply {
  const { retryAfterSeconds } = status.details ?? {};
  const reply = jsonReply(status.code, status);
  return retryAfterSeconds === undefined ? reply : { ...reply, headers: { 'Retry-After': String(retryAfterSeconds) } };
}

/** The answer for what a handler threw: an ApiError says it itself, anything else is a fault of this server. */
export function errorReply(error: unknown): Reply {
  if (error instanceof ApiError) return statusReply(error.status);
  const message = `Internal error occurred: ${error instanceof Error ? error.message : String(error)}`;
  return statusReply(new ApiError(500, 'InternalError', message).status);
}

import { load } from 'js-yaml';
import type { DeleteOptions } from '../cluster.ts';
import { defined, withoutNulls, type Json } from '../objects/json.ts';
import { decode, type Resource } from '../objects/kinds.ts';
import { patchTypes, type Patch } from '../objects/patch.ts';
import { fields, text, whole } from '../objects/shape.ts';
import { ApiError, badRequest, unsupportedMediaType } from '../objects/status.ts';
import { decodeProtobuf } from './protobuf.ts';

/** A request, read whole. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** The media types as sent; `accept` may be a list. */
  readonly accept: string | undefined;
  readonly contentType: string | undefined;
  readonly body: Buffer;
}

/** Throws 406 when the client wants nothing this server writes; a Table or a protobuf it does not. */
export function checkAcceptable({ accept = '*/*' }: ApiRequest): void {
  const wanted = accept.split(',').map((type) => type.trim());
  const plain = wanted.filter((type) => !/;\s*as=/.test(type)).map((type) => type.split(';')[0]);
  if (['application/json', 'application/*', '*/*'].some((type) => plain.includes(type))) return;
  const message = '406: Not Acceptable\n\nAvailable representations: application/json';
  throw new ApiError(406, 'NotAcceptable', message, { details: {} });
}

/** The object of a POST or PUT: JSON, YAML, or the protobuf of `kubectl create`. Throws ApiError 400 or 415. */
export function readObject({ contentType, body }: ApiRequest, resource: Resource): unknown {
  switch (mediaType(contentType)) {
    case 'application/json':
      return parsed(resource, 'json', () => JSON.parse(body.toString()));
    case 'application/yaml':
      return parsed(resource, 'yaml', () => load(body.toString()));
    case 'application/vnd.kubernetes.protobuf':
      return decodeProtobuf(body, resource);
    default:
      throw unsupportedMediaType('application/json, application/yaml, application/vnd.kubernetes.protobuf');
  }
}

/** Throws ApiError 400 or 415. */
export function readPatch({ contentType, body }: ApiRequest, resource: Resource): Patch {
  const found = Object.entries(patchTypes).find(([type]) => type === mediaType(contentType));
  if (found === undefined) {
    throw new ApiError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', { details: {} });
  }
  return { type: found[1], body: parsed(resource, 'json', (): Json => JSON.parse(body.toString())) };
}

const deleteOptionsShape = fields({
  gracePeriodSeconds: whole,
  preconditions: fields({ uid: text, resourceVersion: text }),
});

/** The DeleteOptions of a DELETE; no body is no options. Throws ApiError 400. */
export function readDeleteOptions({ body }: ApiRequest, resource: Resource): DeleteOptions {
  if (body.length === 0) return {};
  const sent: unknown = parsed(resource, 'json', () => JSON.parse(body.toString()));
  const { gracePeriodSeconds, preconditions = {} } = decode(resource, deleteOptionsShape, withoutNulls(sent));
  const { uid, resourceVersion } = preconditions;
  return defined({ gracePeriodSeconds, uid, resourceVersion });
}

function mediaType(contentType = 'application/json'): string {
  return (contentType.split(';')[0] ?? '').trim();
}

function parsed<T>({ kind }: Resource, format: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; ${format} parse error: ${why}`,
    );
  }
}

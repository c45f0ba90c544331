import { defined } from './json.ts';

/** One thing that is wrong with an object, and where. */
export interface Cause {
  readonly reason?: string;
  readonly message: string;
  readonly field?: string;
}

/** What the API answers instead of an object, `kind: Status` (Kubernetes API conventions, "Response Status Kind"). */
export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: { readonly continue?: string };
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code?: number;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly Cause[];
  readonly retryAfterSeconds?: number;
}

/** What a resource is called in messages: `services`, `deployments.apps`. */
export interface ResourceName {
  readonly plural: string;
  readonly group: string;
  readonly kind: string;
}

/** A request the API refuses; `status` is the whole answer, `message` what a person reads. */
export class ApiError extends Error {
  readonly status: Status & { readonly code: number };

  constructor(
    code: number,
    reason: string | undefined,
    message: string,
    more: Pick<Partial<Status>, 'details' | 'metadata'> = {},
  ) {
    super(message);
    const { details, metadata = {} } = more;
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata,
      status: 'Failure',
      message,
      ...defined({ reason, details }),
      code,
    };
  }
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}

export function notFound(resource: ResourceName, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${inMessages(resource)} "${name}" not found`, {
    details: about(resource, name),
  });
}

/** The group is served, the resource or version is not. */
export function noSuchResource(): ApiError {
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource', { details: {} });
}

export function methodNotAllowed(): ApiError {
  const message = 'the server does not allow this method on the requested resource';
  return new ApiError(405, 'MethodNotAllowed', message, { details: {} });
}

export function alreadyExists(resource: ResourceName, name: string): ApiError {
  const message = `${inMessages(resource)} "${name}" already exists`;
  return new ApiError(409, 'AlreadyExists', message, { details: about(resource, name) });
}

export function conflict(resource: ResourceName, name: string, why: string): ApiError {
  const message = `Operation cannot be fulfilled on ${inMessages(resource)} "${name}": ${why}`;
  return new ApiError(409, 'Conflict', message, { details: about(resource, name) });
}

export function unsupportedMediaType(accepted: string): ApiError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted}`;
  return new ApiError(415, 'UnsupportedMediaType', message);
}

/** A list or watch from a resource version this server no longer has. `continueToken`: how to go on all the same. */
export function expired(message: string, continueToken?: string): ApiError {
  const metadata = defined({ continue: continueToken });
  return new ApiError(410, 'Expired', message, { metadata });
}

/** A resource version from the future; the server says so after having waited for it. */
export function tooLargeResourceVersion(asked: number, current: number): ApiError {
  return new ApiError(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });
}

/** The object was understood and is wrong; every cause names its field. `causes` is not empty. */
export function invalid(
  subject: { readonly kind: string; readonly group: string },
  name: string,
  causes: readonly Cause[],
): ApiError {
  const told = causes.map(({ field, message }) => (field === undefined ? message : `${field}: ${message}`));
  const kind = subject.group === '' ? subject.kind : `${subject.kind}.${subject.group}`;
  const message = `${kind} "${name}" is invalid: ${told.length === 1 ? told.join() : `[${told.join(', ')}]`}`;
  const group = subject.group === '' ? undefined : subject.group;
  const details = defined({ name: name === '' ? undefined : name, group, kind: subject.kind, causes });
  return new ApiError(422, 'Invalid', message, { details });
}

/** The causes the API server's own validation knows, with its wording. */
export const cause = {
  required: (field: string, more = ''): Cause => ({
    reason: 'FieldValueRequired',
    message: more === '' ? 'Required value' : `Required value: ${more}`,
    field,
  }),
  invalid: (field: string, value: unknown, why: string): Cause => ({
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
    field,
  }),
  duplicate: (field: string, value: unknown): Cause => ({
    reason: 'FieldValueDuplicate',
    message: `Duplicate value: ${JSON.stringify(value)}`,
    field,
  }),
  forbidden: (field: string, why: string): Cause => ({
    reason: 'FieldValueForbidden',
    message: `Forbidden: ${why}`,
    field,
  }),
  unsupported: (field: string, value: string, supported: readonly string[]): Cause => ({
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: "${value}": supported values: ${supported.map((one) => `"${one}"`).join(', ')}`,
    field,
  }),
};

function inMessages({ plural, group }: ResourceName): string {
  return group === '' ? plural : `${plural}.${group}`;
}

function about({ plural, group }: ResourceName, name: string): StatusDetails {
  return defined({ name, group: group === '' ? undefined : group, kind: plural });
}

import { isDeepStrictEqual } from 'node:util';
import { isJsonList, isJsonObject, type Json } from './json.ts';
import { ApiError, badRequest } from './status.ts';

/**
 * JSON Patch (RFC 6902): the operations one after another, all or none. Throws ApiError 400 when one is malformed,
 * 422 when one does not fit the object or a `test` fails.
 */
export function applyJsonPatch(document: Json, operations: Json): Json {
  if (!isJsonList(operations)) throw badRequest('a JSON patch must be a list of operations');
  return operations.reduce<Json>(applyOperation, document);
}

function applyOperation(document: Json, operation: Json): Json {
  if (!isJsonObject(operation)) throw badRequest('an operation of a JSON patch must be an object');
  const { op, path, from, value = null } = operation;
  const at = pointer(path);
  switch (typeof op === 'string' ? op : '') {
    case 'add':
      return put(document, at, value, 'insert');
    case 'replace':
      read(document, at);
      return put(document, at, value, 'replace');
    case 'remove':
      return remove(document, at);
    case 'move':
      return put(remove(document, pointer(from)), at, read(document, pointer(from)), 'insert');
    case 'copy':
      return put(document, at, read(document, pointer(from)), 'insert');
    case 'test':
      if (!isDeepStrictEqual(read(document, at), value)) throw rejected(`the value at /${at.join('/')} is another`);
      return document;
    default:
      throw badRequest(`unknown operation ${JSON.stringify(op)} in a JSON patch`);
  }
}

/** The steps of a JSON pointer (RFC 6901). */
function pointer(path: Json | undefined): readonly string[] {
  if (typeof path !== 'string' || (path !== '' && !path.startsWith('/'))) {
    throw badRequest(`${JSON.stringify(path)} is not a JSON pointer: it must begin with /`);
  }
  return path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(target: Json, [step, ...rest]: readonly string[]): Json {
  if (step === undefined) return target;
  const member = isJsonList(target)
    ? target[index(step, target.length - 1)]
    : isJsonObject(target)
      ? target[step]
      : undefined;
  if (member === undefined) throw rejected(`there is nothing at ${step}`);
  return read(member, rest);
}

function put(target: Json, [step, ...rest]: readonly string[], value: Json, mode: 'insert' | 'replace'): Json {
  if (step === undefined) return value;
  if (rest.length > 0) return withMember(target, step, put(read(target, [step]), rest, value, mode));
  if (!isJsonList(target) || mode === 'replace') return withMember(target, step, value);
  return target.toSpliced(step === '-' ? target.length : index(step, target.length), 0, value);
}

function remove(target: Json, [step, ...rest]: readonly string[]): Json {
  if (step === undefined) throw rejected('the whole object cannot be removed');
  const member = read(target, [step]);
  if (rest.length > 0) return withMember(target, step, remove(member, rest));
  if (isJsonList(target)) return target.toSpliced(index(step, target.length - 1), 1);
  return isJsonObject(target) ? Object.fromEntries(Object.entries(target).filter(([key]) => key !== step)) : target;
}

function withMember(target: Json, step: string, value: Json): Json {
  if (isJsonList(target)) return target.with(index(step, target.length - 1), value);
  if (isJsonObject(target)) return { ...target, [step]: value };
  throw rejected(`${step} is not in an object or list`);
}

function index(step: string, last: number): number {
  if (!/^(0|[1-9]\d*)$/.test(step) || Number(step) > last) throw rejected(`${step} is not an index of the list`);
  return Number(step);
}

function rejected(why: string): ApiError {
  return new ApiError(422, 'Invalid', `the server rejected our request due to an error in our request: ${why}`, {
    details: {},
  });
}

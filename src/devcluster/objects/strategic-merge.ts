import { isDeepStrictEqual } from 'node:util';
import { isJsonList, isJsonObject, type Json, type JsonObject } from './json.ts';
import type { Kind } from './kinds.ts';
import { badRequest } from './status.ts';

/**
 * By what the items of a list are the same item, for the lists that are merged item by item; every other list is
 * replaced. A list is found by its path without indexes.
 */
const podMergeKeys = {
  containers: 'name',
  'containers.ports': 'containerPort',
  'containers.env': 'name',
  'containers.volumeMounts': 'mountPath',
  initContainers: 'name',
  volumes: 'name',
  imagePullSecrets: 'name',
} as const;

const mergeKeys: { readonly [kind in Kind]: { readonly [path: string]: string } } = {
  Namespace: {},
  Service: { 'spec.ports': 'port' },
  Pod: prefixed('spec', podMergeKeys),
  EndpointSlice: {},
  Deployment: prefixed('spec.template.spec', podMergeKeys),
  StatefulSet: prefixed('spec.template.spec', podMergeKeys),
};

/**
 * The strategic merge patch of kubectl: as a merge patch, but lists with a merge key are merged item by item, and the
 * directives `$patch: delete|replace`, `$retainKeys`, `$setElementOrder/LIST` and `$deleteFromPrimitiveList/LIST` are
 * heeded. Throws ApiError 400.
 */
export function strategicMerge(kind: Kind, object: JsonObject, patch: JsonObject): Json {
  return mergeObject(mergeKeys[kind], '', object, patch);
}

type MergeKeys = { readonly [path: string]: string };

function mergeObject(keys: MergeKeys, path: string, target: JsonObject, patch: JsonObject): JsonObject {
  if (patch['$patch'] === 'replace') return withoutDirectives(patch);
  const merged = new Map<string, Json>(Object.entries(target));
  for (const [name, value] of Object.entries(withoutDirectives(patch))) {
    const below = path === '' ? name : `${path}.${name}`;
    if (value === null || (isJsonObject(value) && value['$patch'] === 'delete')) merged.delete(name);
    else merged.set(name, mergeValue(keys, below, merged.get(name), value));
  }
  for (const [directive, value] of Object.entries(patch)) applyDirective(keys, path, merged, directive, value);
  return Object.fromEntries(merged);
}

function mergeValue(keys: MergeKeys, path: string, target: Json | undefined, patch: Json): Json {
  if (isJsonObject(patch)) return mergeObject(keys, path, isJsonObject(target) ? target : {}, patch);
  const key = keys[path];
  if (!isJsonList(patch) || key === undefined) return patch;
  return mergeList(keys, path, key, isJsonList(target) ? target : [], patch);
}

function mergeList(
  keys: MergeKeys,
  path: string,
  key: string,
  target: readonly Json[],
  patch: readonly Json[],
): readonly Json[] {
  if (patch.some((item) => isJsonObject(item) && item['$patch'] === 'replace')) {
    return patch.filter((item) => !(isJsonObject(item) && item['$patch'] === 'replace'));
  }
  let merged = [...target];
  for (const item of patch) {
    if (!isJsonObject(item) || item[key] === undefined) {
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    }
    const at = merged.findIndex((one) => isJsonObject(one) && isDeepStrictEqual(one[key], item[key]));
    const old = merged[at];
    if (item['$patch'] === 'delete') merged = merged.filter((one) => one !== old);
    else if (isJsonObject(old)) merged = merged.with(at, mergeObject(keys, path, old, item));
    else merged.push(mergeObject(keys, path, {}, item));
  }
  return merged;
}

function applyDirective(
  keys: MergeKeys,
  path: string,
  merged: Map<string, Json>,
  directive: string,
  value: Json,
): void {
  if (!directive.startsWith('$') || directive === '$patch') return;
  if (!isJsonList(value)) throw badRequest(`${directive} in a strategic merge patch must be a list`);
  const [what = '', name = ''] = directive.split('/');
  const list = merged.get(name);
  if (what === '$retainKeys') {
    for (const present of merged.keys()) if (!value.includes(present)) merged.delete(present);
  } else if (what === '$deleteFromPrimitiveList') {
    if (isJsonList(list)) merged.set(name, without(list, value));
  } else if (what === '$setElementOrder') {
    const key = keys[path === '' ? name : `${path}.${name}`];
    if (isJsonList(list)) merged.set(name, inOrderOf(list, value, key));
  } else {
    throw badRequest(`unknown directive ${directive} in a strategic merge patch`);
  }
}

function without(list: readonly Json[], items: readonly Json[]): readonly Json[] {
  return list.filter((item) => !items.includes(item));
}

/** The items `order` names come as it says; those it does not know stay behind them, as they were. */
function inOrderOf(list: readonly Json[], order: readonly Json[], key: string | undefined): readonly Json[] {
  const identity = (item: Json): Json | undefined => (key !== undefined && isJsonObject(item) ? item[key] : item);
  const place = (item: Json): number => {
    const at = order.findIndex((one) => isDeepStrictEqual(identity(one), identity(item)));
    return at < 0 ? order.length : at;
  };
  return list.toSorted((a, b) => place(a) - place(b));
}

function withoutDirectives(patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(patch).filter(([name]) => !name.startsWith('$')));
}

function prefixed(prefix: string, keys: MergeKeys): MergeKeys {
  return Object.fromEntries(Object.entries(keys).map(([path, key]) => [`${prefix}.${path}`, key]));
}

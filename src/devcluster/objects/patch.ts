import { applyJsonPatch } from './json-patch.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import type { Kind } from './kinds.ts';
import { badRequest } from './status.ts';
import { strategicMerge } from './strategic-merge.ts';

/** How each kind of patch is called as a media type, and here. */
export const patchTypes = {
  'application/merge-patch+json': 'merge',
  'application/json-patch+json': 'json',
  'application/strategic-merge-patch+json': 'strategic',
} as const;

export interface Patch {
  readonly type: (typeof patchTypes)[keyof typeof patchTypes];
  readonly body: Json;
}

/** `object` with the patch applied; the object itself stays as it is. Throws ApiError 400 or 422. */
export function applyPatch(kind: Kind, object: JsonObject, { type, body }: Patch): Json {
  if (type === 'json') return applyJsonPatch(object, body);
  if (!isJsonObject(body)) throw badRequest('the patch must be a JSON object');
  return type === 'merge' ? mergePatch(object, body) : strategicMerge(kind, object, body);
}

/** RFC 7386: null removes a member, an object is merged, anything else replaces. */
function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isJsonObject(patch)) return patch;
  const merged = new Map<string, Json>(isJsonObject(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

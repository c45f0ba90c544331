import { isDeepStrictEqual } from 'node:util';
import { orNull, type Endpoint, type EndpointPort, type EndpointSlice } from '../objects/endpoint-slice.ts';
import type { EndpointGroup } from './endpoints.ts';

const MAX_ENDPOINTS = 100;

/** What one slice shall hold; `slice` is the present one to change, undefined for a new one. */
export interface PlannedSlice {
  readonly slice: EndpointSlice | undefined;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

export interface SlicePlan {
  readonly slices: readonly PlannedSlice[];
  readonly superfluous: readonly EndpointSlice[];
}

/**
 * Spreads the endpoints of a Service over slices of at most 100, changing as little as may be: an endpoint stays in
 * the slice and place where it is, a new one goes where there is room, and slices are never evened out. A Service
 * without endpoints keeps one empty slice.
 */
export function planSlices(present: readonly EndpointSlice[], groups: readonly EndpointGroup[]): SlicePlan {
  const waiting = groups.map(({ ports, endpoints }) => ({ ports, endpoints: new Map(endpoints) }));
  const slices: { slice: EndpointSlice | undefined; ports: readonly EndpointPort[]; endpoints: Endpoint[] }[] = [];
  const emptied: EndpointSlice[] = [];

  for (const slice of present) {
    const group = waiting.find(({ ports }) => isDeepStrictEqual(orNull(ports), slice.ports));
    const endpoints = (slice.endpoints ?? []).flatMap(({ targetRef }) => take(group?.endpoints, targetRef?.uid));
    if (group === undefined || endpoints.length === 0) emptied.push(slice);
    else slices.push({ slice, ports: group.ports, endpoints });
  }
  for (const { ports, endpoints } of waiting) {
    for (const endpoint of endpoints.values()) {
      let room = slices.find(
        (planned) => planned.endpoints.length < MAX_ENDPOINTS && isDeepStrictEqual(planned.ports, ports),
      );
      if (room === undefined) {
        room = { slice: emptied.shift(), ports, endpoints: [] };
        slices.push(room);
      }
      room.endpoints.push(endpoint);
    }
  }
  if (slices.length === 0) slices.push({ slice: emptied.shift(), ports: [], endpoints: [] });
  return { slices, superfluous: emptied };
}

/** The endpoint as it is now, taken from those that wait for a place. */
function take(waiting: Map<string, Endpoint> | undefined, uid: string | undefined): readonly Endpoint[] {
  const endpoint = uid === undefined ? undefined : waiting?.get(uid);
  if (uid === undefined || endpoint === undefined) return [];
  waiting?.delete(uid);
  return [endpoint];
}

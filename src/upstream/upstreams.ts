import { Capability } from '../core/capability.ts';
import type { Upstream } from './upstream.ts';

/** The servers that a plugin of the block passes questions on to, once it has started. */
export interface Upstreams {
  readonly servers: readonly Upstream[];
}

/** Where plugins that judge upstream servers find them. */
export const upstreams = new Capability<Upstreams>();

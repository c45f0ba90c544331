import { Capability } from '../core/capability.ts';
import type { Upstream } from './upstream.ts';

/** One server that a plugin of the block passes questions on to. */
export interface UpstreamRoute {
  readonly server: Upstream;
  /** The names that go there are in this zone: a key. */
  readonly zone: string;
  /** How a question of the server's own is best put. */
  readonly transport: 'udp' | 'tcp';
}

/** Where plugins that judge upstream servers find them. */
export interface Upstreams {
  /** Complete once the plugin has started. */
  readonly routes: readonly UpstreamRoute[];
}

export const upstreams = new Capability<Upstreams>();

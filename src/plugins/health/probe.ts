import { get } from 'node:http';
import type { HostPort } from '../../runtime/http.ts';

/** Asks `target` for `/health`; resolves when the response is there, whatever its status, and rejects when there is none. */
export type Probe = (target: HostPort, signal: AbortSignal) => Promise<void>;

/** Over a connection of its own, as a kubelet asks: one kept open would not notice that no new ones are taken. */
export const httpProbe: Probe = ({ host, port }, signal) =>
  new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(signal.aborted ? signal.reason : error);
    const request = get({ host, port, path: '/health', agent: false, signal }, (response) => {
      response.once('error', fail);
      response.once('end', resolve);
      response.resume();
    });
    request.once('error', fail);
  });

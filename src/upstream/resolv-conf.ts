import { isIP } from 'node:net';

/** A `nameserver` line of a resolv.conf. */
export interface Nameserver {
  readonly address: string;
  /** From 1. */
  readonly line: number;
}

/** The name servers of a resolv.conf (resolv.conf(5)), IPv6 addresses without their scope; all other lines are passed over. */
export function readResolvConf(text: string): readonly Nameserver[] {
  return text.split('\n').flatMap((line, i) => {
    const [keyword, word = ''] = line.trim().split(/\s+/);
    const [address = ''] = word.split('%', 1);
    return keyword === 'nameserver' && isIP(address) !== 0 ? [{ address, line: i + 1 }] : [];
  });
}

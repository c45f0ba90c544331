import { isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { IpFamily } from './addresses.ts';
import type { IpFamilyPolicy, ServiceCheck } from './service-shape.ts';
import { cause } from './status.ts';

const policies = ['SingleStack', 'PreferDualStack', 'RequireDualStack'] as const;
const families = ['IPv4', 'IPv6'] as const;

/** The part of a Service's spec that says where it is reached; empty for ExternalName. */
export interface ClusterAddresses {
  readonly clusterIPs?: readonly string[];
  readonly ipFamilies?: readonly IpFamily[];
  readonly ipFamilyPolicy?: IpFamilyPolicy;
}

/**
 * One address per family asked for: the address the client names, else the one the Service has, else a new one.
 * A headless Service has the families and `None`. Adds to `causes` what cannot be had.
 */
export function clusterAddresses(check: ServiceCheck): ClusterAddresses {
  const { type, old, causes } = check;
  const asked = askedAddresses(check);
  if (type === 'ExternalName') {
    // A patch of the type alone still carries the addresses of the old type.
    if (asked.length > 0 && !isDeepStrictEqual(asked, old?.clusterIPs)) {
      causes.push(cause.invalid('spec.clusterIPs', asked, "may not be set when type is 'ExternalName'"));
    }
    return {};
  }
  const ipFamilyPolicy = policyOf(check, asked);
  const ipFamilies = familiesOf(check, asked, ipFamilyPolicy);
  const headless = asked[0] === 'None' || (asked.length === 0 && old?.clusterIP === 'None');
  const changed = asked.findIndex((address, index) => (old?.clusterIPs?.[index] ?? address) !== address);
  if (changed >= 0) causes.push(cause.invalid(`spec.clusterIPs[${changed}]`, asked, 'may not change once set'));
  if (causes.length > 0) return {};
  const clusterIPs = headless ? ['None'] : ipFamilies.map((family, index) => addressOf(check, family, index, asked));
  return { clusterIPs, ipFamilies, ipFamilyPolicy };
}

/** The addresses the client names; the singular field and the first of the plural one are the same thing. */
function askedAddresses({ spec }: ServiceCheck): readonly string[] {
  const first = spec.clusterIP ?? spec.clusterIPs?.[0] ?? '';
  const named = [first, ...(spec.clusterIPs ?? []).slice(1)];
  return named.filter((address) => address !== '');
}

function policyOf({ spec, old, causes }: ServiceCheck, asked: readonly string[]): IpFamilyPolicy {
  const both = (spec.ipFamilies ?? asked).length > 1;
  const wanted = spec.ipFamilyPolicy ?? old?.ipFamilyPolicy ?? (both ? 'RequireDualStack' : 'SingleStack');
  const policy = policies.find((one) => one === wanted);
  if (policy === undefined) causes.push(cause.unsupported('spec.ipFamilyPolicy', wanted, policies));
  return policy ?? 'SingleStack';
}

function familiesOf(
  { spec, old, causes }: ServiceCheck,
  asked: readonly string[],
  policy: IpFamilyPolicy,
): readonly IpFamily[] {
  const byAddress = asked.map((address) => (isIP(address) === 6 ? 'IPv6' : 'IPv4'));
  const named = spec.ipFamilies ?? old?.ipFamilies ?? (asked[0] === 'None' ? [] : byAddress);
  const known = named.flatMap((name) => families.filter((family) => family === name));
  const unknown = named.find((name) => !families.some((family) => family === name));
  if (unknown !== undefined) causes.push(cause.unsupported('spec.ipFamilies', unknown, families));
  const first = known[0] ?? 'IPv4';
  const second = first === 'IPv4' ? 'IPv6' : 'IPv4';
  if (known.length > 1 && known[1] === first) causes.push(cause.duplicate('spec.ipFamilies[1]', first));
  if (policy !== 'SingleStack') return [first, second];
  // Going back to one family drops the second; asking for two of one policy is a mistake.
  if (known.length > 1 && !isDeepStrictEqual(known, old?.ipFamilies)) {
    const why = 'must be RequireDualStack or PreferDualStack when multiple IP families are specified';
    causes.push(cause.invalid('spec.ipFamilyPolicy', policy, why));
  }
  return [first];
}

function addressOf(check: ServiceCheck, family: IpFamily, index: number, asked: readonly string[]): string {
  const { old, owner, addresses, causes } = check;
  const address = asked[index] ?? old?.clusterIPs?.[index];
  if (address === undefined || address === 'None') return addresses.clusterIp(family, owner);
  if (isIP(address) !== (family === 'IPv4' ? 4 : 6)) {
    const why = `expected an ${family} value as indicated by \`ipFamilies[${index}]\``;
    causes.push(cause.invalid(`spec.clusterIPs[${index}]`, address, why));
    return address;
  }
  const refusal = addresses.refusesClusterIp(address, owner);
  if (refusal !== undefined) causes.push(cause.invalid('spec.clusterIPs', asked, refusal));
  return address;
}

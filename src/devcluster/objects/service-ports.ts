import type { Protocol } from './addresses.ts';
import { defined } from './json.ts';
import type { ServiceCheck, ServicePort, ServicePortInput } from './service-shape.ts';
import { cause, type Cause } from './status.ts';

const protocols = ['SCTP', 'TCP', 'UDP'] as const;

/** What is wrong with `spec.ports` as sent. */
export function portCauses({ spec, type }: ServiceCheck): readonly Cause[] {
  const ports = spec.ports ?? [];
  const needsNone = type === 'ExternalName' || spec.clusterIP === 'None';
  if (ports.length === 0) return needsNone ? [] : [cause.required('spec.ports')];
  const names = new Set<string>();
  const numbers = new Set<string>();
  return ports.flatMap((port, index) => {
    const field = `spec.ports[${index}]`;
    const causes = [...nameCauses(port, field, ports.length > 1, names), ...numberCauses(port, field)];
    const number = `${protocolOf(port)}/${port.port}`;
    if (numbers.has(number)) causes.push(cause.duplicate(field, { protocol: protocolOf(port), port: port.port }));
    numbers.add(number);
    return causes;
  });
}

/** The ports with their defaults, and with node ports where the type has them. Adds to `causes` what cannot be had. */
export function completePorts(check: ServiceCheck): readonly ServicePort[] | undefined {
  const chosen = new Set<number>();
  return check.spec.ports?.map((port, index) => {
    const protocol = protocolOf(port) ?? 'TCP';
    const number = port.port ?? 0;
    const nodePort = nodePortOf(check, { ...port, port: number, protocol }, `spec.ports[${index}].nodePort`, chosen);
    if (nodePort !== undefined) chosen.add(nodePort);
    const name = port.name === '' ? undefined : port.name;
    return defined({ ...port, name, protocol, port: number, targetPort: port.targetPort ?? number, nodePort });
  });
}

function nameCauses(port: ServicePortInput, field: string, needed: boolean, names: Set<string>): Cause[] {
  const name = port.name ?? '';
  if (name === '') return needed ? [cause.required(`${field}.name`)] : [];
  if (names.has(name)) return [cause.duplicate(`${field}.name`, name)];
  names.add(name);
  return [];
}

function numberCauses(port: ServicePortInput, field: string): readonly Cause[] {
  const causes: Cause[] = [];
  if (!isPort(port.port)) causes.push(outOfRange(`${field}.port`, port.port ?? 0));
  if (typeof port.targetPort === 'number' && !isPort(port.targetPort)) {
    causes.push(outOfRange(`${field}.targetPort`, port.targetPort));
  }
  if (protocolOf(port) === undefined) {
    causes.push(cause.unsupported(`${field}.protocol`, port.protocol ?? '', protocols));
  }
  return causes;
}

function isPort(port: number | undefined): boolean {
  return port !== undefined && port >= 1 && port <= 65_535;
}

function outOfRange(field: string, port: number): Cause {
  return cause.invalid(field, port, 'must be between 1 and 65535, inclusive');
}

function protocolOf(port: ServicePortInput): Protocol | undefined {
  return protocols.find((one) => one === (port.protocol ?? 'TCP'));
}

/** The port's node port: the one asked for, else the one it has, else a free one. */
function nodePortOf(
  { type, old, owner, addresses, causes }: ServiceCheck,
  port: { readonly port: number; readonly protocol: Protocol; readonly nodePort?: number },
  field: string,
  chosen: ReadonlySet<number>,
): number | undefined {
  const before = old?.ports?.find((one) => one.port === port.port && one.protocol === port.protocol)?.nodePort;
  if (type !== 'NodePort' && type !== 'LoadBalancer') {
    // A patch of the type alone still carries the node port of the old type.
    const left = port.nodePort === undefined || port.nodePort === 0 || port.nodePort === before;
    if (!left) causes.push(cause.forbidden(field, `may not be used when \`type\` is '${type}'`));
    return undefined;
  }
  const asked = port.nodePort === 0 ? before : (port.nodePort ?? before);
  if (asked === undefined) return addresses.nodePort(port.protocol, port.port, owner, chosen);
  const refusal = addresses.refusesNodePort(port.protocol, asked, owner);
  if (refusal !== undefined) causes.push(cause.invalid(field, asked, refusal));
  else if (chosen.has(asked)) causes.push(cause.duplicate(field, asked));
  return asked;
}

import type { Service } from '../server/service.ts';

/** One line for each zone and listener, as the reference prints them: `.:53`, `example.org.:53 on 10.0.0.1`. */
export function zoneLines(endpoints: Service['endpoints']): string[] {
  return endpoints.flatMap(({ address, port, zones }) => {
    const where = address === '' ? '' : ` on ${address}`;
    return zones.toSorted().map((zone) => `${zone}:${port}${where}`);
  });
}

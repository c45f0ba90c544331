import type { Service } from '../server/service.ts';

/** What the start tells of the zones: warnings for odd names, then a line for each zone and listener. */
export function startLines(service: Pick<Service, 'endpoints' | 'oddZones'>): string[] {
  const warnings = service.oddZones.map(
    (zone) => `Warning: Domain ${JSON.stringify(zone)} does not follow RFC1035 preferred syntax`,
  );
  return [...warnings, ...zoneLines(service.endpoints)];
}

/** As the reference prints them: `.:53`, `example.org.:53 on 10.0.0.1`. */
function zoneLines(endpoints: Service['endpoints']): string[] {
  return endpoints.flatMap(({ address, port, zones }) => {
    const where = address === '' ? '' : ` on ${address}`;
    return zones.toSorted().map((zone) => `${zone}:${port}${where}`);
  });
}

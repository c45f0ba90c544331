import { KINDS } from '../../kube/objects.ts';
import type { Cluster } from '../../kube/store.ts';
import { Directory } from './directory.ts';
import { type Grammar, grammarOf } from './question.ts';
import type { Serial, SerialNumber } from './serial.ts';
import { type ZoneOptions, ZoneReader } from './zone.ts';

/** Where the names of a zone are looked up, and the serial of its SOA record. */
export interface ZoneView {
  readonly directory: Directory;
  readonly reader: ZoneReader;
  readonly serial: SerialNumber;
}

export interface ZoneViewOptions extends Omit<ZoneOptions, 'grammar'> {
  readonly zonal: boolean;
  /** The keys of the zones whose services are imported ones. */
  readonly multicluster: readonly string[];
}

/** Gives each zone its view, by the zone's key. */
export function zoneViews(cluster: Cluster, serial: Serial, options: ZoneViewOptions): (zone: string) => ZoneView {
  const own = new Directory(cluster, options.served);
  const all = new Directory(cluster, options.served, KINDS);
  const views: Readonly<Record<Grammar, ZoneView>> = {
    plain: viewOf(own, serial, { ...options, grammar: 'plain' }),
    zonal: viewOf(own, serial, { ...options, grammar: 'zonal' }),
    multicluster: viewOf(all, serial.multicluster, { ...options, grammar: 'multicluster' }),
  };
  return (zone) => views[grammarOf(options, zone)];
}

function viewOf(directory: Directory, serial: SerialNumber, options: ZoneOptions): ZoneView {
  return { directory, serial, reader: new ZoneReader(directory, options, () => serial.value) };
}

/** What a relay tells Prometheus, on a port of its own. */
import type { Server } from 'node:http';
import { listenAt, metricsServer } from '../core/metrics/door.js';
import type { Endpoint } from '../core/lib/endpoint.js';
import { listenAtDescriptor } from '../core/native/listening.js';
import { labelled, register, single, type Series } from '../core/metrics/series.js';
import { totalsOf, type CounterBlock } from './counters.js';

export interface MetricsSource {
  readonly blocks: () => readonly CounterBlock[];
  readonly refused: () => ReadonlyMap<string, number>;
  readonly clients: () => number;
  readonly members: () => number;
  readonly networks: () => number;
  readonly restarts: () => number;
}

function seriesOf(source: MetricsSource): Series[] {
  const totals = () => totalsOf(source.blocks());
  const counter = labelled.bind(undefined, 'counter');
  return [
    single('evio_relay_clients', 'Nodes connected now', source.clients),
    single('evio_relay_members', 'Members known, connected or not', source.members),
    single('evio_relay_networks', 'Networks known', source.networks),
    counter('evio_relay_packets_total', 'Packets forwarded', 'way', () => Object.entries(totals().packets)),
    counter('evio_relay_bytes_total', 'Bytes forwarded', 'way', () => Object.entries(totals().bytes)),
    counter('evio_relay_drops_total', 'Packets dropped', 'reason', () => Object.entries(totals().drops)),
    counter('evio_relay_refused_total', 'Handshakes and registrations refused', 'reason', source.refused),
    counter('evio_relay_datagrams_total', 'Datagrams answered by the relay itself', 'kind', () => {
      const { stun, binds, hints } = totals();
      return Object.entries({ stun, bind: binds, hint: hints });
    }),
    counter('evio_relay_restarts_total', 'Times a thread crashed and was started again', 'thread', () => [
      ['forward', source.restarts()],
    ]),
  ];
}

/** Starts GET /metrics at a place, or at a listening descriptor; rejects with the system's error. */
export async function serveMetrics(place: Endpoint | number, source: MetricsSource): Promise<Server> {
  const { Registry, collectDefaultMetrics } = await import('prom-client');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  await register(registry, seriesOf(source));
  const server = metricsServer(async () => ({
    contentType: registry.contentType,
    text: await registry.metrics(),
  }));
  if (typeof place === 'number') await listenAtDescriptor(server, place);
  else await listenAt(server, place);
  return server;
}

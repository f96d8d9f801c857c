/**
 * The series of a node, from what its control socket tells (node/metrics-report.ts). Labels are states, kinds, reasons,
 * and the at most 16 relays of a network: no member has a series of its own, so a network of ten thousand has as many as one of
 * two. test/unit/process/node-metrics.test.ts holds the number.
 */
import type { NetworkMetrics } from '../node/metrics-report.js';
import type { Sample, Series } from '../metrics/series.js';
import { natMappings } from '../wire/nat.js';

export interface NodeMetrics {
  readonly networks: readonly NetworkMetrics[];
  readonly refusedUsers: number;
}

/** @param latest what the scrape in hand was told */
export function nodeSeries(version: string, latest: () => NodeMetrics): Series[] {
  /** Samples of each network. The networks of one process may have one name. */
  const each = (
    kind: Series['kind'],
    name: string,
    help: string,
    labels: readonly string[],
    samples: (network: NetworkMetrics) => Iterable<readonly [...values: string[], count: number]>,
  ): Series => ({
    name: `evio_node_${name}`,
    help,
    kind,
    labels: ['network', ...labels],
    *read(): Iterable<Sample> {
      const { networks } = latest();
      for (const network of networks) {
        const { id, name } = network.status.network;
        const twin = networks.some(({ status }) => status.network.name === name && status.network.id !== id);
        for (const sample of samples(network)) {
          const values = [twin ? `${name} ${id}` : name, ...(sample.slice(0, -1) as string[])];
          yield [
            Object.fromEntries(['network', ...labels].map((label, i) => [label, values[i] as string])),
            sample.at(-1) as number,
          ];
        }
      }
    },
  });
  const gauge = each.bind(undefined, 'gauge');
  const counter = each.bind(undefined, 'counter');
  const number = (name: string, help: string, read: (network: NetworkMetrics) => number): Series =>
    gauge(name, help, [], (network) => [[read(network)]]);
  const seconds = (ms: number): number => ms / 1000;
  return [
    {
      name: 'evio_node_info',
      help: 'The program',
      kind: 'gauge',
      labels: ['version'],
      read: () => [[{ version }, 1]],
    },
    {
      name: 'evio_node_refused_users_total',
      help: 'Connections of other users to the control socket',
      kind: 'counter',
      read: () => [[{}, latest().refusedUsers]],
    },
    number('uptime_seconds', 'Since the network began', ({ status }) => seconds(status.node.uptimeMs)),
    gauge('peers', 'Members known here, by state', ['state'], ({ peers }) => Object.entries(peers)),
    gauge('links', 'Links of the overlay, by what they are for', ['role'], ({ links }) =>
      Object.entries(links),
    ),
    gauge('paths', 'Peers connected, by how packets reach them', ['kind'], ({ paths }) =>
      Object.entries(paths).map(([kind, { count }]) => [kind, count]),
    ),
    gauge(
      'path_rtt_seconds',
      'Round trips to peers: half of them, nine in ten, all',
      ['kind', 'quantile'],
      ({ paths }) =>
        Object.entries(paths).flatMap(([kind, { rttMs }]) =>
          rttMs === null
            ? []
            : [
                [kind, '0.5', seconds(rttMs.p50)] as const,
                [kind, '0.9', seconds(rttMs.p90)] as const,
                [kind, '1', seconds(rttMs.max)] as const,
              ],
        ),
    ),
    number('ring_size_estimate', 'Members, as the ring looks from here', ({ sizeEstimate }) => sizeEstimate),
    counter('bytes_total', 'Of frames, by the interface', ['direction'], ({ status: { device } }) => [
      ['in', device.rxBytes],
      ['out', device.txBytes],
    ]),
    counter('frames_total', 'By the interface', ['direction'], ({ status: { device } }) => [
      ['in', device.rxFrames],
      ['out', device.txFrames],
    ]),
    counter('transit_packets_total', 'Packets of other members passed on', [], ({ status }) => [
      [status.device.transitPackets],
    ]),
    counter('transit_bytes_total', 'Bytes of other members passed on', [], ({ status }) => [
      [status.device.transitBytes],
    ]),
    counter('drops_total', 'Packets and frames dropped', ['reason'], ({ status }) =>
      Object.entries(status.device.drops),
    ),
    counter('restarts_total', 'Times a packet thread crashed and was started again', [], ({ status }) => [
      [status.device.restarts],
    ]),
    gauge('relay_up', '1: connected to the relay', ['relay'], ({ status }) =>
      status.relays.map(({ url, state }) => [url, state === 'connected' ? 1 : 0]),
    ),
    gauge('relay_udp', '1: the relay is reached by UDP, 0: by WebSocket', ['relay'], ({ status }) =>
      status.relays
        .filter(({ state }) => state === 'connected')
        .map(({ url, transport }) => [url, transport === 'udp' ? 1 : 0]),
    ),
    gauge('relay_rtt_seconds', 'Round trip to the relay', ['relay'], ({ status }) =>
      status.relays.flatMap(({ url, rttMs }) => (rttMs === null ? [] : [[url, seconds(rttMs)] as const])),
    ),
    number('udp_blocked', '1: UDP reaches no relay', ({ status }) => (status.nat.udpBlocked ? 1 : 0)),
    gauge('nat', 'How the NAT maps', ['mapping'], ({ status }) =>
      natMappings.map((mapping) => [mapping, status.nat.mapping === mapping ? 1 : 0]),
    ),
    number(
      'certificate_expires_timestamp_seconds',
      'When the membership ends unless it is renewed',
      ({ status }) => seconds(Date.parse(status.certificate.expires)),
    ),
    number('certificate_renewal_failing', '1: no admin renewed it so far', ({ status }) =>
      status.certificate.renewal === 'failing' ? 1 : 0,
    ),
    counter('policy_frames_total', 'Frames, by what the policy said', ['action'], ({ policy }) =>
      Object.entries(policy),
    ),
    number(
      'quarantined_peers',
      'Peers whose frames are dropped for what they did',
      (network) => network.quarantined,
    ),
    number('conflicts', 'Members that claim what another has', ({ conflicts }) => conflicts),
    number('waiting_members', 'Who waits to be let in', ({ waiting }) => waiting),
    number('refused_routes', 'Subnets that members announce and may not', (network) => network.refusedRoutes),
  ];
}

/** Of the process: cheap to read, unlike the defaults of prom-client, which keep a timer of 10 ms and an observer running. */
export function processSeries(): Series[] {
  const gauge = (name: string, help: string, read: () => number): Series => ({
    name,
    help,
    kind: 'gauge',
    read: () => [[{}, read()]],
  });
  return [
    {
      name: 'process_cpu_seconds_total',
      help: 'User and system time',
      kind: 'counter',
      read: () => {
        const { user, system } = process.cpuUsage();
        return [[{}, (user + system) / 1e6]];
      },
    },
    gauge('process_resident_memory_bytes', 'Memory in use', () => process.memoryUsage.rss()),
    gauge('nodejs_heap_size_used_bytes', 'Heap of the control thread', () => process.memoryUsage().heapUsed),
    gauge('process_start_time_seconds', 'When it began', () => Date.now() / 1000 - process.uptime()),
  ];
}

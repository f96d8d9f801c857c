/** `evio node --metrics`: asks the node's control socket at each scrape, as any other client does. */
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { OpenMetricsContentType } from 'prom-client';
import { ask } from '../control/client.js';
import { formatEndpoint, isLoopback, parseHostPort } from '../lib/endpoint.js';
import { EvioError } from '../lib/errors.js';
import { listenError, type ListenHints } from '../lib/listen-error.js';
import { badValue } from '../identity/names.js';
import { listenAt, metricsServer, type MetricsPlace } from '../metrics/door.js';
import { register } from '../metrics/series.js';
import { listenExclusively } from './socket-file.js';
import { nodeSeries, processSeries, type NodeMetrics } from './node-series.js';

const unixPrefix = 'unix:';
/** Mode of the Unix socket. */
const everybody = 0o666;

/**
 * Where metrics are asked for: a loopback address, because whoever reaches it may read, or a Unix socket.
 *
 * @throws EvioError EVIO_BAD_VALUE
 */
export function metricsPlace(text: string): MetricsPlace {
  if (text.startsWith(`${unixPrefix}/`)) return { path: text.slice(unixPrefix.length) };
  const parsed = parseHostPort(text);
  if (parsed && isHere(parsed.host)) return parsed;
  throw badValue(
    `"${text}" is no place for the metrics of a node: a loopback address or a Unix socket.`,
    'For example: --metrics 127.0.0.1:9479, or --metrics unix:/run/evio/metrics.sock',
    'Have another program carry them further, such as an agent of Prometheus or of OpenTelemetry.',
  );
}

const isHere = (host: string): boolean => host === 'localhost' || isLoopback(host);

/** A page in a browser that reaches us by a name of its own (DNS rebinding) is turned away. */
function namesUs({ headers }: IncomingMessage): boolean {
  const host = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return isHere(host);
}

export interface NodeMetricsDoor {
  /** `HOST:PORT` that is bound, or `unix:PATH`. */
  readonly address: string;
  close(): void;
}

/**
 * Serves the numbers of the node with this control socket. Who may open a Unix socket is a matter of its folder.
 *
 * @throws EvioError EVIO_ADDRESS_IN_USE, EVIO_NO_PRIVILEGE, EVIO_BAD_VALUE
 */
export async function serveNodeMetrics(
  place: MetricsPlace,
  controlSocket: string,
  version: string,
): Promise<NodeMetricsDoor> {
  const { Registry } = await import('prom-client');
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  let latest: NodeMetrics = { networks: [], refusedUsers: 0 };
  await register(registry, [...nodeSeries(version, () => latest), ...processSeries()]);
  const server = metricsServer(
    async () => {
      latest = await ask(controlSocket, 'metrics', {});
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
    'path' in place ? undefined : namesUs,
  );
  let release: (() => void) | undefined;
  try {
    if ('path' in place) {
      release = await listenExclusively(server, place.path, inUse, everybody);
    } else await listenAt(server, place);
  } catch (thrown) {
    server.close();
    if (thrown instanceof EvioError) throw thrown;
    throw listenError('path' in place ? place.path : formatEndpoint(place), thrown, hints);
  }
  const bound = server.address() as AddressInfo;
  return {
    address:
      'path' in place
        ? `${unixPrefix}${place.path}`
        : formatEndpoint({ host: bound.address, port: bound.port }),
    close: () => {
      release?.();
      server.close();
      server.closeAllConnections();
    },
  };
}

const elsewhere = 'Choose another place: --metrics 127.0.0.1:PORT';
const hints: ListenHints = {
  taken: [elsewhere],
  forbidden: ['Choose a port above 1023, or a folder that this user may write to.'],
  other: [elsewhere],
};

const inUse = (address: string): EvioError => listenError(address, { code: 'EADDRINUSE' }, hints);

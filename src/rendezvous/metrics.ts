/** Prometheus metrics on a port of their own. prom-client is loaded only when they are asked for. */
import { createServer, type Server } from 'node:http';
import { totalsOf, type CounterBlock } from './counters.js';

export interface MetricsSource {
  readonly blocks: () => readonly CounterBlock[];
  readonly refused: () => ReadonlyMap<string, number>;
  readonly clients: () => number;
  readonly members: () => number;
  readonly networks: () => number;
  readonly restarts: () => number;
}

/** Starts GET /metrics at `host:port`; rejects with the system's error. */
export async function serveMetrics(host: string, port: number, source: MetricsSource): Promise<Server> {
  const { Counter, Gauge, Registry, collectDefaultMetrics } = await import('prom-client');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  gauge('evio_relay_clients', 'Nodes connected now', source.clients);
  gauge('evio_relay_members', 'Members known, connected or not', source.members);
  gauge('evio_relay_networks', 'Networks known', source.networks);
  const counter = <L extends string>(
    name: string,
    help: string,
    label: L,
    read: () => Iterable<[string, number]>,
  ) => {
    new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [value, count] of read()) this.inc({ [label]: value } as Record<L, string>, count);
      },
    });
  };
  const totals = () => totalsOf(source.blocks());
  counter('evio_relay_packets_total', 'Packets forwarded', 'way', () => Object.entries(totals().packets));
  counter('evio_relay_bytes_total', 'Bytes forwarded', 'way', () => Object.entries(totals().bytes));
  counter('evio_relay_drops_total', 'Packets dropped', 'reason', () => Object.entries(totals().drops));
  counter('evio_relay_refused_total', 'Handshakes and registrations refused', 'reason', () =>
    source.refused(),
  );
  counter('evio_relay_datagrams_total', 'Datagrams answered by the relay itself', 'kind', () => {
    const { stun, binds, hints } = totals();
    return Object.entries({ stun, bind: binds, hint: hints });
  });
  counter('evio_relay_restarts_total', 'Times a thread crashed and was started again', 'thread', () => [
    ['forward', source.restarts()],
  ]);

  const server = createServer((request, response) => {
    if (request.url !== '/metrics' || request.method !== 'GET') {
      response.writeHead(404).end();
      return;
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.headersTimeout = server.requestTimeout = 5_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return server;
}

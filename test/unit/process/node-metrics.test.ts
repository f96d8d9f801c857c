import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { networkMetrics } from '../../../src/core/node/metrics-report.js';
import {
  metricsPlace,
  serveNodeMetrics,
  type NodeMetricsDoor,
} from '../../../src/core/process/node-metrics.js';
import { dropReasons } from '../../../src/core/dataplane/plane/plane.js';
import type { ControlServer } from '../../../src/core/control/server.js';
import { fakeNode, peer, policy, status, TestHome } from '../../cli/support.js';

const kinds = ['direct', 'webrtc', 'relay', 'overlay'] as const;

/** A network with the most of everything that has a bound, and so many members. */
function crowded(members: number, name = 'home', id = status.network.id) {
  const relays = Array.from({ length: 16 }, (_, i) => ({
    ...status.relays[0],
    url: `evio://relay-${i}:3478`,
  }));
  const device = { ...status.device, drops: Object.fromEntries(dropReasons.map((reason) => [reason, 1])) };
  const peers = Array.from({ length: members }, (_, i) => ({
    ...peer,
    id: i.toString(16).padStart(32, '0'),
    name: `m${i}`,
    path: { ...peer.path, kind: kinds[i % 4], endpoint: '192.0.2.1:1', rttMs: i },
  }));
  return networkMetrics(
    { ...status, network: { ...status.network, name, id }, relays, device } as never,
    { sizeEstimate: status.ring.sizeEstimate, conflicts: 0, waiting: 0, refusedRoutes: 0 },
    peers as never,
    policy,
  );
}

describe('the metrics of a node', () => {
  let home: TestHome;
  let node: ControlServer | undefined;
  let door: NodeMetricsDoor | undefined;
  beforeEach(() => (home = new TestHome()));
  afterEach(async () => {
    door?.close();
    await node?.stop();
    node = door = undefined;
    home.remove();
  });

  async function scrape(networks: readonly ReturnType<typeof crowded>[]): Promise<string> {
    node = await fakeNode(home, { metrics: () => ({ networks: [...networks], refusedUsers: 3 }) });
    door = await serveNodeMetrics({ host: '127.0.0.1', port: 0 }, join(home.path, 'control.sock'), '1.2.3');
    const answer = await fetch(`http://${door.address}/metrics`);
    expect(answer.headers.get('content-type')).toContain('application/openmetrics-text');
    return answer.text();
  }
  const samples = (text: string): string[] =>
    text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

  it('are OpenMetrics: base units, what ends with _total counts, and the end is marked', async () => {
    const text = await scrape([crowded(400)]);
    expect(text).toContain('evio_node_info{version="1.2.3"} 1');
    expect(text).toContain('evio_node_peers{network="home",state="connected"} 400');
    expect(text).toContain('evio_node_paths{network="home",kind="relay"} 100');
    // Paths of kind `direct` have 0, 4, 8 … 396 ms.
    expect(text).toContain('evio_node_path_rtt_seconds{network="home",kind="direct",quantile="0.5"} 0.196');
    expect(text).toContain('evio_node_path_rtt_seconds{network="home",kind="direct",quantile="1"} 0.396');
    expect(text).toContain('evio_node_bytes_total{network="home",direction="in"} 1500000');
    expect(text).toContain('evio_node_certificate_expires_timestamp_seconds{network="home"} 1953072000');
    expect(text).toContain('# TYPE evio_node_drops counter');
    expect(text).toContain('evio_node_policy_frames_total{network="home",action="deny"} 7');
    expect(text).toContain('evio_node_refused_users_total 3');
    expect(text).toMatch(/# EOF\n$/);
  });

  it('are as many in a network of five thousand as in one of four, and no more than the docs say', async () => {
    const small = samples(await scrape([crowded(4)])).length;
    door?.close();
    await node?.stop();
    const large = samples(await scrape([crowded(5_000)])).length;
    expect(large).toBe(small);
    expect(large).toBeLessThanOrEqual(160);
  });

  it('tell networks of one name apart', async () => {
    const text = await scrape([crowded(4), crowded(4, 'home', 'fedcba9876543210')]);
    expect(text).toContain('evio_node_peers{network="home 0123456789abcdef",state="connected"} 4');
    expect(text).toContain('evio_node_peers{network="home fedcba9876543210",state="connected"} 4');
  });

  it('are 503 while the node does not answer, 404 elsewhere, and closed to pages with a name of their own', async () => {
    door = await serveNodeMetrics({ host: '127.0.0.1', port: 0 }, join(home.path, 'control.sock'), '1.2.3');
    const get = (path: string, host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const [name = '', port] = (door?.address ?? '').split(':');
        request({ host: name, port, path, headers: { host } }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        })
          .once('error', reject)
          .end();
      });
    expect(await get('/metrics', 'localhost:9479')).toBe(503);
    expect(await get('/', '127.0.0.1')).toBe(404);
    expect(await get('/metrics', '[::1]:9479')).toBe(503);
    expect(await get('/metrics', 'evil.example')).toBe(403);
    expect(await get('/metrics', '127.evil.example')).toBe(403);
  });

  it('lie at a Unix socket, which goes with the node and is not taken from another', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'evio-metrics-'));
    const path = join(folder, 'm.sock');
    try {
      node = await fakeNode(home, { metrics: () => ({ networks: [crowded(4)], refusedUsers: 0 }) });
      const control = join(home.path, 'control.sock');
      door = await serveNodeMetrics(metricsPlace(`unix:${path}`), control, '1.2.3');
      expect(door.address).toBe(`unix:${path}`);
      const text = await new Promise<string>((resolve, reject) => {
        request({ socketPath: path, path: '/metrics' }, (answer) => {
          let body = '';
          answer.on('data', (chunk: Buffer) => (body += chunk.toString()));
          answer.on('end', () => {
            resolve(body);
          });
        })
          .once('error', reject)
          .end();
      });
      expect(text).toContain('evio_node_peers{network="home",state="connected"} 4');
      await expect(serveNodeMetrics(metricsPlace(`unix:${path}`), control, '1.2.3')).rejects.toMatchObject({
        code: 'EVIO_ADDRESS_IN_USE',
      });
      door.close();
      expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it.each(['9479', '0.0.0.0:9479', '192.0.2.1:9479', '[::]:9479', 'evil.example:80', 'unix:here.sock', ''])(
    'are served at loopback addresses and Unix sockets, not at "%s"',
    (text) => {
      expect(() => metricsPlace(text)).toThrow(/no place for the metrics/);
    },
  );

  it.each(['127.0.0.1:1', '127.9.8.7:65535', '[::1]:9479', 'localhost:0', 'unix:/run/evio/m.sock'])(
    'may lie at %s',
    (text) => {
      expect(() => metricsPlace(text)).not.toThrow();
    },
  );

  it('say that the port is taken', async () => {
    door = await serveNodeMetrics({ host: '127.0.0.1', port: 0 }, 'nowhere', '1.2.3');
    const [, port] = door.address.split(':');
    await expect(
      serveNodeMetrics({ host: '127.0.0.1', port: Number(port) }, 'nowhere', '1.2.3'),
    ).rejects.toMatchObject({ code: 'EVIO_ADDRESS_IN_USE' });
  });
});

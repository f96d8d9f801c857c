/** The client of the API server, against a server that speaks HTTP as Kubernetes does. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiClient, ApiError } from '../../../src/kube/api/client.js';
import { Mirror } from '../../../src/kube/api/mirror.js';
import { nodeObject, type NodeObject } from '../../../src/kube/api/objects.js';
import { Lease } from '../../../src/kube/services/lease.js';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

let server: Server;
let client: ApiClient;
let handler: Handler;
const requests: string[] = [];

beforeEach(async () => {
  requests.length = 0;
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      requests.push(`${request.method ?? ''} ${request.url ?? ''}`);
      handler(request, response, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  client = new ApiClient({
    server: new URL(`http://127.0.0.1:${port}`),
    ca: undefined,
    cert: undefined,
    key: undefined,
    insecure: false,
    namespace: 'kube-system',
    token: () => 'secret',
  });
});
afterEach(async () => {
  client.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const json = (response: ServerResponse, content: object, status = 200): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content));
};
const node = (name: string, resourceVersion: string, podCIDR?: string): object => ({
  metadata: { name, resourceVersion },
  spec: { podCIDR },
});
const list = (resourceVersion: string, ...items: object[]): object => ({
  metadata: { resourceVersion },
  items,
});
const event = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;

describe('requests', () => {
  it('bear the token, and a patch its type', async () => {
    let seen: unknown;
    handler = ({ headers }, response, body) => {
      seen = [headers.authorization, headers['content-type'], body];
      json(response, { ok: true });
    };
    expect(await client.request('PATCH', '/x', { a: 1 })).toEqual({ ok: true });
    expect(seen).toEqual(['Bearer secret', 'application/merge-patch+json', '{"a":1}']);
  });

  it('fail with the status and what the server says', async () => {
    handler = (_, response) => json(response, { message: 'nodes is forbidden' }, 403);
    await expect(client.request('GET', '/x')).rejects.toMatchObject({
      status: 403,
      message: expect.stringContaining('forbidden') as string,
    });
    handler = (_, response) => response.end('<html>');
    await expect(client.request('GET', '/x')).rejects.toBeInstanceOf(ApiError);
    handler = (request) => request.socket.destroy();
    await expect(client.request('GET', '/x')).rejects.toMatchObject({ status: 0 });
  });
});

it('a hundred requests leave nothing behind on their connection', async () => {
  const warnings: unknown[] = [];
  const warn = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', warn);
  handler = (_, response) => json(response, {});
  for (let i = 0; i < 100; i++) await client.request('GET', '/x');
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', warn);
  expect(warnings).toEqual([]);
});

describe('a mirror', () => {
  let ending: AbortController;
  let mirror: Mirror<NodeObject>;
  let running: Promise<void>;
  const failures: (string | undefined)[] = [];

  const start = (): void => {
    failures.length = 0;
    ending = new AbortController();
    mirror = new Mirror(client, '/api/v1/nodes', nodeObject, {
      changed: () => undefined,
      reached: (failure) => failures.push(failure),
    });
    running = mirror.run(ending.signal);
  };
  const names = (): string[] => mirror.objects.map(({ metadata }) => metadata.name).sort();
  afterEach(async () => {
    ending.abort();
    await running;
  });

  it('lists, follows, and goes on where it was when a watch ends', async () => {
    let watches = 0;
    handler = ({ url = '' }, response) => {
      if (!url.includes('watch='))
        return json(response, list('5', node('a', '3', '10.244.1.0/24'), { no: 'node' }));
      watches++;
      if (watches > 1) return void response.write(event('MODIFIED', node('b', '9', '10.244.2.0/24')));
      // In pieces, as networks bring it.
      const text =
        event('ADDED', node('b', '6')) + event('DELETED', node('a', '7')) + event('BOOKMARK', node('', '8'));
      response.write(text.slice(0, 30));
      setTimeout(() => response.end(text.slice(30)), 20);
    };
    start();
    await vi.waitFor(() => expect(mirror.get('b')?.spec.podCIDR).toBe('10.244.2.0/24'), 5_000);
    expect(names()).toEqual(['b']);
    expect(requests.filter((line) => !line.includes('watch='))).toHaveLength(1);
    expect(requests.find((line) => line.includes('resourceVersion=8'))).toBeDefined();
    expect(failures.filter((failure) => failure !== undefined)).toEqual([]);
  });

  it('lists again when the server does not know any more where it was', async () => {
    let lists = 0;
    handler = ({ url = '' }, response) => {
      if (!url.includes('watch=')) return json(response, list('5', node(`of-${++lists}`, '1')));
      if (lists === 1) response.end(event('ERROR', { kind: 'Status', code: 410 }));
      else response.flushHeaders();
    };
    start();
    await vi.waitFor(() => expect(names()).toEqual(['of-2']), 5_000);
  });

  it('keeps what it has while the server is gone, and says so', async () => {
    let gone = false;
    handler = (request, response) => {
      if (gone) request.socket.destroy();
      else if (request.url?.includes('watch=')) response.flushHeaders();
      else json(response, list('5', node('a', '1')));
    };
    start();
    await vi.waitFor(() => expect(failures).toEqual([undefined]), 5_000);
    gone = true;
    server.closeAllConnections();
    await vi.waitFor(() => expect(failures.at(-1)).toBeDefined(), 5_000);
    expect(names()).toEqual(['a']);
    gone = false;
    await vi.waitFor(() => expect(failures.at(-1)).toBeUndefined(), 10_000);
  });
});

describe('the lease', () => {
  let held: Record<string, unknown> | undefined;
  let version = 0;
  beforeEach(() => {
    held = undefined;
    version = 0;
    handler = ({ method }, response, body) => {
      if (method === 'GET')
        return held ? json(response, held) : json(response, { message: 'not found' }, 404);
      const sent = JSON.parse(body) as { metadata: { resourceVersion?: string }; spec: object };
      const stale = held && sent.metadata.resourceVersion !== String(version);
      if ((method === 'POST' && held) || stale) return json(response, { message: 'conflict' }, 409);
      held = { ...sent, metadata: { name: 'evio-services', resourceVersion: String(++version) } };
      json(response, held, method === 'POST' ? 201 : 200);
    };
  });
  const date = new Date(0);

  it('is held by one, and taken over when that one is silent', async () => {
    const a = new Lease(client, 'kube-system', 'a');
    const b = new Lease(client, 'kube-system', 'b');
    expect(await a.hold(0, date)).toBe(true);
    expect(await b.hold(0, date)).toBe(false);
    expect(await a.hold(10_000, date)).toBe(true);
    expect(await b.hold(15_000, date)).toBe(false);
    // Of b's time, not of what a wrote: 16 s since b saw it change.
    expect(await b.hold(30_000, date)).toBe(false);
    expect(await b.hold(32_000, date)).toBe(true);
    expect(await a.hold(33_000, date)).toBe(false);
  });

  it('is had by one of two that are as fast', async () => {
    const leases = ['a', 'b', 'c'].map((name) => new Lease(client, 'kube-system', name));
    const all = await Promise.all(leases.map((lease) => lease.hold(0, date)));
    expect(all.filter(Boolean)).toHaveLength(1);
  });
});

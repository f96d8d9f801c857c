import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, ControlClient } from '../../../src/core/control/client.js';
import { LineSplitter, maxLineLength } from '../../../src/core/control/lines.js';
import { methods, type Handlers } from '../../../src/core/control/methods.js';
import { ControlServer } from '../../../src/core/control/server.js';
import type { NodeEvent } from '../../../src/core/node/events.js';
import { silentLogger } from '../../../src/core/lib/env.js';
import { EvioError } from '../../../src/core/lib/errors.js';

let folder: string;
let path: string;
let servers: ControlServer[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evio-control-'));
  path = join(folder, 'control.sock');
  servers = [];
});
afterEach(async () => {
  for (const server of servers) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const nothing = (): never => {
  throw new Error('not asked in this test');
};
const handlers: Handlers = {
  status: nothing,
  peers: () => ({ self: { id: '', name: '', ip: '', ip6: '', mac: '' }, peers: [], revoked: [] }),
  upgrade: nothing,
  rekey: () => ({ id: 'n', was: 'o', counts: true }),
  amend: () => ({ subject: '', serial: 1, policy: 0, notes: [] }),
  why: ({ peer }) => {
    throw new EvioError('EVIO_UNKNOWN_PEER', `Nobody is called ${peer}.`, ['See: evio peers']);
  },
  ping: (_params, { signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(new Error('asker left'));
      });
    }),
  policy: nothing,
  views: nothing,
  recall: nothing,
  networks: () => ({ networks: [{ id: '0123456789abcdef', name: 'home' }] }),
  adopt: nothing,
  joinPods: () => ({ joined: false }),
  bridges: nothing,
  services: nothing,
  serviceSet: nothing,
  sessionKeys: nothing,
  exit: nothing,
  exitSet: nothing,
  bridgeSet: nothing,
  repath: nothing,
  leave: nothing,
  up: () => ({ started: [] }),
  down: () => ({ stopped: ['0123456789abcdef'] }),
  names: nothing,
  routes: nothing,
  routeAccept: nothing,
  routeAnnounce: nothing,
  routeWithdraw: nothing,
  logs: nothing,
  metrics: nothing,
  wait: () => ({ connected: true }),
  watch: ({ network }, asker) => {
    asker.watch(network);
    return { watching: true };
  },
};

async function serve(change: Partial<Handlers> = {}): Promise<ControlServer> {
  const server = new ControlServer(path, { ...handlers, ...change }, silentLogger);
  await server.start();
  servers.push(server);
  return server;
}

async function errorOf(work: Promise<unknown>): Promise<EvioError> {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof EvioError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}

/** Sends raw bytes, returns what came back until `count` lines or the end of the connection. */
function raw(bytes: string | Uint8Array, count: number): Promise<string[]> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    let text = '';
    const done = (): void => {
      socket.destroy();
      resolve(text.split('\n').filter((line) => line !== ''));
    };
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (text.split('\n').length > count) done();
    });
    socket.on('close', done);
    socket.on('error', () => undefined);
    socket.write(bytes);
  });
}

function until(condition: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = Date.now() + 5000;
    const look = (): void => {
      if (condition()) resolve();
      else if (Date.now() > end) reject(new Error('never happened'));
      else setTimeout(look, 5);
    };
    look();
  });
}

describe('control socket', () => {
  it('answers, and passes errors with code and suggestions', async () => {
    await serve();
    expect(await ask(path, 'networks', {})).toEqual({ networks: [{ id: '0123456789abcdef', name: 'home' }] });
    const error = await errorOf(ask(path, 'why', { peer: 'zoe' }));
    expect(error).toMatchObject({
      code: 'EVIO_UNKNOWN_PEER',
      message: 'Nobody is called zoe.',
      suggestions: ['See: evio peers'],
    });
  });

  it('is for its owner only and leaves nothing behind', async () => {
    const server = await serve();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await server.stop();
    await server.stop();
    expect(existsSync(path)).toBe(false);
    expect(spawnSync('ls', ['-A', folder]).stdout.toString()).toBe('');
  });

  it('says when no node runs', async () => {
    expect((await errorOf(ask(path, 'networks', {}))).code).toBe('EVIO_NOT_RUNNING');
    writeFileSync(path, '');
    expect((await errorOf(ask(path, 'networks', {}))).code).toBe('EVIO_NOT_RUNNING');
  });

  it('lets one server have the path', async () => {
    await serve();
    const second = new ControlServer(path, handlers, silentLogger);
    expect((await errorOf(second.start())).code).toBe('EVIO_ALREADY_RUNNING');
    expect(await ask(path, 'networks', {})).toBeTruthy();
  });

  it('lets one of many that start together have it, also over a stale socket', async () => {
    spawnSync(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
    ]);
    expect(existsSync(path)).toBe(true);
    await serve();
    expect(await ask(path, 'networks', {})).toBeTruthy();
    const others = await Promise.allSettled(
      Array.from({ length: 5 }, () => new ControlServer(path, handlers, silentLogger).start()),
    );
    expect(others.map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
    expect(await ask(path, 'networks', {})).toBeTruthy();
  });

  it('times out, and hears that the node ends', async () => {
    await serve({ wait: () => new Promise(() => undefined) });
    const late = await errorOf(ask(path, 'wait', { timeoutMs: 1 }, 30));
    expect(late.code).toBe('EVIO_TIMEOUT');
    const client = await ControlClient.connect(path);
    const pending = errorOf(client.request('wait', { timeoutMs: 1 }));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await servers[0]?.stop();
    expect((await pending).code).toBe('EVIO_NOT_RUNNING');
  });

  it('answers the request in hand before it stops', async () => {
    const server: ControlServer = await serve({
      down: () => {
        setImmediate(() => void server.stop());
        return new Promise((resolve) => setTimeout(() => resolve({ stopped: ['x'] }), 50));
      },
    });
    expect(await ask(path, 'down', {})).toEqual({ stopped: ['x'] });
  });

  it('stops work nobody waits for', async () => {
    let aborted = false;
    await serve({
      ping: (_params, { signal }) =>
        new Promise(() => {
          signal.addEventListener('abort', () => (aborted = true));
        }),
    });
    await errorOf(ask(path, 'ping', { peer: 'a', count: 1, timeoutMs: 60_000 }, 30));
    await until(() => aborted);
    expect(aborted).toBe(true);
  });

  it('sends events of the network that is watched', async () => {
    const server = await serve();
    const client = await ControlClient.connect(path);
    const seen: NodeEvent[] = [];
    await client.watch({ network: 'a' }, (event) => seen.push(event));
    server.publish({ event: 'stopped', network: 'b' });
    server.publish({ event: 'ready', network: 'a', peers: 2 });
    await until(() => seen.length > 0);
    expect(seen).toEqual([{ event: 'ready', network: 'a', peers: 2 }]);
    client.close();
  });

  it('cuts off a watcher that does not read', async () => {
    const server = await serve();
    const slow: Socket = createConnection(path);
    let closed = false;
    slow.on('close', () => (closed = true));
    slow.on('error', () => undefined);
    slow.write('{"id":1,"method":"watch","params":{}}\n');
    await new Promise((resolve) => slow.once('data', resolve));
    slow.pause();
    const client = await ControlClient.connect(path);
    let count = 0;
    await client.watch({}, () => count++);
    for (let i = 0; i < 400; i++) {
      server.publish({ event: 'relay-down', network: 'a', url: 'x', reason: 'y'.repeat(10_000) });
      if (i % 20 === 0) await until(() => count > i);
    }
    await until(() => count === 400);
    slow.resume();
    await until(() => closed);
    expect(await ask(path, 'networks', {})).toBeTruthy();
    client.close();
  });

  it('keeps memory bounded for an asker that never reads answers', async () => {
    const big = 'z'.repeat(100_000);
    let served = 0;
    await serve({
      networks: () => {
        served++;
        return { networks: [{ id: big, name: '' }] };
      },
    });
    const socket = createConnection(path);
    socket.pause();
    socket.on('error', () => undefined);
    for (let i = 0; i < 2000; i++) socket.write(`{"id":${i},"method":"networks"}\n`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(served).toBeLessThan(100);
    socket.destroy();
  });

  it.each([
    ['garbage\n', 'EVIO_BAD_VALUE'],
    ['null\n', 'EVIO_BAD_VALUE'],
    ['[]\n', 'EVIO_BAD_VALUE'],
    ['{"id":1,"method":"format-disk"}\n', 'EVIO_BAD_VALUE'],
    ['{"id":1,"method":"constructor"}\n', 'EVIO_BAD_VALUE'],
    ['{"id":1,"method":"ping","params":{"peer":"a","count":0,"timeoutMs":5}}\n', 'EVIO_BAD_VALUE'],
    ['{"id":1,"method":"why","params":"x"}\n', 'EVIO_BAD_VALUE'],
    ['{"id":1,"method":"status"}\n', 'EVIO_INTERNAL'],
    [`${'x'.repeat(maxLineLength + 1)}`, 'EVIO_BAD_VALUE'],
  ])('answers %.60j with an error', async (text, code) => {
    await serve();
    const [line] = await raw(text, 1);
    expect((JSON.parse(line ?? '{}') as { error?: { code: string } }).error?.code).toBe(code);
    expect(await ask(path, 'networks', {})).toBeTruthy();
  });

  it('survives any bytes', async () => {
    await serve();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (bytes) => {
        const lines = await raw(Buffer.concat([bytes, Buffer.from('\n{"id":7,"method":"networks"}\n')]), 1);
        expect(lines.length).toBeGreaterThan(0);
      }),
      { numRuns: 50 },
    );
    expect(await ask(path, 'networks', {})).toBeTruthy();
  });

  it('refuses connections beyond its limit and recovers', async () => {
    await serve();
    const sockets = Array.from({ length: 100 }, () => createConnection(path).on('error', () => undefined));
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const socket of sockets) socket.destroy();
    await until(() => sockets.every(({ destroyed }) => destroyed));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await ask(path, 'networks', {})).toBeTruthy();
  });
});

describe('methods', () => {
  it('are all listed: one a file, by its name', () => {
    const files = readdirSync(new URL('../../../src/core/control/methods', import.meta.url));
    expect(
      files
        .map((file) =>
          file.replace(/\.ts$/, '').replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()),
        )
        .sort(),
    ).toEqual(Object.keys(methods).sort());
  });

  it('checks parameters and fills defaults', () => {
    expect(methods.ping.request.parse({ peer: 'a', count: 4, timeoutMs: 5000 }).intervalMs).toBe(1000);
    expect(methods.ping.request.safeParse({ peer: 'a', count: 1001, timeoutMs: 1 }).success).toBe(false);
    expect(methods.wait.request.safeParse({ timeoutMs: 0 }).success).toBe(false);
    expect(methods.status.request.safeParse({ network: 7 }).success).toBe(false);
  });
});

describe('LineSplitter', () => {
  it('gives the same lines however the text is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 20 }).map((text) => text.replaceAll('\n', ''))),
        fc.array(fc.nat(30)),
        (lines, cuts) => {
          const splitter = new LineSplitter(20);
          let text = lines.map((line) => `${line}\n`).join('');
          const out: string[] = [];
          for (const cut of cuts) {
            out.push(...(splitter.push(text.slice(0, cut)) ?? ['too long']));
            text = text.slice(cut);
          }
          out.push(...(splitter.push(text) ?? ['too long']));
          expect(out).toEqual(lines);
        },
      ),
    );
  });

  it('stops at a line beyond the limit', () => {
    const splitter = new LineSplitter(4);
    expect(splitter.push('abcd\nab')).toEqual(['abcd']);
    expect(splitter.push('cde')).toBeUndefined();
    expect(new LineSplitter(4).push('abcde\n')).toBeUndefined();
  });
});

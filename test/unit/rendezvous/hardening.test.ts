import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { systemRandom } from '../../../src/core/lib/env.js';
import { registerOnce } from '../../../src/core/relays/net/register.js';
import { CloseCode, relayPath } from '../../../src/core/wire/signal.js';
import { env, forwarderKinds, Kit, sleep, TestNetwork, UdpPeer, until, type TestRelay } from './relay-kit.js';

const kit = new Kit();
afterEach(() => kit.clean());

const random = (n: number): Uint8Array => systemRandom.fill(new Uint8Array(n));

/** A WebSocket of a stranger and the code it was closed with. */
function stranger(relay: TestRelay): { socket: WebSocket; closed: Promise<number> } {
  const socket = new WebSocket(`ws://${relay.listen}${relayPath}`);
  socket.on('error', () => undefined);
  kit.later(() => socket.terminate());
  return { socket, closed: new Promise((resolve) => socket.on('close', resolve)) };
}

function tcp(relay: TestRelay): { socket: Socket; closed: Promise<unknown>; text: () => string } {
  const socket = connect(relay.port, '127.0.0.1');
  let text = '';
  socket.on('data', (bytes) => (text += bytes.toString()));
  socket.on('error', () => undefined);
  kit.later(() => socket.destroy());
  return { socket, closed: new Promise((resolve) => socket.on('close', resolve)), text: () => text };
}

describe('strangers', () => {
  it('are closed when they send text, rubbish, too much or nothing', async () => {
    const relay = await kit.relay({ limits: { handshakeMs: 300 } });
    const cases: [string | Uint8Array | undefined, number][] = [
      ['hello', CloseCode.protocol],
      [random(95), CloseCode.protocol],
      [random(97), CloseCode.protocol],
      [new Uint8Array(0), CloseCode.protocol],
      [random(96), CloseCode.wrongKey],
      [random(80_000), 1006],
      [undefined, CloseCode.silent],
    ];
    for (const [message, code] of cases) {
      const { socket, closed } = stranger(relay);
      socket.on('open', () => message !== undefined && socket.send(message));
      expect(await closed).toBe(code);
    }
    expect(relay.server.refused().get('wrong-key')).toBe(1);
    expect(relay.server.refused().get('silent')).toBe(1);
    expect(relay.server.refused().get('too-much')).toBe(1);
  });

  it('cannot hold connections open with headers that never end', async () => {
    const relay = await kit.relay();
    const { socket, closed, text } = tcp(relay);
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n');
    const drip = setInterval(() => socket.write('X-A: b\r\n'), 200);
    const began = performance.now();
    await closed;
    clearInterval(drip);
    expect(performance.now() - began).toBeLessThan(8_000);
    expect(text()).toMatch(/^HTTP\/1\.1 408|^$/);
  });

  it('get 429 when they shake hands too often, others do not', async () => {
    const relay = await kit.relay({ limits: { handshakesPerAddress: 2, handshakeBurst: 2 } });
    const sockets = Array.from({ length: 10 }, () => stranger(relay));
    const refused: number[] = [];
    for (const { socket } of sockets) {
      socket.on('unexpected-response', (request, response) => {
        refused.push(response.statusCode ?? 0);
        request.destroy();
      });
    }
    await until(() => refused.length === 6);
    expect(new Set(refused)).toEqual(new Set([429]));
    expect(relay.server.refused().get('busy')).toBe(6);
    const node = new TestNetwork([relay.fact]).node(1);
    const attempt = registerOnce({ ...node, relay: relay.fact, agent: 'x', timeoutMs: 2_000, env });
    await expect(attempt).rejects.toMatchObject({ code: 'EVIO_RELAY_UNREACHABLE' });
    await sleep(1_200);
    expect((await registerOnce({ ...node, relay: relay.fact, agent: 'x', timeoutMs: 2_000, env })).type).toBe(
      'welcome',
    );
  });

  it('cannot take more connections than one address may have', async () => {
    const relay = await kit.relay({ limits: { connectionsPerAddress: 5 } });
    const sockets = Array.from({ length: 8 }, () => tcp(relay));
    let closed = 0;
    for (const socket of sockets) void socket.closed.then(() => closed++);
    await until(() => closed === 3);
    sockets.forEach(({ socket }) => socket.destroy());
    await until(() => closed === 8);
    await sleep(50);
    expect((await fetch(`http://${relay.listen}/healthz`)).status).toBe(200);
  });

  it('cannot choose another path, method or protocol', async () => {
    const relay = await kit.relay();
    const { socket, closed, text } = tcp(relay);
    socket.write('\u0016\u0003\u0001 not http at all\r\n\r\n');
    await closed;
    expect(text()).not.toContain('200');
    const other = new WebSocket(`ws://${relay.listen}/other`);
    const status = await new Promise((resolve) => {
      other.on('unexpected-response', (_request, response) => resolve(response.statusCode));
      other.on('error', () => undefined);
    });
    expect(status).toBe(404);
    other.terminate();
  });
});

describe('members', () => {
  it('that fall silent are dropped', async () => {
    const relay = await kit.relay({ limits: { silentMs: 400 } });
    const proxy = await kit.proxy(relay);
    const client = await kit.client(new TestNetwork([relay.fact]).node(1), proxy.fact).up();
    proxy.freeze();
    await until(() => relay.server.clients === 0);
    expect(client.client.state).toBe('connected');
  });

  it('that send batches which are not whole lose them, not the connection', async () => {
    const relay = await kit.relay();
    const network = new TestNetwork([relay.fact]);
    const a = await kit.client(network.node(1), relay.fact).up();
    const b = await kit.client(network.node(2), relay.fact).up();
    for (const bytes of [Uint8Array.of(9), Uint8Array.of(9, 0, 1), random(1000)]) {
      a.client.sendData(b.node.id, bytes);
    }
    await until(() => relay.server.totals().drops.malformed === 3);
    expect(b.received).toEqual([]);
    expect(relay.server.clients).toBe(2);
  });
});

describe.each(forwarderKinds)('a flood of datagrams at %s', (forwarder) => {
  it('is dropped and counted, and leaves members and memory as they were', async () => {
    const relay = await kit.relay({ forwarder });
    const network = new TestNetwork([relay.fact]);
    const a = await kit.client(network.node(1), relay.fact).up();
    const b = await kit.client(network.node(2), relay.fact).up();
    const [left, right] = [
      await (await UdpPeer.open(kit, a.session)).bind(),
      await (await UdpPeer.open(kit, b.session)).bind(),
    ];
    const flood = createSocket('udp4');
    kit.later(() => flood.close());
    const kinds = [0x00, 0x01, 0x50, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0xff];
    const blast = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const packet = random(1 + ((i * 37) % 1400));
        packet[0] = kinds[i % kinds.length] as number;
        // Every other one names an association that exists.
        if (i % 2 === 0 && packet.length > 8) {
          new DataView(packet.buffer).setUint32(4, a.session.association, true);
        }
        if (packet[0] === 0x5a && i % 3 === 0) packet[1] = 1;
        flood.send(packet, relay.port, '127.0.0.1');
        if (i % 200 === 0) await sleep(2);
      }
    };
    await blast(4_000);
    const before = process.memoryUsage();
    await blast(16_000);
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(16e6);
    expect(after.heapUsed - before.heapUsed).toBeLessThan(64e6);
    const { drops } = relay.server.totals();
    expect(drops.malformed).toBeGreaterThan(100);
    expect(drops['wrong-source']).toBeGreaterThan(100);
    // The flood may still fill the socket's buffer, where a packet is lost like any other.
    for (let tries = 0; right.delivered.length === 0 && tries < 100; tries++) {
      left.sendTo(b.node.id, Uint8Array.of(1, 2, 3));
      await sleep(30);
    }
    expect(right.delivered[0]).toEqual({ source: a.node.idText, packet: Uint8Array.of(1, 2, 3) });
    expect(relay.server.clients).toBe(2);
    expect(left.hints).toEqual([]);
  });
});

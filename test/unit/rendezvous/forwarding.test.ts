import { afterEach, describe, expect, it } from 'vitest';
import { concatBytes, toHex } from '../../../src/core/lib/bytes.js';
import { batchOf } from '../../../src/core/wire/relay.js';
import { encodeBindingRequest, parseBindingResponse } from '../../../src/core/wire/stun.js';
import { forwarderKinds, Kit, sleep, TestNetwork, UdpPeer, until, type TestClient } from './relay-kit.js';

const kit = new Kit();
afterEach(() => kit.clean());
const packet = (n: number, length = 40): Uint8Array => new Uint8Array(length).fill(n);

describe.each(forwarderKinds)('forwarding by %s', (forwarder) => {
  async function pair(options: Parameters<Kit['relay']>[0] = {}) {
    const relay = await kit.relay({ forwarder, ...options });
    const network = new TestNetwork([relay.fact]);
    const a = await kit.client(network.node(1), relay.fact).up();
    const b = await kit.client(network.node(2), relay.fact).up();
    return { relay, network, a, b };
  }
  const udp = async (client: TestClient): Promise<UdpPeer> =>
    (await UdpPeer.open(kit, client.session)).bind();

  it('tells a node its address when it binds', async () => {
    const { a } = await pair();
    const peer = await udp(a);
    expect(peer.observed).toEqual([{ host: '127.0.0.1', port: peer.port }]);
  });

  it('goes from UDP to UDP, with the sender’s id in the header', async () => {
    const { relay, a, b } = await pair();
    const [left, right] = [await udp(a), await udp(b)];
    for (let i = 0; i < 50; i++) left.sendTo(b.node.id, packet(i, 30 + i));
    await until(() => right.delivered.length === 50);
    expect(right.delivered.map(({ packet }) => packet)).toEqual(
      Array.from({ length: 50 }, (_, i) => packet(i, 30 + i)),
    );
    expect(new Set(right.delivered.map(({ source }) => source))).toEqual(new Set([a.node.idText]));
    await until(() => relay.server.totals().packets['udp-udp'] === 50);
    expect(b.received).toEqual([]);
  });

  it('goes from UDP to WebSocket and back', async () => {
    const { relay, a, b } = await pair();
    const left = await udp(a);
    left.sendTo(b.node.id, packet(1));
    left.sendTo(b.node.id, packet(2));
    await until(() => concatBytes(...b.received.map(({ batch }) => batch)).length === 84);
    expect(concatBytes(...b.received.map(({ batch }) => batch))).toEqual(
      concatBytes(batchOf(packet(1)), batchOf(packet(2))),
    );
    expect(b.received[0]?.source).toEqual(a.node.id);
    b.client.sendData(a.node.id, concatBytes(batchOf(packet(3)), batchOf(packet(4, 99)), batchOf(packet(5))));
    await until(() => left.delivered.length === 3);
    expect(left.delivered).toEqual(
      [packet(3), packet(4, 99), packet(5)].map((bytes) => ({ source: b.node.idText, packet: bytes })),
    );
    expect(relay.server.totals().packets).toMatchObject({ 'udp-ws': 2, 'ws-udp': 3 });
  });

  it('drops what goes to strangers, other networks and the sender itself', async () => {
    const { relay, a } = await pair();
    const foreign = await kit.client(new TestNetwork([relay.fact]).node(1), relay.fact).up();
    const [left, other] = [await udp(a), await udp(foreign)];
    left.sendTo(foreign.node.id, packet(1));
    left.sendTo(new Uint8Array(16), packet(1));
    left.sendTo(a.node.id, packet(1));
    await until(() => relay.server.totals().drops['no-destination'] === 3);
    expect([other.delivered, foreign.received, left.delivered]).toEqual([[], [], []]);
  });

  it('follows a node that binds from elsewhere', async () => {
    const { a, b } = await pair();
    const [left, right] = [await udp(a), await udp(b)];
    const moved = await UdpPeer.open(kit, b.session);
    moved.raw(moved.bindPacket(100));
    await until(() => moved.observed.length === 1);
    left.sendTo(b.node.id, packet(1));
    await until(() => moved.delivered.length === 1);
    expect(right.delivered).toEqual([]);
  });

  it('refuses a bind that was seen before, one with an older counter, and one with another key', async () => {
    const { relay, a, b } = await pair();
    const left = await udp(a);
    const right = await UdpPeer.open(kit, b.session);
    const old = right.bindPacket(5);
    right.raw(old);
    await until(() => right.observed.length === 1);
    const thief = await UdpPeer.open(kit, b.session);
    thief.raw(old);
    thief.raw(thief.bindPacket(4));
    await until(() => relay.server.totals().drops['stale-bind'] === 2);
    const forger = await UdpPeer.open(kit, { ...b.session, key: new Uint8Array(32) });
    forger.raw(forger.bindPacket(9));
    await until(() => relay.server.totals().drops['bad-bind'] === 1);
    left.sendTo(b.node.id, packet(1));
    await until(() => right.delivered.length === 1);
    expect([thief.observed, thief.delivered, forger.delivered]).toEqual([[], [], []]);
  });

  it('tells a node whose address changed to bind again, seldom, and drops its packets', async () => {
    const { relay, a, b } = await pair();
    const right = await udp(b);
    await udp(a);
    const moved = await UdpPeer.open(kit, a.session);
    for (let i = 0; i < 20; i++) moved.sendTo(b.node.id, packet(1));
    await until(() => relay.server.totals().drops['wrong-source'] === 20);
    await until(() => moved.hints.length > 0);
    expect(moved.hints).toEqual([a.session.association]);
    expect(right.delivered).toEqual([]);
  });

  it('takes the WebSocket for a node that went over to it, until it is heard by UDP again', async () => {
    const { a, b } = await pair();
    const [left, right] = [await udp(a), await udp(b)];
    await sleep(2_100);
    b.client.sendData(a.node.id, batchOf(packet(1)));
    await until(() => left.delivered.length === 1);
    left.sendTo(b.node.id, packet(2));
    await until(() => b.received.length === 1);
    expect(right.delivered).toEqual([]);
    right.sendTo(a.node.id, packet(3));
    await until(() => left.delivered.length === 2);
    left.sendTo(b.node.id, packet(4));
    await until(() => right.delivered.length === 1);
  });

  it('serves a node by UDP for a while when its WebSocket breaks', async () => {
    const { relay, a, b } = await pair();
    const [left, right] = [await udp(a), await udp(b)];
    b.client.stop();
    await until(() => relay.server.clients === 1);
    left.sendTo(b.node.id, packet(1));
    await until(() => right.delivered.length === 1);
  });

  it('reaches a node that registers again where it was, before it has bound anything', async () => {
    const { relay, a, b } = await pair();
    const [left, right] = [await udp(a), await udp(b)];
    await kit.client(b.node, relay.fact).up();
    left.sendTo(b.node.id, packet(1));
    await until(() => right.delivered.length === 1);
  });

  it('answers STUN on both ports, to anyone', async () => {
    const { relay, a } = await pair();
    const peer = await UdpPeer.open(kit, a.session);
    const answers: Uint8Array[] = [];
    peer.onStun = (bytes) => answers.push(bytes);
    const alternate = a.session.alternate as { port: number };
    for (const port of [(a.session.endpoint as { port: number }).port, alternate.port]) {
      peer.raw(encodeBindingRequest(new Uint8Array(12).fill(port & 0xff)), port);
    }
    await until(() => answers.length === 2);
    for (const answer of answers) {
      expect(parseBindingResponse(answer)).toMatchObject({ mapped: { host: '127.0.0.1', port: peer.port } });
    }
    expect(relay.server.totals().stun).toBe(2);
    peer.raw(peer.bindPacket(), alternate.port);
    await until(() => relay.server.totals().drops.malformed === 1);
  });

  it('speaks IPv4 and IPv6 by one socket with [::]', async () => {
    const { a, b } = await pair({ listen: '[::]:0' });
    const left = await (await UdpPeer.open(kit, a.session, '127.0.0.1')).bind();
    const right = await (await UdpPeer.open(kit, b.session, '::1')).bind();
    expect(left.observed).toEqual([{ host: '127.0.0.1', port: left.port }]);
    expect(right.observed).toEqual([{ host: '::1', port: right.port }]);
    left.sendTo(b.node.id, packet(1));
    right.sendTo(a.node.id, packet(2));
    await until(() => left.delivered.length === 1 && right.delivered.length === 1);
  });

  it('holds a node to its rate', async () => {
    const { relay, a, b } = await pair({ limits: { nodeMbps: 1 } });
    const [left, right] = [await udp(a), await udp(b)];
    for (let i = 0; i < 500; i++) {
      left.sendTo(b.node.id, packet(i, 1_200));
      if (i % 50 === 0) await sleep(1);
    }
    await until(() => {
      const { drops, packets } = relay.server.totals();
      return drops['node-limit'] > 0 && drops['node-limit'] + packets['udp-udp'] >= 450;
    });
    // The bucket holds 256 kB: some 210 packets, and a hundred more for every second that this took.
    const { drops, packets } = relay.server.totals();
    expect(packets['udp-udp']).toBeGreaterThan(150);
    expect(drops['node-limit']).toBeGreaterThan(50);
    expect(right.delivered.length).toBeGreaterThan(0);
  });

  it('bounds what waits for a node that does not read', async () => {
    const { relay, network, a } = await pair();
    const proxy = await kit.proxy(relay);
    const b = await kit.client(network.node(3), proxy.fact).up();
    proxy.freeze();
    const batch = batchOf(packet(7, 60_000));
    for (let i = 0; i < 400; i++) {
      a.client.sendData(b.node.id, batch);
      if (i % 8 === 0) await sleep(2);
    }
    await until(() => relay.server.totals().drops['queue-full'] > 0);
    expect(relay.server.clients).toBe(3);
    proxy.thaw();
    const before = b.received.length;
    await until(() => b.received.length > before);
    // What waited is gone: it gets what comes now.
    const last = batchOf(packet(9, 1_000));
    await until(() => {
      a.client.sendData(b.node.id, last);
      return b.received.some((data) => data.batch.length === last.length);
    });
    for (const { source } of b.received) expect(toHex(source)).toBe(a.node.idText);
  });
});

/**
 * A relay sends nothing and connects to nowhere but where its members came from, whatever addresses it is told: in STUN and TURN
 * attributes, signals, facts, HTTP, relayed packets. coturn relayed to addresses that it should have refused
 * (CVE-2020-26262); here no message has an address that the relay would read.
 */
import { createSocket, Socket as UdpSocket } from 'node:dgram';
import { connect, createServer, Socket as TcpSocket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { concatBytes, toBase64Url, toHex, utf8 } from '../../../src/core/lib/bytes.js';
import { RelayChannel } from '../../../src/core/relays/net/relay-channel.js';
import { PacketType } from '../../../src/core/wire/packet.js';
import { batchOf, encodeBind, encodeBound, encodeUnbound } from '../../../src/core/wire/relay.js';
import type { ToRelay } from '../../../src/core/wire/signal.js';
import { env, forwarderKinds, Kit, sleep, TestNetwork, UdpPeer, until } from './relay-kit.js';

const kit = new Kit();
afterEach(async () => {
  vi.restoreAllMocks();
  await kit.clean();
});

/** Where nothing may arrive: an address with a UDP socket and a TCP listener on one port. */
async function watched(host: string) {
  const arrived: string[] = [];
  const tcp = createServer((socket) => {
    arrived.push('tcp');
    socket.destroy();
  });
  await new Promise<void>((resolve) => tcp.listen(0, host, resolve));
  const { port } = tcp.address() as { port: number };
  const udp = createSocket('udp4').on('message', () => arrived.push('udp'));
  await new Promise<void>((resolve) => udp.bind(port, host, resolve));
  kit.later(() => {
    tcp.close();
    udp.close();
  });
  return { host, port, text: `${host}:${port}`, arrived };
}
type Watched = Awaited<ReturnType<typeof watched>>;

/** Address and port as STUN writes them, plain and under the magic cookie (RFC 8489, 14.1 and 14.2). */
function addressAttributes({ host, port }: Watched): [plain: Uint8Array, hidden: Uint8Array] {
  const bytes = Uint8Array.of(0, 1, port >> 8, port & 255, ...host.split('.').map(Number));
  const mask = [0, 0, 0x21, 0x12, 0x21, 0x12, 0xa4, 0x42];
  return [bytes, bytes.map((byte, i) => byte ^ (mask[i] as number))];
}

/** Requests of STUN and TURN (RFC 3489, 8489, 8656, 6062) with the address in every attribute that once meant "send there". */
function stunMessages(target: Watched): Uint8Array[] {
  const [plain, hidden] = addressAttributes(target);
  const attribute = (type: number, value: Uint8Array): Uint8Array =>
    Uint8Array.of(type >> 8, type & 255, 0, value.length, ...value);
  const attributes = [
    attribute(0x0002, plain), // RESPONSE-ADDRESS
    attribute(0x0003, Uint8Array.of(0, 0, 0, 6)), // CHANGE-REQUEST
    attribute(0x0012, hidden), // XOR-PEER-ADDRESS
    attribute(0x0016, hidden), // XOR-RELAYED-ADDRESS
    attribute(0x8023, plain), // ALTERNATE-SERVER
    attribute(0x8027, Uint8Array.of(target.port >> 8, target.port & 255, 0, 0)), // RESPONSE-PORT
  ];
  // Binding, Allocate, Refresh, Send, Data, CreatePermission, ChannelBind, Connect; indications and answers among them.
  const types = [0x0001, 0x0003, 0x0004, 0x0016, 0x0017, 0x0008, 0x0009, 0x000a, 0x0011, 0x0101, 0x0113];
  const bodies = [...attributes, concatBytes(...attributes)];
  return types.flatMap((type) =>
    bodies.map((body) =>
      concatBytes(
        Uint8Array.of(type >> 8, type & 255, 0, body.length, 0x21, 0x12, 0xa4, 0x42),
        new Uint8Array(12).fill(type),
        body,
      ),
    ),
  );
}

/** One request on a TCP connection of its own; resolves when the relay closes it, or after a while. */
async function http(port: number, text: string): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  socket.write(text);
  await Promise.race([new Promise((resolve) => socket.once('close', resolve)), sleep(100)]);
  socket.destroy();
}

describe.each(forwarderKinds)('a relay that forwards by %s', (forwarder) => {
  it('sends and connects to where its members came from, and nowhere else', async () => {
    const target = await watched('127.0.0.77');
    const relay = await kit.relay({ forwarder });
    const facts = [relay.fact, { address: target.text, key: new Uint8Array(32).fill(7) }];
    const network = new TestNetwork(facts);
    const dials = vi.spyOn(TcpSocket.prototype, 'connect');
    const sends = vi.spyOn(UdpSocket.prototype, 'send');
    const a = await kit.client(network.node(1), relay.fact).up();
    const b = await kit.client(network.node(2), relay.fact).up();
    const [left, right] = [await UdpPeer.open(kit, a.session), await UdpPeer.open(kit, b.session)];
    await left.bind();
    await right.bind();
    const { association, key } = a.session;
    const [plain] = addressAttributes(target);
    const endpoint = { host: target.host, port: target.port };

    const named = utf8(`evio://${target.text}`);
    const inner = [plain, named, ...stunMessages(target), encodeBound(association, 9, endpoint, key)];
    for (const bytes of [
      ...stunMessages(target),
      encodeBound(association, 1, endpoint, key),
      encodeUnbound(association),
      encodeBind(association, 5, new Uint8Array(32)),
      concatBytes(Uint8Array.of(PacketType.relayDeliver), new Uint8Array(23), plain),
      // Bound by who has the key, with the address where the padding is.
      ((bind) => (bind.set(plain, bind.length - plain.length), bind))(left.bindPacket()),
    ])
      left.raw(bytes);
    for (const bytes of inner) left.sendTo(b.node.id, bytes);
    // An address where the id of a node should be.
    for (const at of [0, 4, 8]) {
      const id = new Uint8Array(16);
      id.set(plain.subarray(2), at);
      left.sendTo(id, named);
    }

    const node = network.node(3);
    const agent = `evio://${target.text}`;
    const open = async (): Promise<RelayChannel> => {
      let welcome = false;
      const channel = new RelayChannel(
        { ...node, relay: relay.fact, agent, env, timeoutMs: 5_000 },
        {
          welcome: () => (welcome = true),
          message: () => undefined,
          data: () => undefined,
          heard: () => undefined,
          ended: () => undefined,
        },
      );
      kit.later(() => channel.close());
      await until(() => welcome);
      return channel;
    };
    // Arrives by UDP, since the other has bound.
    (await open()).sendData(b.node.id, batchOf(named));
    const ids = [b.node.idText];
    const extra = {
      endpoint,
      address: target.text,
      url: `http://${target.text}/`,
      candidates: [target.text],
    };
    const signals: Record<string, unknown>[] = [
      { type: 'ping', id: 1 },
      { type: 'locate', targets: ids },
      { type: 'find', query: 1, text: target.host, ids },
      ...['ledger', 'offer', 'candidates', 'introduce', 'dial', 'bind'].map((type) => ({ type, ids })),
      { type: 'leave', farewell: toBase64Url(named) },
    ];
    // Each by a connection of its own: the relay hangs up on what it does not know.
    for (const signal of signals) (await open()).send({ ...signal, ...extra } as unknown as ToRelay);
    for (const text of [
      `CONNECT ${target.text} HTTP/1.1\r\nHost: ${target.text}\r\n\r\n`,
      `GET http://${target.text}/healthz HTTP/1.1\r\nHost: ${target.text}\r\nConnection: close\r\n\r\n`,
      `GET /healthz HTTP/1.1\r\nHost: ${target.text}\r\nX-Forwarded-For: ${target.host}\r\nForwarded: for=${target.text}\r\n\r\n`,
      `GET //${target.text}/ HTTP/1.1\r\nHost: x\r\nOrigin: http://${target.text}\r\nConnection: close\r\n\r\n`,
    ])
      await http(relay.port, text);

    // Forwarding went on meanwhile: all that was for a member is there, unread.
    await until(() => right.delivered.length === inner.length + 1);
    const sorted = (packets: readonly Uint8Array[]): string[] => packets.map(toHex).sort();
    expect(sorted(right.delivered.map(({ packet }) => packet))).toEqual(sorted([...inner, named]));
    await sleep(200);
    expect(target.arrived).toEqual([]);
    const ports = new Set([relay.port, a.session.alternate?.port, left.port, right.port]);
    const dialled = dials.mock.calls
      .flat(2)
      .filter((at) => JSON.stringify(at)?.includes(String(target.port)));
    expect(dialled).toEqual([]);
    expect(dials.mock.calls.length).toBeGreaterThan(3);
    const sentTo = sends.mock.calls.map((call) => call.find((argument) => typeof argument === 'number'));
    expect(sentTo.filter((port) => port === undefined || !ports.has(port))).toEqual([]);
    expect(sentTo.length).toBeGreaterThan(100);

    // The watch sees what comes, so the test can fail.
    const probe = createSocket('udp4');
    probe.send(plain, target.port, target.host, () => probe.close());
    connect(target.port, target.host).on('error', () => undefined);
    await until(() => target.arrived.includes('udp') && target.arrived.includes('tcp'));
  });
});

import { createSocket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { PacketType } from '../../../src/core/wire/packet.js';
import { batchOf, encodeBind } from '../../../src/core/wire/relay.js';
import { defaultLimits } from '../../../src/rendezvous/limits.js';
import { WorkerForwarder } from '../../../src/rendezvous/forward/worker-forwarder.js';
import { env, forwarderKinds, Kit, until } from './relay-kit.js';

const observed = new Uint8Array(16);
const kit = new Kit();
afterEach(() => kit.clean());
const key = new Uint8Array(32).fill(9);
const idOf = (n: number): Uint8Array => new Uint8Array(16).fill(n);

async function peer(): Promise<{ socket: ReturnType<typeof createSocket>; got: Uint8Array[] }> {
  const socket = createSocket('udp4');
  const got: Uint8Array[] = [];
  socket.on('message', (bytes: Buffer) => got.push(new Uint8Array(bytes)));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  kit.later(() => socket.close());
  return { socket, got };
}

function sendPacket(association: number, destination: Uint8Array, body: number): Uint8Array {
  const packet = new Uint8Array(30).fill(body);
  packet.fill(0, 0, 8);
  packet[0] = PacketType.relaySend;
  new DataView(packet.buffer).setUint32(4, association, true);
  packet.set(destination, 8);
  return packet;
}

describe.runIf(forwarderKinds.includes('worker'))('WorkerForwarder', () => {
  it('starts its thread again when that crashes, with bindings, counters and sockets kept', async () => {
    const crashes: string[] = [];
    const bound: number[] = [];
    const forwarder = new WorkerForwarder(
      { limits: defaultLimits, env, seed: 1 },
      {
        bound: (association) => bound.push(association),
        hand: () => undefined,
        restarted: (reason) => crashes.push(reason),
        failed: () => undefined,
      },
    );
    kit.later(() => forwarder.stop());
    const port = await forwarder.open('127.0.0.1', 0);
    const [a, b, c] = [await peer(), await peer(), await peer()];
    const [first, second, third] = [0x7_0001, 0x9_0002, 0xffff_0003];
    forwarder.add({ index: first, key, network: 1, nodeId: idOf(1), observed });
    forwarder.add({ index: second, key, network: 1, nodeId: idOf(2), observed });
    a.socket.send(encodeBind(first, 5, key), port, '127.0.0.1');
    b.socket.send(encodeBind(second, 5, key), port, '127.0.0.1');
    await until(() => a.got.length === 1 && b.got.length === 1);
    expect(bound.sort()).toEqual([first, second].sort());

    forwarder.crash();
    // What is told while no thread runs is not lost.
    await until(() => crashes.length === 1);
    forwarder.add({ index: third, key, network: 1, nodeId: idOf(3), observed });
    expect(crashes).toEqual(['told to crash']);
    a.socket.send(sendPacket(first, idOf(2), 7), port, '127.0.0.1');
    await until(() => b.got.length === 2);
    expect(b.got[1]?.[0]).toBe(PacketType.relayDeliver);
    expect(b.got[1]?.subarray(8, 24)).toEqual(idOf(1));
    // An old bind stays old.
    c.socket.send(encodeBind(first, 5, key), port, '127.0.0.1');
    c.socket.send(encodeBind(third, 1, key), port, '127.0.0.1');
    await until(() => c.got.length === 1);
    expect(forwarder.counters.values.length).toBeGreaterThan(0);
    forwarder.deliver(third, idOf(1), batchOf(new Uint8Array(10).fill(4)));
    await until(() => c.got.length === 2);

    forwarder.crash();
    await until(() => crashes.length === 2);
    forwarder.remove(second);
    a.socket.send(sendPacket(first, idOf(3), 8), port, '127.0.0.1');
    await until(() => c.got.length === 3);
    a.socket.send(sendPacket(first, idOf(2), 8), port, '127.0.0.1');
    a.socket.send(sendPacket(first, idOf(3), 9), port, '127.0.0.1');
    await until(() => c.got.length === 4);
    expect(b.got).toHaveLength(2);
  });

  it.each([
    ['::', '127.0.0.2', 'udp4', '127.0.0.3'],
    ['0.0.0.0', '127.0.0.2', 'udp4', '127.0.0.3'],
    ['::', '::1', 'udp6', '::1'],
  ] as const)(
    'at %s answers and forwards from the address that was asked, %s',
    async (host, asked, type, other) => {
      const forwarder = new WorkerForwarder(
        { limits: defaultLimits, env, seed: 1 },
        {
          bound: () => undefined,
          hand: () => undefined,
          restarted: () => undefined,
          failed: () => undefined,
        },
      );
      kit.later(() => forwarder.stop());
      const port = await forwarder.open(host, 0);
      const got: string[] = [];
      const open = async (name: string): Promise<ReturnType<typeof createSocket>> => {
        const socket = createSocket(type);
        socket.on('message', (bytes, from) =>
          got.push(`${name} ${bytes[0]?.toString(16)} from ${from.address}`),
        );
        await new Promise<void>((resolve) => socket.bind(0, resolve));
        kit.later(() => socket.close());
        return socket;
      };
      const [a, b] = [await open('a'), await open('b')];
      forwarder.add({ index: 0x7_0001, key, network: 1, nodeId: idOf(1), observed });
      forwarder.add({ index: 0x9_0002, key, network: 1, nodeId: idOf(2), observed });
      a.send(encodeBind(0x7_0001, 5, key), port, asked);
      b.send(encodeBind(0x9_0002, 5, key), port, other);
      await until(() => got.length === 2);
      // One that goes by itself, and some that one call sends.
      a.send(sendPacket(0x7_0001, idOf(2), 7), port, asked);
      await until(() => got.length === 3);
      const packet = batchOf(new Uint8Array(40).fill(4));
      forwarder.deliver(0x7_0001, idOf(2), new Uint8Array([...packet, ...packet, ...packet]));
      await until(() => got.length === 6);
      expect(got.sort()).toEqual([
        ...Array.from({ length: 3 }, () => `a 59 from ${asked}`),
        `a 5b from ${asked}`,
        `b 59 from ${other}`,
        `b 5b from ${other}`,
      ]);
    },
  );

  it('stops at once and twice, also while its thread is away', async () => {
    const forwarder = new WorkerForwarder(
      { limits: defaultLimits, env, seed: 1 },
      { bound: () => undefined, hand: () => undefined, restarted: () => undefined, failed: () => undefined },
    );
    const port = await forwarder.open('127.0.0.1', 0);
    forwarder.crash();
    await Promise.all([forwarder.stop(), forwarder.stop()]);
    const { socket } = await peer();
    // The port is free again.
    const other = createSocket('udp4');
    await new Promise<void>((resolve) => other.bind(port, '127.0.0.1', resolve));
    other.close();
    expect(socket.address().port).not.toBe(port);
  });

  it('throws the system’s code when the port is taken', async () => {
    const forwarder = new WorkerForwarder(
      { limits: defaultLimits, env, seed: 1 },
      { bound: () => undefined, hand: () => undefined, restarted: () => undefined, failed: () => undefined },
    );
    kit.later(() => forwarder.stop());
    const { socket } = await peer();
    await expect(forwarder.open('127.0.0.1', socket.address().port)).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });
});

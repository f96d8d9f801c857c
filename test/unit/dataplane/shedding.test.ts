/** The kernel drops strangers' initiations for us, by a filter that it runs: real sockets on loopback. */
import { createSocket, type Socket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Shedding, sheddingFilter, shedToPerSecond } from '../../../src/core/dataplane/plane/shedding.js';
import { attachFilter, detachFilter } from '../../../src/core/native/socket-filter.js';
import { PacketType } from '../../../src/core/wire/packet.js';

const open: Socket[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const socket of open.splice(0)) socket.close();
});

async function bound(host: string): Promise<Socket> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  open.push(socket);
  await new Promise<void>((resolve) => socket.bind(0, host, resolve));
  return socket;
}
const fdOf = (socket: Socket): number => (socket as unknown as { _handle: { fd: number } })._handle.fd;

/** How many of `count` packets of each type come through, by type. */
async function through(
  share: number,
  hosts: readonly string[],
  host: string,
  count = 200,
): Promise<number[]> {
  const [to, from] = [await bound(host), await bound(host)];
  const got = new Map<number, number>();
  to.on('message', (message) => got.set(message[0] as number, (got.get(message[0] as number) ?? 0) + 1));
  expect(attachFilter(fdOf(to), sheddingFilter(share, hosts))).toBe(true);
  const types = [
    PacketType.handshakeInit,
    PacketType.data,
    PacketType.handshakeResponse,
    PacketType.cookieReply,
    0,
  ];
  for (let i = 0; i < count; i++) {
    for (const type of types) from.send(Uint8Array.of(type, 0, 0, 0), to.address().port, host);
    if (i % 20 === 0) await sleep(5);
  }
  await sleep(100);
  detachFilter(fdOf(to));
  from.send(Uint8Array.of(PacketType.handshakeInit), to.address().port, host);
  await sleep(50);
  // Without the filter it comes: that one is not counted.
  const initiations = (got.get(PacketType.handshakeInit) ?? 0) - 1;
  return [initiations, ...types.slice(1).map((type) => got.get(type) ?? 0)];
}

describe.each(['127.0.0.1', '::1'])('the filter, %s', (host) => {
  it('drops initiations and nothing else', async () => {
    expect(await through(0, [], host)).toEqual([0, 200, 200, 200, 200]);
  });

  it('lets so many pass as it should', async () => {
    const [initiations = 0, ...rest] = await through(0.25, ['192.0.2.1', '2001:db8::7'], host, 1_000);
    expect(initiations).toBeGreaterThan(150);
    expect(initiations).toBeLessThan(350);
    expect(rest).toEqual([1_000, 1_000, 1_000, 1_000]);
  });

  it('lets those of peers pass, among many', async () => {
    const hosts = Array.from({ length: 500 }, (_, i) => [
      `10.0.${i >> 8}.${i & 255}`,
      `fd00::${i + 9}`,
    ]).flat();
    hosts.splice(300, 0, host);
    expect(await through(0, hosts, host)).toEqual([200, 200, 200, 200, 200]);
  });
});

it('begins when told, follows the flood, and ends after it', async () => {
  vi.useFakeTimers();
  const told: (number | null)[] = [];
  let arrived = 0;
  const shedding = new Shedding({
    sockets: () => [],
    arrived: () => arrived,
    hosts: () => [],
    log: (share) => told.push(share),
  });
  shedding.begin(20_000);
  shedding.begin(20_000);
  expect(told).toEqual([shedToPerSecond / 20_000]);
  // The flood doubles: twice as many come through.
  arrived += 2 * shedToPerSecond;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(told.at(-1)).toBeCloseTo(shedToPerSecond / 40_000);
  expect(shedding.active).toBe(true);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(told.at(-1)).toBeNull();
  expect(shedding.active).toBe(false);
  shedding.stop();
  expect(told).toHaveLength(3);
});

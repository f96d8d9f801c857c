import { createSocket, type Socket } from 'node:dgram';
import { afterEach, expect, it } from 'vitest';
import { HolePlaces } from '../../../src/core/dataplane/plane/hole-places.js';
import { Arena } from '../../../src/core/native/arena.js';
import { libc, Socket as Constant } from '../../../src/core/native/libc.js';

let socket: Socket | undefined;
afterEach(() => socket?.close());

function hopsOf(fd: number): number {
  const { view, base } = new Arena(64);
  view.setUint32(32, 4, true);
  libc().getsockopt(fd, Constant.IPPROTO_IP, Constant.IP_TTL, base, base + 32);
  return view.getInt32(0, true);
}

it('takes a socket over that was hit before it sent anything meant to arrive', async () => {
  const opened = (socket = createSocket('udp4'));
  await new Promise<void>((resolve) => opened.bind(0, '127.0.0.1', resolve));
  const usual = hopsOf((opened as unknown as { _handle: { fd: number } })._handle.fd);
  opened.setTTL(2);
  const { fd } = (opened as unknown as { _handle: { fd: number } })._handle;
  expect(hopsOf(fd)).toBe(2);
  const places = new HolePlaces();
  const place = places.take(0, fd);
  expect(hopsOf(place)).toBe(usual);
  places.close();
});

it('tells which sockets another process has, once it was given them', async () => {
  const opened = (socket = createSocket('udp4'));
  await new Promise<void>((resolve) => opened.bind(0, '127.0.0.1', resolve));
  const { fd } = (opened as unknown as { _handle: { fd: number } })._handle;
  const places = new HolePlaces();
  const taken = [0, 1, 2, 3].map((hole) => places.take(hole, fd));
  places.drop(3);
  expect(places.same).toEqual([]);
  expect([...places.descriptors()]).toEqual([0, 1, 2].map((hole) => [hole, taken[hole]]));
  places.drop(1);
  places.drop(2);
  // The place is the same, and the socket another.
  expect(places.take(2, fd)).toBe(taken[2]);
  expect(places.same).toEqual([0]);
  places.close();
});

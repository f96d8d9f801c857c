/** What a relay has its kernel drop, by real sockets. */
import { createSocket } from 'node:dgram';
import { expect, it } from 'vitest';
import { Arena } from '../../../src/core/native/arena.js';
import { libc } from '../../../src/core/native/libc.js';
import {
  ForeignFilter,
  foreignPerSecond,
  isForeign,
} from '../../../src/rendezvous/forward/foreign-filter.js';
import { openForwardSocket, SocketIo } from '../../../src/rendezvous/forward/forward-socket.js';
import { sleep } from './relay-kit.js';

const types = [0x00, 0x01, 0x50, 0x51, 0x52, 0x58, 0x59, 0x5a, 0x5b, 0xff];

it('drops what no relay takes while it comes by the thousand, and takes everything ten seconds later', async () => {
  const socket = openForwardSocket('127.0.0.1', 0);
  const arena = new Arena(1 << 17);
  const io = new SocketIo(arena, socket);
  const at = arena.alloc(65_536);
  const sender = createSocket('udp4');
  /** First bytes of what arrives when one of each sort is sent. */
  const arrive = async (): Promise<number[]> => {
    for (const type of types)
      await new Promise((sent) => sender.send(Uint8Array.of(type, 1, 2, 3), socket.port, '127.0.0.1', sent));
    await sleep(20);
    const seen: number[] = [];
    for (let n = io.receive(at, 65_536); n > 0; n = io.receive(at, 65_536))
      for (let i = 0; i < n; i += io.segment) seen.push(arena.u8[at + i] as number);
    return seen.sort((a, b) => a - b);
  };
  try {
    const filter = new ForeignFilter(socket.fd);
    const perLook = Math.ceil(foreignPerSecond / 4) + 50;
    filter.count(10_000);
    for (let i = 0; i < foreignPerSecond / 8; i++) filter.count(10_000 + i / 2);
    filter.count(10_260);
    expect(await arrive()).toEqual(types);
    for (let i = 0; i <= perLook; i++) filter.count(10_260 + (250 * i) / perLook);
    expect(await arrive()).toEqual(types.filter((type) => !isForeign(type)));
    filter.tick(20_000);
    expect((await arrive()).length).toBeLessThan(types.length);
    filter.tick(20_600);
    expect(await arrive()).toEqual(types);
  } finally {
    sender.close();
    libc().close(socket.fd);
  }
});

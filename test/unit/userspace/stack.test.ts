import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { heldLimit, Stack } from '../../../src/core/userspace/stack.js';
import type { StackSocket } from '../../../src/core/userspace/stack-socket.js';

interface Hosts {
  readonly a: Stack;
  readonly b: Stack;
  readonly c: Stack;
  readonly frames: () => number;
}

/** Hosts on a cable that loses what it is told to. Real time: TCP's timers are short. */
function hosts(lost: (n: number) => boolean = () => false): Hosts {
  let frames = 0;
  const all: Stack[] = [];
  const make = (n: number): Stack => {
    let timer: NodeJS.Timeout | undefined;
    const stack: Stack = new Stack({
      mac: Uint8Array.of(2, 0, 0, 0, 0, n),
      ip: 0x0a90_0000 + n,
      prefix: 16,
      mtu: 1350,
      now: () => performance.now(),
      random: () => Math.floor(Math.random() * 2 ** 32),
      output: (frame) => {
        if (lost(++frames)) return;
        const copy = frame.slice();
        setImmediate(() => {
          for (const other of all) if (other !== stack) other.input(copy);
        });
      },
      wake: (ms) => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          stack.tick();
        }, ms).unref();
      },
    });
    all.push(stack);
    return stack;
  };
  return { a: make(1), b: make(2), c: make(3), frames: () => frames };
}

const addressOf = (n: number): Uint8Array => Uint8Array.of(10, 144, 0, n);

function all(socket: StackSocket): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  return once(socket, 'end').then(() => Buffer.concat(parts));
}

describe('the stack', () => {
  it('carries bytes both ways, each half closed by itself', async () => {
    const { a, b } = hosts();
    const heard = new Promise<Buffer>((resolve) => {
      b.listen(80, (socket) => {
        void all(socket).then((bytes) => {
          socket.end(`had ${bytes.length}`);
          resolve(bytes);
        });
      });
    });
    const sent = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i * 7));
    const socket = a.connect(addressOf(2), 80);
    socket.end(sent);
    expect((await heard).equals(sent)).toBe(true);
    expect((await all(socket)).toString()).toBe('had 300000');
    await expect.poll(() => [a.connections, b.connections]).toEqual([0, 0]);
  });

  it('lets no one host hold more than its share of connections', async () => {
    const { a, b, c } = hosts();
    const open = new Set<StackSocket>();
    b.listen(80, (socket) => {
      open.add(socket);
      socket.on('error', () => undefined).on('close', () => open.delete(socket));
    });
    const connect = (from: Stack): StackSocket => from.connect(addressOf(2), 80).on('error', () => undefined);
    const first = connect(a);
    for (let i = 1; i < heldLimit; i++) connect(a);
    await expect.poll(() => open.size, { timeout: 20_000 }).toBe(heldLimit);
    const more = connect(a);
    await new Promise((resolve) => more.on('close', resolve));
    expect(open.size).toBe(heldLimit);
    await once(connect(c), 'connect');
    await expect.poll(() => open.size).toBe(heldLimit + 1);
    // A place that is given back is there for the next.
    first.destroy();
    await expect.poll(() => open.size).toBe(heldLimit);
    await once(connect(a), 'connect');
    await expect.poll(() => open.size).toBe(heldLimit + 1);
  }, 60_000);

  it('repairs what the network loses', async () => {
    const { a, b } = hosts((n) => n > 20 && n % 23 === 0);
    const heard = new Promise<Buffer>((resolve) => {
      b.listen(80, (socket) => void all(socket).then(resolve));
    });
    const sent = Buffer.from(Array.from({ length: 400_000 }, (_, i) => i >> 3));
    a.connect(addressOf(2), 80)
      .on('error', () => undefined)
      .end(sent);
    expect((await heard).equals(sent)).toBe(true);
  }, 60_000);

  it('waits for whoever reads slowly, and keeps no more than its window', async () => {
    const { a, b } = hosts();
    const taken = new Promise<StackSocket>((resolve) => {
      b.listen(80, resolve);
    });
    const socket = a.connect(addressOf(2), 80);
    socket.on('error', () => undefined);
    for (let i = 0; i < 64; i++) socket.write(Buffer.alloc(65_536));
    const reader = await taken;
    reader.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(reader.readableLength).toBeLessThan(2 << 20);
    expect(socket.writableLength).toBeGreaterThan(0);
    reader.resume();
    if (socket.writableNeedDrain) await once(socket, 'drain');
    socket.destroy();
    reader.destroy();
  });

  it('says when nobody takes a connection, and when nobody answers', async () => {
    const { a } = hosts();
    const [refused] = (await once(a.connect(addressOf(2), 81), 'error')) as [{ code: string }];
    expect(refused.code).toBe('ECONNREFUSED');
    const unheard = a.connect(addressOf(9), 80);
    unheard.on('error', () => undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(a.connections).toBe(1);
    unheard.destroy();
    await once(unheard, 'close');
    expect(a.connections).toBe(0);
  });

  it('tells when the other side resets', async () => {
    const { a, b } = hosts();
    b.listen(80, (socket) => {
      socket.on('data', () => socket.destroy(new Error('no')));
      socket.on('error', () => undefined);
    });
    const socket = a.connect(addressOf(2), 80);
    socket.write('hello');
    const [error] = (await once(socket, 'error')) as [{ code: string }];
    expect(error.code).toBe('ECONNRESET');
    expect(a.connections).toBe(0);
  });

  it('takes back the places of connections that are over: more than it has in all', async () => {
    const { a, b } = hosts();
    b.listen(80, (socket) => {
      socket.on('error', () => undefined);
      socket.end('x');
      socket.resume();
    });
    for (let round = 0; round < 15; round++) {
      await Promise.all(
        Array.from({ length: 100 }, async () => {
          const socket = a.connect(addressOf(2), 80);
          socket.end();
          expect((await all(socket)).toString()).toBe('x');
        }),
      );
    }
    expect(a.connections).toBe(0);
  }, 60_000);
});

/** A process leaves everything in the store of its service manager, and the next one finds it: once, whole, or not at all. */
import { closeSync, fstatSync, readSync, writeSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { encodeFrame } from '../../../src/core/handover/frames.js';
import type { Given } from '../../../src/core/handover/give.js';
import { leaveToNext, restVersion } from '../../../src/core/handover/rest.js';
import { readLeft, takeRest } from '../../../src/core/handover/rested.js';
import { startedWith } from '../../../src/core/handover/started.js';
import { leftDescriptors, type DescriptorStore } from '../../../src/core/handover/store.js';
import type { Taker } from '../../../src/core/handover/taker.js';
import { silentLogger } from '../../../src/core/lib/env.js';
import { monotonicMs } from '../../../src/core/native/clock.js';
import { libc } from '../../../src/core/native/libc.js';
import { append, memoryFile, takeAll } from '../../../src/core/native/memory-file.js';

/** Of this process alone, with copies as the manager has them. */
class Store {
  readonly kept: [name: string, fd: number][] = [];
  /** It takes so many, and no more. */
  room = Infinity;

  put(name: string, fd: number): void {
    if (this.kept.length >= this.room) throw new Error('full');
    // As systemd gives them back.
    this.kept.unshift([name, libc().dup(fd)]);
  }

  remove(name: string): void {
    for (const [kept, fd] of this.kept) if (kept === name) closeSync(fd);
    this.kept.splice(0, Infinity, ...this.kept.filter(([kept]) => kept !== name));
  }

  settle(): boolean {
    return true;
  }

  /** What the next process has: its own descriptors of all. */
  handOut(): Map<string, number[]> {
    const left = new Map<string, number[]>();
    for (const [name, fd] of this.kept) left.set(name, [...(left.get(name) ?? []), libc().dup(fd)]);
    return left;
  }

  get asStore(): DescriptorStore {
    return this as unknown as DescriptorStore;
  }
}

const isOpen = (fd: number): boolean => {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
};

/** A file that says who it is. */
function labelled(text: string): number {
  const fd = memoryFile(text);
  writeSync(fd, text);
  return fd;
}

function read(fd: number): string {
  const bytes = Buffer.alloc(64);
  return bytes.subarray(0, readSync(fd, bytes, 0, 64, 0)).toString();
}

const key = Uint8Array.of(1, 2, 3, 4);

function given(id: string, log: string[], fails = false): Given {
  return {
    id,
    describe: () => ({ fds: [labelled(`${id} tap`), labelled(`${id} udp`)], facts: { of: id } }),
    freeze: () => {
      log.push(`${id} rests`);
      return fails
        ? Promise.reject(new Error('stuck'))
        : Promise.resolve({ head: { name: id }, blob: key.slice() });
    },
    thaw: () => {
      log.push(`${id} goes on`);
    },
    letGo: () => {
      log.push(`${id} lets go`);
      return id === 'b' ? Promise.resolve({ head: { more: 1 }, blob: Uint8Array.of(9) }) : undefined;
    },
    recover: () => Promise.resolve(),
  };
}

const rest = { version: '1.0.0', started: 'so', log: silentLogger };

describe('a process that is started again', () => {
  let store: Store;
  let log: string[];
  beforeEach(() => {
    store = new Store();
    log = [];
  });
  const leave = (kept: readonly number[] = []): Promise<void> =>
    leaveToNext({ ...rest, given: [given('a', log), given('b', log)], kept, store: store.asStore });
  const take = (started = 'so', descriptors = store.handOut()): Taker | undefined =>
    takeRest({ descriptors, store: store.asStore, started, log: silentLogger });

  it('finds all that was left, in whatever order it comes back', async () => {
    const kept = [labelled('one'), labelled('two')];
    await leave(kept);
    expect(log).toEqual(['a rests', 'b rests', 'a lets go', 'b lets go']);
    const taker = take() as Taker;
    expect([taker.left.has('a'), taker.left.has('b'), taker.left.has('c')]).toEqual([true, true, false]);
    for (const id of ['b', 'a']) {
      const thing = taker.left.claim(id);
      expect(thing?.facts).toEqual({ of: id });
      const [tap = -1, udp = -1, none] = [0, 1, 2].map((place) => thing?.descriptor(place));
      expect([read(tap), read(udp), none]).toEqual([`${id} tap`, `${id} udp`, -1]);
      const { message, blob } = await taker.take(id);
      expect(message).toMatchObject({ snapshot: { name: id } });
      expect(blob).toEqual(key);
    }
    expect((await taker.commit('a', []))?.message['tail']).toBeUndefined();
    const told = await taker.commit('b', []);
    expect(told?.message['tail']).toEqual({ more: 1 });
    expect(told?.blob).toEqual(Uint8Array.of(9));
    expect(taker.left.claim('a')).toBeUndefined();
    const open = taker.kept.map(read);
    expect(open.sort()).toEqual(['one', 'two']);
    const still = [...taker.kept];
    await taker.settled();
    expect(still.map(isOpen)).toEqual([false, false]);
  });

  it('leaves nothing of it for another: the keys are wiped in every copy before anything is done', async () => {
    await leave();
    const copy = libc().dup(store.kept.find(([name]) => name === 'evio-state')?.[1] ?? -1);
    const descriptors = store.handOut();
    expect(take('so', descriptors)).toBeDefined();
    expect(fstatSync(copy).size).toBe(0);
    expect(store.kept).toEqual([]);
    // Killed right then: the next one finds nothing.
    expect(take()).toBeUndefined();
  });

  it('closes what nobody claims', async () => {
    await leave();
    const descriptors = store.handOut();
    const taker = take('so', descriptors) as Taker;
    taker.left.claim('a');
    taker.done();
    expect(
      ['evio-0', 'evio-1', 'evio-2', 'evio-3'].map((name) => isOpen(descriptors.get(name)?.[0] ?? -1)),
    ).toEqual([true, true, false, false]);
  });

  it.each([
    ['that was started with other words', (): unknown => take('otherwise')],
    [
      'that lacks a descriptor',
      (): unknown => {
        store.remove('evio-2');
        return take();
      },
    ],
    [
      'that lacks the file, since the process before was killed within it',
      (): unknown => {
        store.remove('evio-state');
        return take();
      },
    ],
  ])('goes on with nothing of a process %s, and closes it', async (_what, taken) => {
    await leave([labelled('kept')]);
    const before = new Set(openDescriptors());
    expect(taken()).toBeUndefined();
    expect(store.kept).toEqual([]);
    expect(openDescriptors().filter((fd) => !before.has(fd))).toEqual([]);
  });

  it('goes on where it was when a part does not come to rest', async () => {
    const all = [given('a', log), given('b', log, true)];
    const left = leaveToNext({ ...rest, given: all, kept: [labelled('x')], store: store.asStore });
    await expect(left).rejects.toThrow('stuck');
    expect(log).toEqual(['a rests', 'b rests', 'a goes on', 'b goes on']);
    expect(store.kept).toEqual([]);
  });

  it('goes on where it was when the manager takes nothing more', async () => {
    store.room = 3;
    await expect(leave()).rejects.toThrow('full');
    expect(log).toEqual([]);
    expect(store.kept).toEqual([]);
  });

  it('has let go for good when only the file is not taken: the next one begins anew', async () => {
    store.room = 4;
    await leave();
    expect(log.slice(-2)).toEqual(['a lets go', 'b lets go']);
    expect(take()).toBeUndefined();
  });
});

function openDescriptors(): number[] {
  const all = Array.from({ length: 256 }, (_, fd) => fd);
  return all.filter(isOpen);
}

/** A file as rest.ts writes it, but for what is changed. */
function written(change: object, ...more: object[]): Uint8Array {
  const head = { type: 'heritage', rest: restVersion, from: '1', started: 'so', atMs: monotonicMs() };
  const things = [{ id: 'a', facts: {}, fds: [] }];
  const frames = [
    { ...head, things, ...change },
    { type: 'state', id: 'a', snapshot: {} },
    { type: 'commit', id: 'a' },
    ...more,
  ];
  return new Uint8Array(Buffer.concat(frames.flatMap((frame) => encodeFrame(frame, key))));
}

describe('what was left', () => {
  const takes = (bytes: Uint8Array): boolean => {
    const file = memoryFile('x');
    append(file, bytes);
    const store = new Store().asStore;
    const found = { descriptors: new Map([['evio-state', [file]]]), store, started: 'so', log: silentLogger };
    return takeRest(found) !== undefined;
  };

  it('is taken as it is written, and not long afterwards', () => {
    expect(takes(written({}))).toBe(true);
    expect(takes(written({ atMs: monotonicMs() - 31_000 }))).toBe(false);
    expect(takes(written({ atMs: monotonicMs() + 5_000 }))).toBe(false);
    expect(takes(written({ rest: restVersion + 1 }))).toBe(false);
  });

  it('is taken whole: nothing is missing, and nothing is more', () => {
    expect(() => readLeft(written({}, { type: 'commit', id: 'a' }))).toThrow('too much');
    expect(() => readLeft(written({ things: [] }))).toThrow('too much');
    expect(() =>
      readLeft(written({ things: ['a', 'a'].map((id) => ({ id, facts: {}, fds: [] })) })),
    ).toThrow();
  });

  it('is no surprise to its reader, whatever it is', () => {
    const good = written({});
    for (let length = 0; length < good.length; length++) expect(takes(good.slice(0, length))).toBe(false);
    let seed = 7;
    const next = (below: number): number => (seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff) % below;
    for (let round = 0; round < 2_000; round++) {
      const bad = good.slice();
      for (let n = next(4); n >= 0; n--) bad[next(bad.length)] = next(256);
      expect(() => takes(bad)).not.toThrow();
    }
  });
});

describe('a file in memory', () => {
  it('is read once', () => {
    const file = memoryFile('x');
    append(file, Uint8Array.of(1, 2));
    append(file, Uint8Array.of(3));
    expect(takeAll(file)).toEqual(Uint8Array.of(1, 2, 3));
    expect(takeAll(file)).toEqual(new Uint8Array(0));
    closeSync(file);
  });
});

describe('descriptors of the manager', () => {
  const env = (more: object): NodeJS.ProcessEnv => ({
    LISTEN_FDS: '2',
    LISTEN_PID: `${process.pid}`,
    LISTEN_FDNAMES: 'x:x',
    ...more,
  });

  it('are those that were meant for this process, and no program that it starts hears of them', () => {
    const ours = env({});
    expect(leftDescriptors(ours)).toEqual(new Map([['x', [3, 4]]]));
    expect(ours).toEqual({});
    const others = env({ LISTEN_PID: '1' });
    expect(leftDescriptors(others)).toEqual(new Map());
    expect(others).toEqual({});
    expect(leftDescriptors(env({ LISTEN_FDS: 'many' }))).toEqual(new Map());
  });
});

describe('what a process was started with', () => {
  it('is its words and what of the environment is for it', () => {
    const one = startedWith(['node'], { EVIO_HOME: '/a', PATH: '/bin' });
    expect(startedWith(['node'], { PATH: '/sbin', EVIO_HOME: '/a', EVIO_HANDOVER: '3' })).toBe(one);
    expect(startedWith(['node', '--no-relay'], { EVIO_HOME: '/a' })).not.toBe(one);
    expect(startedWith(['node'], { EVIO_HOME: '/b' })).not.toBe(one);
    expect(one).not.toContain('/a');
  });
});

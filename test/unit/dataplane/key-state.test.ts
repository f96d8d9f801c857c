/** No counter twice, neither sent nor received: by turns in one thread, and at the same time in several. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  KeyMemory,
  KeyPlaces,
  OwnKeyState,
  SharedKeyState,
} from '../../../src/core/dataplane/keys/key-state.js';
import { sharedMemory } from '../../../src/core/dataplane/plane/shared.js';

const compiled = fileURLToPath(new URL('../../../dist/core/dataplane/keys/key-state.js', import.meta.url));

describe('OwnKeyState', () => {
  it('goes on beyond what a thread before it used, and accepts nothing that it accepted', () => {
    const shared = sharedMemory();
    const first = new OwnKeyState(shared, 0x1234_0007, false);
    const used = Array.from({ length: 100 }, () => first.take());
    expect(used).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(first.accept(41)).toBe(true);
    const second = new OwnKeyState(shared, 0x1234_0007, true);
    expect(second.take()).toBeGreaterThan(99);
    expect(second.accept(41)).toBe(false);
    expect(second.accept(40)).toBe(false);
    expect(second.accept(42)).toBe(true);
    expect(new OwnKeyState(shared, 0x9999_0007, true).take()).toBe(0);
  });
});

describe('SharedKeyState', () => {
  it('gives no counter twice, whatever the turns, and whichever thread crashes and comes again', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 200 }), fc.boolean()), {
          maxLength: 60,
        }),
        (turns) => {
          const memory = new KeyMemory();
          const threads = Array.from({ length: 4 }, () => new SharedKeyState(memory, 5));
          const used = new Set<number>();
          for (const [thread, count, crashes] of turns) {
            for (let i = 0; i < count; i++) {
              const counter = (threads[thread] as SharedKeyState).take();
              expect(used.has(counter)).toBe(false);
              used.add(counter);
            }
            if (crashes) threads[thread] = new SharedKeyState(memory, 5);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('never sends what the receiver would take for old, however long a thread was silent', () => {
    const memory = new KeyMemory();
    const [busy, rare] = [new SharedKeyState(memory, 0), new SharedKeyState(memory, 0)];
    const receiver = new OwnKeyState(sharedMemory(), 1, false);
    for (let i = 0; i < 50_000; i++) {
      expect(receiver.accept(busy.take())).toBe(true);
      if (i % 1_777 === 0) expect(receiver.accept(rare.take())).toBe(true);
    }
  });

  it('ends before its numbers begin again', () => {
    const memory = new KeyMemory();
    const state = new SharedKeyState(memory, 3);
    memory.blocks[3] = -(2 ** 31) - 2; // 2^31 - 2
    const last = Array.from({ length: 64 }, () => state.take());
    expect(last[0]).toBe((2 ** 31 - 2) * 64);
    expect(last.every((counter) => counter < state.limit)).toBe(true);
    const after = Array.from({ length: 1_000 }, () => state.take());
    expect(after.every((counter) => counter >= state.limit)).toBe(true);
    // One more for the thread, not one for each packet that it refused.
    expect(memory.blocks[3]).toBe(-(2 ** 31));
  });

  it('used by four threads at the same time gives and accepts every counter once', async () => {
    const memory = new KeyMemory();
    const taken = new Int32Array(new SharedArrayBuffer(4 * 600_000));
    const accepted = new Int32Array(new SharedArrayBuffer(4 * 40_000));
    const code = `
      const { workerData: d, parentPort } = require('node:worker_threads');
      import(d.url).then(({ KeyMemory, SharedKeyState }) => {
        const memory = new KeyMemory(d.memory);
        const own = new SharedKeyState(memory, 1), window = new SharedKeyState(memory, 2);
        Atomics.add(d.gate, 0, 1);
        while (Atomics.load(d.gate, 0) < 4);
        for (let i = 0; i < 100000; i++) Atomics.add(d.taken, own.take(), 1);
        // All four offer all counters, each in an order of its own within a window.
        for (let base = 0; base < 40000; base += 64)
          for (let i = 0; i < 64; i++) {
            const counter = base + ((i * (2 * d.n + 1)) & 63);
            if (window.check(counter) && window.accept(counter)) Atomics.add(d.accepted, counter, 1);
          }
        parentPort.postMessage('done');
      });`;
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const workers = [0, 1, 2, 3].map(
      (n) =>
        new Worker(code, {
          eval: true,
          execArgv: [],
          workerData: { url: compiled, memory: memory.buffer, taken, accepted, gate, n },
        }),
    );
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    await Promise.all(workers.map((worker) => worker.terminate()));
    expect(taken.reduce((a, b) => a + b, 0)).toBe(400_000);
    expect(taken.every((times) => times <= 1)).toBe(true);
    expect(accepted.every((times) => times <= 1)).toBe(true);
    // A thread that lagged by two laps was refused, and then another had taken it.
    expect(accepted.reduce((a, b) => a + b, 0)).toBeGreaterThan(39_000);
  });
});

describe('KeyPlaces', () => {
  it('gives each key an empty window of its own, and frees those of a peer that goes', () => {
    const memory = new KeyMemory();
    const places = new KeyPlaces(memory);
    const a = places.take(1, 100) as number;
    const b = places.take(1, 101) as number;
    expect(a).not.toBe(b);
    new SharedKeyState(memory, a).accept(7);
    const used = new SharedKeyState(memory, a).take();
    places.releasePeer(1);
    const seen = new Set<number>();
    for (let i = 0; i < 16_384; i++) seen.add(places.take(2, 1_000 + i) as number);
    expect(seen.size).toBe(16_384);
    expect(places.take(2, 5)).toBeUndefined();
    // The window is empty, the counters go on.
    expect(new SharedKeyState(memory, a).accept(7)).toBe(true);
    expect(new SharedKeyState(memory, a).take()).toBeGreaterThan(used);
    places.release(1_000);
    expect(places.take(3, 6)).toBeDefined();
  });

  it('gives a place that is half used up to nobody', () => {
    const memory = new KeyMemory();
    const places = new KeyPlaces(memory);
    const place = places.take(1, 1) as number;
    memory.blocks[place] = 2 ** 29;
    places.release(1);
    for (let i = 0; i < 16_383; i++) expect(places.take(1, 10 + i)).not.toBe(place);
    expect(places.take(1, 9)).toBeUndefined();
  });
});

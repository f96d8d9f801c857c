import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RingRecord, ThreadRing } from '../../../src/core/dataplane/loop/thread-ring.js';

describe('ThreadRing', () => {
  it('hands over every record in order, byte for byte, however reader and writer take turns', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.record({ put: fc.integer({ min: 0, max: 700 }) }), fc.record({ take: fc.nat(5) })),
          { maxLength: 300 },
        ),
        (turns) => {
          const writer = new ThreadRing(undefined, 2_048);
          const reader = new ThreadRing(writer.buffer);
          const waiting: { a: number; bytes: Uint8Array }[] = [];
          let n = 0;
          const takeOne = (): void => {
            const next = waiting.shift();
            expect(reader.take()).toBe(next !== undefined);
            if (!next) return;
            expect([reader.kind, reader.a, reader.b, reader.c]).toEqual([
              RingRecord.flood,
              next.a,
              -next.a,
              3,
            ]);
            expect(reader.bytes.slice(reader.at, reader.at + reader.length)).toEqual(next.bytes);
          };
          for (const turn of turns) {
            if ('take' in turn) for (let i = 0; i < turn.take; i++) takeOne();
            else {
              n++;
              const bytes = Uint8Array.from({ length: turn.put + 4 }, (_, i) => n * 31 + i * 7);
              if (writer.put(RingRecord.flood, n, -n, 3, bytes, 2, turn.put))
                waiting.push({ a: n, bytes: bytes.slice(2, 2 + turn.put) });
              // Only a ring with something in it may be full.
              else expect(waiting.length).toBeGreaterThan(0);
            }
          }
          while (waiting.length > 0) takeOne();
          takeOne();
        },
      ),
    );
  });

  it('refuses what finds no room, and takes it when there is room again', () => {
    const ring = new ThreadRing(undefined, 1_024);
    const bytes = new Uint8Array(400);
    const put = (): boolean => ring.put(RingRecord.frame, 0, 0, 0, bytes, 0, 400);
    expect([put(), put(), put()]).toEqual([true, true, false]);
    expect(ring.take()).toBe(true);
    // Its place is free when the next is asked for.
    expect(put()).toBe(false);
    expect(ring.take()).toBe(true);
    expect(ring.take()).toBe(false);
    expect(put()).toBe(true);
  });

  it('passes over what a reader before it left', () => {
    const ring = new ThreadRing(undefined, 1_024);
    ring.put(RingRecord.groups, 1, 0, 0, new Uint8Array(8), 0, 8);
    ring.skipAll();
    expect(ring.take()).toBe(false);
    ring.put(RingRecord.groups, 2, 0, 0, new Uint8Array(8), 0, 8);
    expect(ring.take()).toBe(true);
    expect(ring.a).toBe(2);
  });
});

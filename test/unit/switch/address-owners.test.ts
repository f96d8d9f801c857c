import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { AddressOwners, ownedLimit, ownerKeys } from '../../../src/core/switch/address-owners.js';
import { ageingMs } from '../../../src/core/switch/fdb.js';

const keys = (salt: number): Int32Array =>
  Int32Array.from({ length: ownerKeys }, (_, i) => Math.imul(i + salt, 0x9e3779b1) ^ (salt << 7));
const start = 1_000_000;

function table(from: Int32Array | SharedArrayBuffer = keys(1)): {
  owners: AddressOwners;
  claim: (address: number, owner: number, now?: number) => boolean;
  check: (address: number, owner: number, now?: number) => boolean;
} {
  const owners = new AddressOwners(from);
  const ask = (address: number, owner: number, now: number, claim: boolean): boolean =>
    owners.holds(0x2001_0db8, 0, address >> 16, address & 0xffff, 0, 0x0200, owner, claim, now / 1_000);
  return {
    owners,
    claim: (address, owner, now = start) => ask(address, owner, now, true),
    check: (address, owner, now = start) => ask(address, owner, now, false),
  };
}

describe('AddressOwners', () => {
  it('gives an address to the first, and asks without giving', () => {
    const { claim, check } = table();
    expect([check(1, 7), check(1, 8)]).toEqual([true, true]);
    expect([claim(1, 7), claim(1, 7), claim(1, 8), check(1, 8), check(1, 7)]).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
    expect(claim(2, 8)).toBe(true);
  });

  it('tells addresses apart by every word, and by the LAN', () => {
    // With these keys all lie in one bucket.
    const { owners } = table(new Int32Array(ownerKeys));
    const words = [0x2001_0db8, 1, 2, 3, 0];
    const ask = (at: number, owner: number): boolean => {
      const [a, b, c, d, lan] = words.map((w, i) => (i === at ? w ^ 0x10 : w)) as [
        number,
        number,
        number,
        number,
        number,
      ];
      return owners.holds(a, b, c, d, lan, 0x0200, owner, true, start / 1_000);
    };
    expect(ask(-1, 7)).toBe(true);
    for (let at = 0; at < 5; at++) expect(ask(at, 8)).toBe(true);
    for (let at = 0; at < 5; at++) expect(ask(at, 7)).toBe(false);
  });

  it('tells owners apart by the whole MAC', () => {
    const { owners } = table();
    const ask = (high: number, low: number): boolean =>
      owners.holds(1, 2, 3, 4, 0, high, low, true, start / 1_000);
    expect([ask(0x0200, 7), ask(0x0201, 7), ask(0x0200, -7), ask(0x0200, 7)]).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it('forgets what was silent for five minutes', () => {
    const { claim, check } = table();
    claim(1, 7);
    expect(check(1, 8, start + ageingMs)).toBe(false);
    expect(check(1, 8, start + ageingMs + 2_000)).toBe(true);
    expect(claim(1, 8, start + ageingMs + 2_000)).toBe(true);
    expect(claim(1, 7, start + ageingMs + 2_000)).toBe(false);
  });

  it('lets no member have more than its share, until old ones went', () => {
    const { claim } = table();
    for (let i = 0; i < ownedLimit; i++) expect(claim(i, 7)).toBe(true);
    expect(claim(5_000, 7)).toBe(false);
    expect(claim(3, 7)).toBe(true);
    // Others do not suffer.
    for (let i = 0; i < ownedLimit; i++) expect(claim(10_000 + i, 8)).toBe(true);
    const later = start + ageingMs + 2_000;
    for (let i = 0; i < ownedLimit; i++) expect(claim(20_000 + i, 7, later)).toBe(true);
    expect(claim(5_000, 7, later)).toBe(false);
  });

  it('keeps live entries when it fills up: nobody pushes out another', () => {
    const { claim, check } = table();
    const members = 160;
    const got = new Map<number, number>();
    for (let i = 0; i < members * ownedLimit; i++) {
      const owner = 1 + (i % members);
      if (claim(i, owner)) got.set(i, owner);
    }
    expect(got.size).toBeGreaterThan(25_000);
    expect(got.size).toBeLessThanOrEqual(32_768);
    for (const [address, owner] of got) if (check(address, owner + 1)) throw new Error(`lost ${address}`);
    // And all the room is there again when they have aged.
    const later = start + ageingMs + 2_000;
    let again = 0;
    for (let i = 0; i < 8_000; i++) if (claim(1_000_000 + i, 1_000 + (i % members), later)) again++;
    expect(again).toBeGreaterThan(7_990);
  });

  it('gives each address to one of two threads that want it at the same moment', async () => {
    const { owners, claim } = table(keys(3));
    const wanted = 3_000;
    const module = new URL('../../../dist/core/switch/address-owners.js', import.meta.url).href;
    const script = `
      const { parentPort, workerData } = require('node:worker_threads');
      import(workerData.module).then(({ AddressOwners }) => {
        const owners = new AddressOwners(workerData.buffer);
        const gate = new Int32Array(workerData.gate);
        const won = [];
        for (let i = 0; i < ${wanted}; i++) {
          const owner = workerData.owner + Math.floor(i / 200);
          Atomics.add(gate, 0, 1);
          while (Atomics.load(gate, 0) < 2 * (i + 1));
          won.push(owners.holds(0x20010db8, 0, i >> 16, i & 0xffff, 0, 0x0200, owner, true, ${start / 1_000}));
        }
        parentPort.postMessage(won);
      });`;
    const gate = new SharedArrayBuffer(4);
    const workers = [1_000, 2_000].map(
      (owner) =>
        new Worker(script, { eval: true, workerData: { module, gate, owner, buffer: owners.buffer } }),
    );
    const won = await Promise.all(
      workers.map(
        (worker) =>
          new Promise<boolean[]>((resolve, reject) => {
            worker.once('message', resolve);
            worker.once('error', reject);
          }),
      ),
    );
    await Promise.all(workers.map((worker) => worker.terminate()));
    for (let i = 0; i < wanted; i++) expect([i, won.filter((w) => w[i]).length]).toEqual([i, 1]);
    // The lock is free again.
    expect(claim(9_999, 1)).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import { RelayQueries, type Askable } from '../../../src/core/relays/relay-queries.js';
import type { FindRequest, LocateRequest, PlacedRequest } from '../../../src/core/wire/signal.js';
import { virtualEnv, VirtualClock } from '../../support/virtual.js';

class FakeRelay implements Askable {
  up = true;
  complete = false;
  rttMs: number | null;
  deaf = false;
  readonly asked: (LocateRequest | FindRequest | PlacedRequest)[] = [];

  constructor(rttMs: number | null) {
    this.rttMs = rttMs;
  }

  request(message: LocateRequest | FindRequest | PlacedRequest): boolean {
    if (!this.deaf) this.asked.push(message);
    return !this.deaf;
  }

  get finds(): FindRequest[] {
    return this.asked.filter((message) => message.type === 'find');
  }
}

function stage(...rtts: (number | null)[]) {
  const clock = new VirtualClock();
  const relays = rtts.map((rtt) => new FakeRelay(rtt));
  const queries = new RelayQueries(virtualEnv(clock), () => relays);
  const answer = (relay: FakeRelay, members: string[], online: string[] = []) =>
    queries.found(relay, { type: 'found', query: relay.finds.at(-1)?.query ?? -1, members, online });
  return { clock, relays: relays as [FakeRelay, FakeRelay, FakeRelay], queries, answer };
}

const id = (number: number): string => number.toString(16).padStart(32, '0');
/** Whether a promise is settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([promise.then(() => true), new Promise<false>((no) => setTimeout(() => no(false), 1))]);
}

describe('locate', () => {
  it('asks the nearest relay that can be asked, sixteen places a message', () => {
    const { relays, queries } = stage(null, 30, 20);
    relays[2].deaf = true;
    const targets = Array.from({ length: 20 }, (_, i) => id(i));
    expect(queries.locate(targets)).toBe(true);
    expect(relays[1].asked).toEqual([
      { type: 'locate', targets: targets.slice(0, 16) },
      { type: 'locate', targets: targets.slice(16) },
    ]);
    expect(relays[0].asked).toEqual([]);
    for (const relay of relays) relay.up = false;
    expect(queries.locate(targets)).toBe(false);
  });
});

describe('find', () => {
  it('waits for all relays and gives each credential once', async () => {
    const { relays, queries, answer } = stage(1, 2);
    const found = queries.find({ text: 'db' });
    expect(relays[0].finds).toEqual([{ type: 'find', query: 1, text: 'db' }]);
    answer(relays[0], ['AAEC', 'AAED']);
    expect(await settled(found)).toBe(false);
    answer(relays[1], ['AAEC']);
    expect(await found).toEqual([Uint8Array.of(0, 1, 2), Uint8Array.of(0, 1, 3)]);
  });

  it('takes what came within three seconds, and does not wait for a relay that went', async () => {
    const { clock, relays, queries, answer } = stage(1, 2);
    const late = queries.find({ mac: '020000000000' });
    answer(relays[0], ['AAEC']);
    clock.advance(2_999);
    expect(await settled(late)).toBe(false);
    clock.advance(1);
    expect(await late).toHaveLength(1);
    const lost = queries.find({ text: 'db' });
    answer(relays[0], []);
    queries.lost(relays[1]);
    expect(await lost).toEqual([]);
    for (const relay of relays.slice(0, 2)) relay.deaf = true;
    expect(await queries.find({ text: 'db' })).toEqual([]);
  });

  it('takes one answer of each relay that was asked', () => {
    const { relays, queries, answer } = stage(1, 2);
    relays[1].up = false;
    void queries.find({ ids: [id(1)] });
    expect(queries.found(relays[1], { type: 'found', query: 1, members: [], online: [] })).toBeUndefined();
    expect(answer(relays[0], [])).toEqual([id(1)]);
    expect(answer(relays[0], [])).toBeUndefined();
  });

  it('ends when stopped', async () => {
    const { queries } = stage(1);
    const found = queries.find({ text: 'db' });
    queries.stop();
    expect(await found).toEqual([]);
  });
});

describe('ask', () => {
  it('puts questions together, asks nobody twice within ten seconds, and paces itself', () => {
    const { clock, relays, queries } = stage(1);
    for (let round = 0; round < 3; round++) for (let i = 0; i < 40; i++) queries.ask(id(i));
    clock.advance(0);
    expect(relays[0].finds.map(({ ids }) => ids?.length)).toEqual([16]);
    clock.advance(1_000);
    expect(relays[0].finds.map(({ ids }) => ids?.length)).toEqual([16, 16, 8]);
    queries.ask(id(3));
    clock.advance(1_000);
    expect(relays[0].finds).toHaveLength(3);
    clock.advance(10_000);
    queries.ask(id(3));
    clock.advance(0);
    expect(relays[0].finds.at(-1)?.ids).toEqual([id(3)]);
  });

  it('says nothing where relays tell of everybody', () => {
    const { clock, relays, queries } = stage(1);
    relays[0].complete = true;
    queries.ask(id(1));
    clock.advance(1_000);
    expect(relays[0].asked).toEqual([]);
  });

  it('is bounded', () => {
    const { clock, relays, queries } = stage(1);
    for (let i = 0; i < 5_000; i++) queries.ask(id(i));
    clock.advance(60_000);
    expect(relays[0].finds.flatMap(({ ids }) => ids)).toHaveLength(256);
  });
});

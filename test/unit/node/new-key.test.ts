/** Whole nodes on a net in memory: a member gets another key, and the one of before is worth nothing any more. */
import { afterEach, describe, expect, it } from 'vitest';
import { keysFromSeed } from '../../../src/core/identity/keys.js';
import { signSuccession } from '../../../src/core/identity/succession.js';
import { memoryKeeper, type LedgerKeeper } from '../../../src/core/ledger/keeper.js';
import { fromBase64Url, toBase64Url } from '../../../src/core/lib/bytes.js';
import { systemRandom } from '../../../src/core/lib/env.js';
import { generateKeys } from '../../../src/core/identity/keys.js';
import { dayMs } from '../../../src/core/membership/new-key.js';
import type { NodeState, Profile } from '../../../src/core/membership/profile.js';
import { selfOf } from '../../../src/core/membership/self.js';
import type { KeyReport } from '../../../src/core/node/key-order.js';
import { memberProfiles } from '../../support/members.js';
import { MemoryNet } from '../../support/memory-net.js';
import { boxOf, type Box } from '../../support/node-box.js';
import { VirtualClock } from '../../support/virtual.js';

const running = new Set<Box>();
afterEach(async () => {
  for (const { engine } of running) await engine.stop();
  running.clear();
});

function lab(count: number) {
  const clock = new VirtualClock();
  const net = new MemoryNet({ clock, latencyMs: 5 });
  const profiles = memberProfiles(count, clock) as [Profile, ...Profile[]];
  const first = [...profiles];
  const hostOf = (i: number): string => `192.0.2.${i + 1}`;
  const keepers = new Map<number, LedgerKeeper>();
  const start = async (
    i: number,
    change: Partial<NodeState> = {},
    at = profiles[i] as Profile,
  ): Promise<Box> => {
    const others = first.filter((_, other) => other !== i);
    const endpoints = Object.fromEntries(
      first.map((other, place) => [selfOf(other).idText, [`${hostOf(place)}:5000`]]),
    );
    const ledger = keepers.get(i) ?? memoryKeeper(selfOf(at).network.rootKey);
    keepers.set(i, ledger);
    const box = boxOf({
      net,
      clock,
      profile: at,
      host: hostOf(i),
      seed: i + 1,
      state: { members: others.map(({ credential }) => credential), endpoints, ...change },
      options: {
        ledger,
        changeProfile: (by) => {
          if (at === profiles[i]) at = profiles[i] = by(at);
          return Promise.resolve();
        },
      },
    });
    await box.engine.start();
    running.add(box);
    return box;
  };
  const stop = async (box: Box): Promise<void> => {
    running.delete(box);
    await box.engine.stop();
  };
  return { clock, profiles, start, stop, keepers, first };
}

async function newKey(box: Box, clock: VirtualClock, ms = 20_000): Promise<KeyReport> {
  const done = box.engine.newKey();
  done.catch(() => undefined);
  await clock.run(ms);
  return done;
}
const connected = (box: Box): string[] =>
  box.engine
    .peers()
    .filter(({ state }) => state === 'connected')
    .map(({ name }) => name)
    .sort();
const idsOf = (box: Box): string[] => box.engine.peers().map(({ id }) => id);

describe('another key', () => {
  it('has name, address, rights and dates of the one before, which is gone everywhere', async () => {
    const { clock, start, profiles, first } = lab(4);
    const boxes = [await start(0), await start(1), await start(2), await start(3)];
    await clock.run(8_000);
    const before = selfOf(first[1] as Profile);
    const report = await newKey(boxes[1] as Box, clock, 6_000);
    expect(report).toEqual({ id: selfOf(profiles[1] as Profile).idText, was: before.idText, counts: true });
    expect(report.id).not.toBe(before.idText);
    const now = selfOf(profiles[1] as Profile);
    const { name, ip, role, rights, tags } = before.certificate;
    expect(now.certificate).toMatchObject({ name, ip, role, rights, tags });
    expect(now.claims).toEqual(before.claims);
    expect(profiles[1]?.inviteSeed).toBeUndefined();
    await clock.run(4_000);
    expect(boxes.map(connected)).toEqual([
      ['n1', 'n2', 'n3'],
      ['n0', 'n2', 'n3'],
      ['n0', 'n1', 'n3'],
      ['n0', 'n1', 'n2'],
    ]);
    for (const box of [boxes[0], boxes[2], boxes[3]] as Box[]) {
      expect(idsOf(box)).toContain(report.id);
      expect(idsOf(box)).not.toContain(before.idText);
      // Nobody was revoked, so nobody is listed as that.
      expect(box.engine.revoked()).toEqual([]);
    }
  });

  it('is told to who was away, and the key of before is let in by nobody, nor given another', async () => {
    const { clock, start, stop, first, keepers, profiles } = lab(4);
    const boxes = [await start(0), await start(1), await start(2), await start(3)];
    await clock.run(8_000);
    await stop(boxes[3] as Box);
    const report = await newKey(boxes[1] as Box, clock, 8_000);
    expect(report.counts).toBe(true);
    await stop(boxes[1] as Box);
    const back = await start(3, boxes[3]?.saved);
    await clock.run(10_000);
    expect(connected(back)).toEqual(['n0', 'n2']);
    // The thief has the state folder of before, and has heard of nothing.
    const heard = keepers.get(1) as LedgerKeeper;
    keepers.delete(1);
    const thief = await start(1, {}, first[1]);
    const taken = thief.engine.newKey();
    const failed = expect(taken).rejects.toMatchObject({ code: 'EVIO_TIMEOUT' });
    await clock.run(30_000);
    await failed;
    expect(connected(thief)).toEqual([]);
    expect(idsOf(back)).not.toContain(report.was);
    await stop(thief);
    keepers.set(1, heard);
    const again = await start(1, {}, profiles[1]);
    await clock.run(10_000);
    expect(connected(again)).toEqual(['n0', 'n2', 'n3']);
  });

  it('waits where it was taken in the instant before an admin saw it, and goes on by itself', async () => {
    const { clock, start, stop, profiles } = lab(3);
    const [admin, member, other] = [await start(0), await start(1), await start(2)];
    await clock.run(8_000);
    const taken = member.engine.newKey();
    taken.catch(() => undefined);
    const old = profiles[1];
    for (let i = 0; profiles[1] === old && i < 2_000; i++) await clock.run(1);
    // It is on disk, and the machine loses power; so do the admin's.
    await stop(member);
    await stop(admin);
    const again = await start(1, member.saved);
    await clock.run(30_000);
    expect(connected(again)).toEqual([]);
    // The key of before still counts, for nobody has said anything else: but nobody has it.
    expect(connected(other)).toEqual([]);
    await start(0, admin.saved);
    await clock.run(90_000);
    expect(connected(again)).toEqual(['n0', 'n2']);
    expect(await newKey(again, clock)).toMatchObject({ counts: true });
  });

  it('is not there without an admin, and nothing has happened then', async () => {
    const { clock, start, profiles, first } = lab(3);
    const [one, two] = [await start(1), await start(2)];
    await clock.run(8_000);
    await expect(newKey(one, clock)).rejects.toMatchObject({ code: 'EVIO_TIMEOUT' });
    expect(profiles[1]).toBe(first[1]);
    expect(connected(two)).toEqual(['n1']);
  });

  it('is given three times a day', async () => {
    const { clock, start, profiles, keepers } = lab(3);
    const [, member] = [await start(0), await start(1), await start(2)];
    await clock.run(8_000);
    const ids = new Set<string>([selfOf(profiles[1] as Profile).idText]);
    for (let i = 0; i < 3; i++) ids.add((await newKey(member, clock)).id);
    expect(ids.size).toBe(4);
    await expect(newKey(member, clock)).rejects.toMatchObject({ code: 'EVIO_TIMEOUT' });
    expect(connected(member)).toEqual(['n0', 'n2']);
    const { standing } = (keepers.get(2) as LedgerKeeper).ledger;
    const { id } = member.engine.status().node;
    expect(standing.successionsSince(id, clock.date() - dayMs)).toBe(3);
    expect(standing.successionsSince(id, clock.date())).toBe(0);
  });

  it('of the first machine is given by another admin, and by nobody where there is none', async () => {
    const { clock, start, profiles } = lab(3);
    const [admin, member] = [await start(0), await start(1), await start(2)];
    await clock.run(8_000);
    await expect(newKey(admin, clock)).rejects.toMatchObject({ code: 'EVIO_TIMEOUT' });
    const name = async (peer: string, byRoot: boolean): Promise<void> => {
      const named = admin.engine.amend({ do: 'admin-add', peer, byRoot });
      await clock.run(2_000);
      await named;
    };
    // One that the machine itself named stands below it, and may not.
    await name('n1', false);
    await expect(newKey(admin, clock)).rejects.toMatchObject({ code: 'EVIO_TIMEOUT' });
    await name('n2', true);
    const report = await newKey(admin, clock);
    expect(report.counts).toBe(true);
    await clock.run(8_000);
    expect(connected(admin)).toEqual(['n1', 'n2']);
    expect(selfOf(profiles[0]).idText).toBe(report.id);
    const said = admin.engine.amend({ do: 'revoke', peer: 'n2', reason: '' });
    await clock.run(4_000);
    await said;
    expect(connected(member)).toEqual(['n0']);
  });

  it('of an admin is given and named by its equals', async () => {
    const { clock, start, keepers } = lab(4);
    const boxes = [await start(0), await start(1), await start(2), await start(3)];
    await clock.run(8_000);
    for (const peer of ['n1', 'n2']) {
      const said = boxes[0]?.engine.amend({ do: 'admin-add', peer });
      await clock.run(2_000);
      await said;
    }
    await boxes[0]?.engine.stop();
    running.delete(boxes[0] as Box);
    const report = await newKey(boxes[1] as Box, clock, 25_000);
    expect(report.counts).toBe(true);
    const { standing } = keepers.get(3)?.ledger as LedgerKeeper['ledger'];
    const active = standing.admins.map(({ idText }) => idText);
    expect(active).toContain(report.id);
    expect(active).not.toContain(report.was);
    await clock.run(10_000);
    const said = boxes[1]?.engine.amend({ do: 'revoke', peer: 'n3', reason: '' });
    await clock.run(4_000);
    await said;
    expect(connected(boxes[2] as Box)).toEqual(['n1']);
  });

  it('that a key of before names later is barred, whichever admin fell for it', async () => {
    const { clock, start, first, keepers, profiles } = lab(3);
    const [admin, member] = [await start(0), await start(1), await start(2)];
    await clock.run(8_000);
    const { id, was } = await newKey(member, clock);
    const old = keysFromSeed(fromBase64Url((first[1] as Profile).nodeSeed) as Uint8Array);
    const rival = generateKeys(systemRandom);
    const { network } = selfOf(profiles[0]);
    const follows = signSuccession(network.rootKey, old, rival.publicKey);
    const root = keysFromSeed(fromBase64Url(profiles[0].rootSeed ?? '') as Uint8Array);
    // Another admin machine that had not heard: here the root key plays it.
    const keeper = keepers.get(0) as LedgerKeeper;
    const said = keeper.ledger.say({ kind: 'succeed', key: rival.publicKey, follows }, root, clock.date());
    expect(toBase64Url(said).length).toBeGreaterThan(0);
    const { standing } = keeper.ledger;
    expect(standing.successorOf(was)).toBe(id);
    expect([...standing.bars].map(({ reason }) => reason)).toEqual(['another key follows that one']);
    expect(standing.isBarred(id)).toBe(false);
    await clock.run(5_000);
    expect(connected(admin)).toEqual(['n1', 'n2']);
  });
});

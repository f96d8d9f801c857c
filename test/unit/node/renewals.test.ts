/** Whole nodes on a net in memory: memberships go on by themselves, through whoever may invite. */
import { afterEach, describe, expect, it } from 'vitest';
import { parseCredential } from '../../../src/core/identity/certificate.js';
import { parseInvite } from '../../../src/core/identity/invite.js';
import { memoryKeeper, type LedgerKeeper } from '../../../src/core/ledger/keeper.js';
import { fromBase64Url } from '../../../src/core/lib/bytes.js';
import { silentLogger } from '../../../src/core/lib/env.js';
import type { NodeState, Profile } from '../../../src/core/membership/profile.js';
import { selfOf } from '../../../src/core/membership/self.js';
import type { NodeOptions } from '../../../src/core/node/node.js';
import { ProvenClock } from '../../../src/core/node/proven-clock.js';
import { endingAt, memberProfiles } from '../../support/members.js';
import { MemoryNet } from '../../support/memory-net.js';
import { boxOf, type Box } from '../../support/node-box.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

const minute = 60_000;
const lifeMs = 6 * minute;
const running: Box[] = [];
afterEach(async () => {
  for (const { engine } of running.splice(0)) await engine.stop();
});

function lab(count: number) {
  const clock = new VirtualClock();
  const net = new MemoryNet({ clock, latencyMs: 5 });
  const profiles = memberProfiles(count, clock).map((profile) =>
    endingAt(profile, clock.date() + lifeMs),
  ) as [Profile, ...Profile[]];
  const hostOf = (i: number): string => `192.0.2.${i + 1}`;
  const keepers = new Map<number, LedgerKeeper>();
  const start = async (
    i: number,
    state: Partial<NodeState> = {},
    options: Partial<NodeOptions> = {},
  ): Promise<Box> => {
    const profile = profiles[i] as Profile;
    const others = profiles.filter((_, at) => at !== i);
    const endpoints = Object.fromEntries(
      profiles.map((other, at) => [selfOf(other).idText, [`${hostOf(at)}:5000`]]),
    );
    const ledger = keepers.get(i) ?? memoryKeeper(selfOf(profile).network.rootKey);
    keepers.set(i, ledger);
    const box = boxOf({
      net,
      clock,
      profile,
      host: hostOf(i),
      seed: i + 1,
      state: { members: others.map(({ credential }) => credential), endpoints, ...state },
      options: { ledger, certificateLifeMs: lifeMs, ...options },
    });
    await box.engine.start();
    running.push(box);
    return box;
  };
  return { clock, profiles, start, keepers };
}

const credentialOf = ({ saved, profile }: Box): Uint8Array =>
  fromBase64Url(saved?.credential ?? profile.credential) ?? new Uint8Array(0);
const inviteOf = (box: Box) => parseInvite(parseCredential(credentialOf(box))?.invite ?? new Uint8Array(0));
const connected = (box: Box): string[] =>
  box.engine
    .peers()
    .filter(({ state }) => state === 'connected')
    .map(({ name }) => name)
    .sort();
const renewalOf = ({ engine }: Box): string => engine.status().certificate.renewal;

describe('memberships', () => {
  it('are renewed by the machine that made the network, and outlast their first end twice over', async () => {
    const { clock, start, profiles } = lab(3);
    const boxes = [await start(0), await start(1), await start(2)];
    const before = boxes.map((box) => box.engine.status().certificate.expires);
    await clock.run(lifeMs / 2);
    expect(boxes.map(renewalOf)).toEqual(['later', 'later', 'later']);
    expect(boxes.map((box) => box.engine.status().certificate.expires)).toEqual(before);
    await clock.run(2 * lifeMs);
    expect(boxes.map(connected)).toEqual([
      ['n1', 'n2'],
      ['n0', 'n2'],
      ['n0', 'n1'],
    ]);
    const first = selfOf(profiles[1] as Profile);
    const now = selfOf(profiles[1] as Profile, credentialOf(boxes[1] as Box));
    // The same member, since the same day.
    expect(now.certificate).toMatchObject({ name: 'n1', ip: first.certificate.ip });
    expect(now.claims).toEqual(first.claims);
    expect(now.certificate.notAfter).toBeGreaterThan(clock.date());
    // Begun anew from what they keep, they still are.
    for (const { engine } of boxes) await engine.stop();
    const again = [await start(1, boxes[1]?.saved), await start(2, boxes[2]?.saved)];
    await clock.run(10_000);
    expect(again.map(connected)).toEqual([['n2'], ['n1']]);
  });

  it('are not renewed by an admin whose date is the word of relays, before its own clock agrees', async () => {
    const { clock, start } = lab(3);
    const dates = new ProvenClock(clock);
    dates.prove('liar', clock.date() + 400 * 24 * 60 * minute, Infinity);
    const boxes = [await start(0, {}, { dates }), await start(1), await start(2)];
    await clock.run(lifeMs * 0.85);
    expect(boxes.map(renewalOf)).toEqual(['failing', 'failing', 'failing']);
    dates.prove('honest', clock.date(), Infinity);
    await clock.run(lifeMs * 0.5);
    expect(boxes.map(renewalOf)).toEqual(['later', 'later', 'later']);
  });

  it('are not late any more once a clock that was wrong is right, at once', async () => {
    const { clock, start } = lab(3);
    const dates = new ProvenClock(clock);
    dates.prove('liar', clock.date() + lifeMs * 0.9, Infinity);
    const env = { clock: dates, random: new SeededRandom(9), log: silentLogger };
    const box = await start(1, {}, { env, dates });
    await clock.run(lifeMs * 0.06);
    expect(renewalOf(box)).toBe('failing');
    dates.prove('honest', clock.date(), Infinity);
    expect(renewalOf(box)).toBe('later');
    await clock.run(lifeMs * 0.06);
    expect(renewalOf(box)).toBe('later');
  });

  it('end when nobody renews them, which is told before', async () => {
    const { clock, start } = lab(3);
    const boxes = [await start(1), await start(2)];
    await clock.run(lifeMs * 0.9);
    expect(boxes.map(renewalOf)).toEqual(['failing', 'failing']);
    expect(boxes.map(connected)).toEqual([['n2'], ['n1']]);
    await clock.run(lifeMs * 0.8);
    expect(boxes.map(connected)).toEqual([[], []]);
  });

  it('go on when an admin is back in time', async () => {
    const { clock, start } = lab(3);
    const boxes = [await start(1), await start(2)];
    await clock.run(lifeMs * 0.85);
    expect(boxes.map(renewalOf)).toEqual(['failing', 'failing']);
    await start(0);
    await clock.run(lifeMs * 0.5);
    expect(boxes.map(renewalOf)).toEqual(['later', 'later']);
    expect(boxes.map(connected)).toEqual([
      ['n0', 'n2'],
      ['n0', 'n1'],
    ]);
  });

  it('are renewed by another admin while the first machine is away', async () => {
    const { clock, start, profiles } = lab(4);
    const boxes = [await start(0), await start(1), await start(2), await start(3)];
    await clock.run(5_000);
    const named = boxes[0]?.engine.amend({ do: 'admin-add', peer: 'n2' });
    await clock.run(2_000);
    await named;
    await boxes[0]?.engine.stop();
    await clock.run(lifeMs * 1.2);
    const admin = selfOf(profiles[2] as Profile).keys.publicKey;
    for (const box of boxes.slice(1)) expect(inviteOf(box)?.issuer).toEqual(admin);
    expect(boxes.slice(1).map(connected)).toEqual([
      ['n2', 'n3'],
      ['n1', 'n3'],
      ['n1', 'n2'],
    ]);
  });

  it('of a member that is revoked are renewed by nobody, however it asks', async () => {
    const { clock, start, keepers } = lab(3);
    const [admin, , mallory] = [await start(0), await start(1), await start(2)];
    await clock.run(5_000);
    const { id } = mallory.engine.status().node;
    const done = admin.engine.amend({ do: 'revoke', peer: id, reason: '' });
    await clock.run(2_000);
    await done;
    await mallory.engine.stop();
    // It forgets that it was told.
    keepers.delete(2);
    const again = await start(2);
    await clock.run(lifeMs);
    expect(again.saved?.credential).toBeUndefined();
    expect(renewalOf(again)).toBe('failing');
    expect(connected(admin)).toEqual(['n1']);
  });
});

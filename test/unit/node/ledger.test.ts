/** Whole nodes on a net in memory: what the ledger says takes effect everywhere. */
import { afterEach, describe, expect, it } from 'vitest';
import { makeInvite, makeMember } from '../../../src/core/membership/certify.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { memoryKeeper, type LedgerKeeper } from '../../../src/core/ledger/keeper.js';
import { memberProfiles } from '../../support/members.js';
import { MemoryNet } from '../../support/memory-net.js';
import { boxOf, type Box } from '../../support/node-box.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

interface Member {
  readonly box: Box;
  readonly id: string;
  readonly keeper: LedgerKeeper;
  readonly failures: Error[];
}

const running: Box[] = [];
afterEach(async () => {
  for (const { engine } of running.splice(0)) await engine.stop();
});

const clock = new VirtualClock();
const net = new MemoryNet({ clock, latencyMs: 5 });
let hosts = 0;

/** A node that remembers where these members were. */
async function start(profile: Profile, known: readonly Member[], keeper?: LedgerKeeper): Promise<Member> {
  const { idText, network } = selfOf(profile);
  const kept = keeper ?? memoryKeeper(network.rootKey);
  const failures: Error[] = [];
  const endpoints = Object.fromEntries(known.map(({ id, box }) => [id, [`${box.host}:5000`]]));
  const members = known.map(({ box }) => box.engine).map((engine) => credentialOf(engine));
  const host = `192.0.2.${++hosts}`;
  const state = { members, endpoints };
  const options = { ledger: kept, onFatal: (error: Error) => failures.push(error) };
  const box = boxOf({ net, clock, profile, host, state, seed: hosts, options });
  await box.engine.start();
  running.push(box);
  return { box, id: idText, keeper: kept, failures };
}

const credentials = new WeakMap<object, string>();
function credentialOf(engine: object): string {
  return credentials.get(engine) ?? '';
}

function stateOf({ box }: Member, id: string): string | undefined {
  return box.engine.peers().find((peer) => peer.id === id)?.state;
}

async function network(count: number): Promise<{ profiles: Profile[]; members: Member[] }> {
  const profiles = memberProfiles(count, clock);
  const members: Member[] = [];
  for (const profile of profiles) {
    const member = await start(profile, members);
    credentials.set(member.box.engine, profile.credential);
    members.push(member);
  }
  await clock.run(5_000);
  return { profiles, members };
}

describe('a ledger in nodes', () => {
  it('a revoked member is disconnected by everybody, is told why, and comes no more', async () => {
    const { profiles, members } = await network(4);
    const [admin, one, two, mallory] = members as [Member, Member, Member, Member];
    for (const member of [admin, one, two]) expect(stateOf(member, mallory.id)).toBe('connected');
    const done = admin.box.engine.amend({ do: 'revoke', peer: 'n3', reason: 'stolen' });
    await clock.run(1_000);
    expect(await done).toMatchObject({ subject: mallory.id, serial: 3 });
    for (const member of [admin, one, two]) expect(stateOf(member, mallory.id)).toBeUndefined();
    for (const member of [one, two]) {
      expect(member.box.events).toContainEqual(
        expect.objectContaining({ event: 'peer-revoked', peer: mallory.id, reason: 'revoked: stolen' }),
      );
    }
    expect(mallory.failures[0]).toMatchObject({ code: 'EVIO_REVOKED' });
    // The others stay who joined by the same invite.
    expect(stateOf(one, two.id)).toBe('connected');
    // It does not start any more by what it has heard, and one that forgets that finds nobody.
    await mallory.box.engine.stop();
    await expect(start(profiles[3] as Profile, [one], mallory.keeper)).rejects.toMatchObject({
      code: 'EVIO_REVOKED',
    });
    const again = await start(profiles[3] as Profile, [one, two]);
    await clock.run(10_000);
    for (const member of [admin, one, two]) expect(stateOf(member, mallory.id)).toBeUndefined();
    expect(again.box.engine.peers().filter(({ state }) => state === 'connected')).toEqual([]);
  });

  it('who holds the secret of the invite makes itself no other key by it', async () => {
    const { profiles, members } = await network(3);
    const [admin, one, mallory] = members as [Member, Member, Member];
    const thief = profiles[2] as Profile;
    const done = admin.box.engine.amend({ do: 'revoke', peer: mallory.id, reason: '' });
    await clock.run(1_000);
    await done;
    const self = selfOf(thief);
    const { parseInvite } = await import('../../../src/core/identity/invite.js');
    const { keysFromSeed } = await import('../../../src/core/identity/keys.js');
    const token = {
      network: self.network,
      networkBytes: self.networkBytes,
      inviteBytes: self.parts.invite,
      invite: parseInvite(self.parts.invite) as NonNullable<ReturnType<typeof parseInvite>>,
      inviteKeys: keysFromSeed(new Uint8Array(Buffer.from(thief.inviteSeed ?? '', 'base64url'))),
    };
    const fresh = makeMember(token, { name: 'fresh' }, { clock, random: new SeededRandom(77) });
    const other = await start(fresh, [admin, one]);
    await clock.run(10_000);
    expect(stateOf(admin, other.id)).toBeUndefined();
    expect(stateOf(one, other.id)).toBeUndefined();
  });

  it('who was away learns it from the first member that it meets, and drops who had come before', async () => {
    const { profiles, members } = await network(4);
    const [admin, one, away, mallory] = members as [Member, Member, Member, Member];
    await away.box.engine.stop();
    const done = admin.box.engine.amend({ do: 'revoke', peer: mallory.id, reason: '' });
    await clock.run(1_000);
    await done;
    await mallory.box.engine.stop();
    // Both know each other only; the revoked one has forgotten that it is.
    const back = await start(profiles[2] as Profile, []);
    credentials.set(back.box.engine, (profiles[2] as Profile).credential);
    const again = await start(profiles[3] as Profile, [back]);
    await clock.run(5_000);
    expect(stateOf(back, mallory.id)).toBe('connected');
    const helper = await start(profiles[1] as Profile, [back], one.keeper);
    await clock.run(3_000);
    expect(stateOf(back, helper.id)).toBe('connected');
    expect(stateOf(back, mallory.id)).toBeUndefined();
    expect(again.failures[0]).toMatchObject({ code: 'EVIO_REVOKED' });
  });

  it('an admin that was named invites, and revokes', async () => {
    const { profiles, members } = await network(3);
    const [maker, admin, plain] = members as [Member, Member, Member];
    const refused = admin.box.engine.amend({ do: 'revoke', peer: plain.id, reason: '' });
    await expect(refused).rejects.toMatchObject({ code: 'EVIO_NOT_ADMIN' });
    const named = maker.box.engine.amend({ do: 'admin-add', peer: 'n1' });
    await clock.run(1_000);
    await named;
    const env = { clock, random: new SeededRandom(5) };
    const plan = { expiresMs: 3_600_000, uses: 0, role: 'switch', tags: [] } as const;
    const invite = makeInvite(profiles[1] as Profile, plan, env, admin.keeper.ledger);
    const joiner = makeMember(decodeToken(invite.token), { name: 'late' }, env);
    const late = await start(joiner, [maker]);
    await clock.run(8_000);
    expect(stateOf(maker, late.id)).toBe('connected');
    const done = admin.box.engine.amend({ do: 'revoke', peer: 'n2', reason: '' });
    await clock.run(1_000);
    await done;
    expect(stateOf(maker, plain.id)).toBeUndefined();
  });

  it('other facts reach everybody, and a policy', async () => {
    const { members } = await network(3);
    const [admin, one] = members as [Member, Member];
    const done = admin.box.engine.amend({ do: 'facts', name: 'factory', mtu: 1_300 });
    await clock.run(5_000);
    await done;
    expect(one.box.engine.status().network).toMatchObject({ name: 'factory', mtu: 1_300 });
    expect(stateOf(one, admin.id)).toBe('connected');
    const set = admin.box.engine.amend({
      do: 'policy',
      document: Buffer.from('rules').toString('base64url'),
    });
    await clock.run(1_000);
    await set;
    expect(Buffer.from(one.keeper.ledger.policy ?? []).toString()).toBe('rules');
  });
});

/** Whole nodes on a net in memory: tokens that make admins, and another root key. */
import { afterEach, describe, expect, it } from 'vitest';
import { certificateLifeMs, parseCredential } from '../../../src/core/identity/certificate.js';
import { parseInvite } from '../../../src/core/identity/invite.js';
import { generateKeys, type Keys } from '../../../src/core/identity/keys.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { memoryKeeper, type LedgerKeeper } from '../../../src/core/ledger/keeper.js';
import { idOfKey } from '../../../src/core/ledger/statement.js';
import { fromBase64Url, toBase64Url, toHex } from '../../../src/core/lib/bytes.js';
import { makeInvite, makeMember, type InvitePlan } from '../../../src/core/membership/certify.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { endingAt, memberProfiles } from '../../support/members.js';
import { MemoryNet } from '../../support/memory-net.js';
import { boxOf, type Box } from '../../support/node-box.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

const running: Box[] = [];
afterEach(async () => {
  for (const { engine } of running.splice(0)) await engine.stop();
});

const minute = 60_000;
const clock = new VirtualClock();
const net = new MemoryNet({ clock, latencyMs: 5 });
const random = new SeededRandom(17);
let hosts = 0;

class Member {
  readonly failures: Error[] = [];
  readonly keeper: LedgerKeeper;
  readonly id: string;
  readonly lifeMs: number;
  profile: Profile;
  box: Box | undefined;

  constructor(profile: Profile, lifeMs = certificateLifeMs) {
    this.lifeMs = lifeMs;
    this.profile = profile;
    const { idText, network } = selfOf(profile);
    this.id = idText;
    this.keeper = memoryKeeper(network.rootKey);
  }

  async start(known: readonly Member[]): Promise<this> {
    const before = this.box;
    const host = before?.host ?? `192.0.2.${++hosts}`;
    const endpoints = Object.fromEntries(known.map(({ id, box }) => [id, [`${box?.host ?? ''}:5000`]]));
    const members = known.map(({ credential }) => credential);
    const state = { ...before?.saved, members, endpoints };
    this.box = boxOf({
      net,
      clock,
      profile: this.profile,
      host,
      state,
      seed: hosts,
      options: {
        ledger: this.keeper,
        certificateLifeMs: this.lifeMs,
        onFatal: (error) => this.failures.push(error),
        changeProfile: (change) => {
          this.profile = change(this.profile);
          return Promise.resolve();
        },
      },
    });
    running.push(this.box);
    await this.box.engine.start();
    return this;
  }

  get engine(): Box['engine'] {
    if (!this.box) throw new Error('not started');
    return this.box.engine;
  }

  get credential(): string {
    return this.box?.saved?.credential ?? this.profile.credential;
  }

  /** Who signed what it is a member by. */
  get issuer(): string | undefined {
    const parts = parseCredential(fromBase64Url(this.credential) ?? new Uint8Array(0));
    const issuer = parts && parseInvite(parts.invite)?.issuer;
    return issuer && toHex(issuer);
  }

  get connected(): string[] {
    return this.engine
      .peers()
      .filter(({ state }) => state === 'connected')
      .map(({ name }) => name)
      .sort();
  }

  get admins(): string[] {
    return this.keeper.ledger.standing.admins.map(({ idText }) => idText).sort();
  }

  token(plan: Partial<InvitePlan> = {}): string {
    const whole = { expiresMs: 86_400_000, uses: 0, role: 'switch', tags: [], ...plan } as const;
    return makeInvite(this.profile, whole, { clock, random }, this.keeper.ledger).token;
  }
}

const joining = (token: string, name: string): Member =>
  new Member(makeMember(decodeToken(token), { name }, { clock, random }));

/** @param lifeMs of their certificates, and of what they are renewed for */
async function network(count: number, lifeMs = certificateLifeMs): Promise<[Member, ...Member[]]> {
  const members: Member[] = [];
  for (const made of memberProfiles(count, clock)) {
    const profile = endingAt(made, clock.date() + lifeMs);
    members.push(await new Member(profile, lifeMs).start(members));
  }
  await clock.run(5_000);
  return members as [Member, ...Member[]];
}

/** Waits for what a node does under the virtual clock. */
async function done(work: Promise<unknown>): Promise<void> {
  await clock.run(2_000);
  await work;
}

describe('a token with the right admin', () => {
  it('makes an admin of who joins by it, who then invites and revokes', async () => {
    const [maker, plain] = await network(2);
    const admin = await joining(maker.token({ rights: ['admin'], uses: 1 }), 'chief').start([maker]);
    await clock.run(15_000);
    for (const { admins } of [maker, admin, plain as Member]) expect(admins).toContain(admin.id);
    const late = await joining(admin.token(), 'late').start([maker]);
    await clock.run(8_000);
    expect(maker.connected).toContain('late');
    await done(admin.engine.amend({ do: 'revoke', peer: late.id, reason: '' }));
    expect(late.failures[0]).toMatchObject({ code: 'EVIO_REVOKED' });
  });

  it('makes nobody an admin who joins by another', async () => {
    const [maker] = await network(1);
    const plain = await joining(maker.token({ rights: ['route', 'bridge'] }), 'plain').start([maker]);
    await clock.run(15_000);
    expect(maker.connected).toEqual(['plain']);
    expect(maker.admins).toEqual([]);
    expect(plain.admins).toEqual([]);
  });

  it('of an admin makes none that stands above it: only who is not above names it', async () => {
    const [maker, second] = (await network(2)) as [Member, Member];
    await done(maker.engine.amend({ do: 'admin-add', peer: second.id }));
    const token = second.token({ rights: ['admin'] });
    // The maker was named by the root, and stands above who made the token: it names nobody for it.
    const third = await joining(token, 'third').start([maker]);
    await clock.run(20_000);
    const rank = (member: Member): number | undefined =>
      maker.keeper.ledger.standing.author(toHex(selfOf(member.profile).keys.publicKey))?.rank;
    expect([second, third].map(rank)).toEqual([2, 3]);
    // Tokens of the third: the other two stand above it.
    await third.engine.stop();
    const fourth = await joining(third.token({ rights: ['admin'] }), 'fourth').start([maker]);
    await clock.run(20_000);
    expect(maker.connected).toContain('fourth');
    expect(rank(fourth)).toBeUndefined();
    await third.start([maker, fourth]);
    await clock.run(20_000);
    expect(rank(fourth)).toBe(4);
  });

  it('gives nothing back to an admin that was removed', async () => {
    const [maker] = await network(1);
    const admin = await joining(maker.token({ rights: ['admin'] }), 'chief').start([maker]);
    await clock.run(15_000);
    expect(maker.admins).toContain(admin.id);
    await done(maker.engine.amend({ do: 'admin-remove', peer: admin.id }));
    await clock.run(30_000);
    expect(maker.admins).not.toContain(admin.id);
    expect(maker.connected).toEqual(['chief']);
  });
});

describe('another root key', () => {
  /** What `evio root replace` does to the running node. */
  async function replace(maker: Member, keptInvites: readonly string[] = []): Promise<Keys> {
    const next = generateKeys(random);
    maker.profile = { ...maker.profile, nextRootSeed: toBase64Url(next.seed) };
    await done(maker.engine.amend({ do: 'root-replace', key: toHex(next.publicKey), keptInvites }));
    const { nextRootSeed: rootSeed, ...rest } = maker.profile;
    maker.profile = { ...rest, rootSeed };
    return next;
  }

  it('is followed by all members, those that were away too; their certificates follow, and nobody loses anything', async () => {
    const [maker, one, away] = (await network(3, 10 * minute)) as [Member, Member, Member];
    const first = maker.profile.rootSeed;
    await away.engine.stop();
    const next = await replace(maker);
    expect(one.keeper.ledger.standing.rootKey).toEqual(next.publicKey);
    await away.start([one]);
    await clock.run(minute);
    expect(away.keeper.ledger.standing.rootKey).toEqual(next.publicKey);
    expect(maker.connected).toEqual(['n1', 'n2']);
    expect([maker, one, away].map(({ issuer }) => issuer)).toEqual([undefined, undefined, undefined]);
    await clock.run(10 * minute);
    // They were renewed by who may sign now.
    for (const { issuer } of [maker, one, away]) expect(issuer).toBe(toHex(next.publicKey));
    expect(away.connected).toEqual(['n0', 'n1']);
    // All begin anew from what is kept.
    for (const member of [maker, one, away]) await member.engine.stop();
    await maker.start([one, away]);
    await one.start([maker]);
    await away.start([maker]);
    await clock.run(10_000);
    expect(maker.connected).toEqual(['n1', 'n2']);
    expect(maker.profile.rootSeed).not.toBe(first);
  });

  it('signs tokens and receipts that count', async () => {
    const [maker, one] = (await network(2)) as [Member, Member];
    await replace(maker);
    const late = await joining(maker.token(), 'late').start([maker]);
    await clock.run(10_000);
    expect(late.connected).toEqual(['n0', 'n1']);
    expect(one.connected).toEqual(['late', 'n0']);
  });

  it('lets those tokens admit that it names, and no others of the old one', async () => {
    const [maker, one] = (await network(2)) as [Member, Member];
    const [kept, dropped] = [maker.token(), maker.token()];
    const oldProfile = maker.profile;
    await replace(maker, [idOfKey(decodeToken(kept).invite.key)]);
    const good = await joining(kept, 'good').start([maker]);
    const bad = await joining(dropped, 'bad').start([maker]);
    // A thief of the old key makes tokens still.
    const { token } = makeInvite(
      oldProfile,
      { expiresMs: 86_400_000, uses: 0, role: 'switch', tags: [] },
      { clock, random },
    );
    const forged = await joining(token, 'forged').start([maker]);
    await clock.run(15_000);
    expect(maker.connected).toEqual(['good', 'n1']);
    expect(one.connected).toEqual(['good', 'n0']);
    expect(good.connected).toEqual(['n0', 'n1']);
    expect(bad.connected).toEqual([]);
    expect(forged.connected).toEqual([]);
  });

  it('can be replaced again, and an old one says nothing any more', async () => {
    const [maker, one] = (await network(2)) as [Member, Member];
    const old = maker.profile;
    await replace(maker);
    const last = await replace(maker);
    await clock.run(5_000);
    expect(one.keeper.ledger.standing.rootKey).toEqual(last.publicKey);
    const { amend } = await import('../../../src/core/membership/amend.js');
    const order = { do: 'root-replace', key: generateKeys(random).publicKey, keptInvites: [] } as const;
    const ledger = maker.keeper.ledger.clone();
    const context = { profile: old, self: selfOf(old), ledger, members: [], dateMs: clock.date() };
    expect(() => amend(order, context)).toThrow(/root key/);
  });

  it('is refused to who has not the one before', async () => {
    const [, one] = (await network(2)) as [Member, Member];
    const key = toHex(generateKeys(random).publicKey);
    await expect(one.engine.amend({ do: 'root-replace', key, keptInvites: [] })).rejects.toMatchObject({
      code: 'EVIO_NOT_ADMIN',
    });
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { homeAt } from '../../../src/core/config/home.js';
import { Store } from '../../../src/core/config/store.js';
import type { NamedRelay, RelayErrands } from '../../../src/core/enroll/errands.js';
import { initNetwork, type EnrollPorts } from '../../../src/core/enroll/init.js';
import { amendStored } from '../../../src/core/enroll/amend.js';
import { createInvite, inviteNamed, listInvites, markRevoked } from '../../../src/core/enroll/invites.js';
import { joinNetwork } from '../../../src/core/enroll/join.js';
import { changeMember } from '../../../src/core/enroll/change.js';
import { notRunning } from '../../../src/core/control/client.js';
import { leaveNetwork } from '../../../src/core/enroll/leave.js';
import { verifyCredential } from '../../../src/core/identity/certificate.js';
import { Right, Role, signInvite } from '../../../src/core/identity/invite.js';
import { generateKeys } from '../../../src/core/identity/keys.js';
import { signNetwork, type RelayFact } from '../../../src/core/identity/network.js';
import { selfOf, type Self } from '../../../src/core/membership/self.js';
import { decodeToken, encodeToken } from '../../../src/core/identity/token.js';
import { fromBase64Url } from '../../../src/core/lib/bytes.js';
import { silentLogger, systemClock, systemRandom } from '../../../src/core/lib/env.js';
import { EvioError } from '../../../src/core/lib/errors.js';
import { formatIpv4, parseCidr, type Cidr } from '../../../src/core/lib/ipv4.js';
import type { LocalRange } from '../../../src/core/surroundings/local-ranges.js';
import { receiptOf } from '../../support/receipts.js';

const relayKeys = generateKeys(systemRandom);
const relay: RelayFact = { address: '192.0.2.1:3478', key: relayKeys.publicKey };
const env = { clock: systemClock, random: systemRandom, log: silentLogger };

let folders: string[];
beforeEach(() => {
  folders = [];
});
afterEach(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A relay that admits, or refuses as told. */
class FakeRelay implements RelayErrands {
  readonly registered: Self[] = [];
  refuse: ((self: Self) => EvioError | undefined) | undefined;

  find = (): Promise<NamedRelay> => Promise.resolve({ fact: relay, ticket: undefined });

  found = async ({ fact }: NamedRelay, self: Self): Promise<void> => {
    await this.register([fact], self);
  };

  readonly withdrawn: NamedRelay[] = [];

  withdraw = (relay: NamedRelay): Promise<void> => {
    this.withdrawn.push(relay);
    return Promise.resolve();
  };

  readonly left: string[] = [];

  leave = (relays: readonly RelayFact[], self: Self): Promise<number> => {
    if (this.refuse?.(self)) return Promise.resolve(0);
    this.left.push(self.networkId);
    return Promise.resolve(relays.length);
  };

  register = (_relays: readonly RelayFact[], self: Self): Promise<Uint8Array | undefined> => {
    this.registered.push(self);
    const error = this.refuse?.(self);
    if (error) return Promise.reject(error);
    if (self.parts.invite.length === 0) return Promise.resolve(undefined);
    return Promise.resolve(receiptOf(self.credential, relayKeys, systemClock.date()));
  };
}

function depsWith(errands: RelayErrands, local: readonly LocalRange[] = []): EnrollPorts {
  const folder = mkdtempSync(join(tmpdir(), 'evio-enroll-'));
  folders.push(folder);
  return { store: new Store(homeAt(folder)), env, errands, machine: () => local };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof EvioError) return thrown.code;
    throw thrown;
  }
  return 'none';
}

const plan = { name: 'home', nodeName: 'anna', relays: ['192.0.2.1:3478'] };
const wish = { name: 'ben', contact: true };
const otherInvite = { expiresMs: 60_000, uses: 1, role: 'switch', tags: [] } as const;

describe('initNetwork', () => {
  it('shows the network to the relay before it stores it', async () => {
    const errands = new FakeRelay();
    const deps = depsWith(errands);
    const { network, token } = await initNetwork(plan, deps);
    expect(errands.registered).toHaveLength(1);
    expect(network.relays).toEqual(['192.0.2.1:3478']);
    expect(decodeToken(token).network.relays).toHaveLength(1);
    expect(deps.store.ids()).toEqual([network.id]);
    expect(listInvites(deps.store, network.id)).toHaveLength(1);
  });

  it('gives the first member the right to bridge where it is asked for, and only there', async () => {
    const deps = depsWith(new FakeRelay());
    const rightsOf = async (name: string, bridge?: boolean): Promise<number> => {
      const { network } = await initNetwork({ ...plan, name, bridge }, deps);
      const { credential, network: facts } = selfOf(deps.store.profile(network.id));
      const checked = verifyCredential(credential, facts, systemClock.date());
      return checked.ok ? checked.member.rights : -1;
    };
    expect(await rightsOf('home')).toBe(Right.admin);
    expect(await rightsOf('plant', true)).toBe(Right.admin | Right.bridge);
  });

  it('stores nothing when the relay refuses', async () => {
    const errands = new FakeRelay();
    errands.refuse = () => new EvioError('EVIO_RELAY_REFUSED', 'no');
    const deps = depsWith(errands);
    expect(await codeOf(initNetwork(plan, deps))).toBe('EVIO_RELAY_REFUSED');
    expect(deps.store.ids()).toEqual([]);
  });

  it('takes the network back from the relays that had it when a later one refuses', async () => {
    const errands = new FakeRelay();
    errands.refuse = () =>
      errands.registered.length > 1 ? new EvioError('EVIO_RELAY_REFUSED', 'no') : undefined;
    const deps = depsWith(errands);
    const relays = ['one.example', 'two.example'];
    expect(await codeOf(initNetwork({ ...plan, relays }, deps))).toBe('EVIO_RELAY_REFUSED');
    expect(errands.withdrawn).toHaveLength(2);
    expect(deps.store.ids()).toEqual([]);
  });

  it('checks what was typed before it asks anybody', async () => {
    const errands = new FakeRelay();
    const deps = depsWith(errands);
    expect(await codeOf(initNetwork({ ...plan, mtu: 3 }, deps))).toBe('EVIO_BAD_VALUE');
    expect(errands.registered).toHaveLength(0);
  });
});

describe('joinNetwork', () => {
  async function network() {
    const errands = new FakeRelay();
    const deps = depsWith(errands);
    const made = await initNetwork(plan, deps);
    errands.registered.length = 0;
    return { errands, owner: deps, made, guest: depsWith(errands) };
  }

  it('keeps the receipt, so that the membership stands by itself', async () => {
    const { guest, made } = await network();
    const joined = await joinNetwork({ ...wish, token: made.token }, guest);
    const profile = guest.store.profile(joined.networkId);
    const self = selfOf(profile);
    expect(verifyCredential(self.credential, self.network, systemClock.date())).toMatchObject({ ok: true });
    expect(guest.store.state(joined.networkId).credential).toBe(profile.credential);
  });

  it('moves to another address when the derived one is taken', async () => {
    const { guest, made, errands } = await network();
    errands.refuse = () =>
      errands.registered.length < 4 ? new EvioError('EVIO_ADDRESS_TAKEN', 'taken') : undefined;
    const joined = await joinNetwork({ ...wish, token: made.token }, guest);
    const tried = errands.registered.map((self) => formatIpv4(self.certificate.ip));
    expect(new Set(tried).size).toBe(4);
    expect(joined.node.ip).toBe(tried[3]);
    expect(new Set(errands.registered.map((self) => self.idText)).size).toBe(1);
  });

  it('gives up when every address is taken', async () => {
    const { guest, made, errands } = await network();
    errands.refuse = () => new EvioError('EVIO_ADDRESS_TAKEN', 'taken');
    expect(await codeOf(joinNetwork({ ...wish, token: made.token }, guest))).toBe('EVIO_ADDRESS_TAKEN');
    expect(errands.registered).toHaveLength(32);
    expect(guest.store.ids()).toEqual([]);
  });

  it('does not move from an address that was asked for', async () => {
    const { guest, made, errands } = await network();
    errands.refuse = () => new EvioError('EVIO_ADDRESS_TAKEN', 'taken');
    expect(await codeOf(joinNetwork({ ...wish, token: made.token, ip: '10.144.0.1' }, guest))).toBe(
      'EVIO_ADDRESS_TAKEN',
    );
    expect(errands.registered).toHaveLength(1);
  });

  it('stores nothing when the relay refuses the token', async () => {
    const { guest, made, errands } = await network();
    errands.refuse = () => new EvioError('EVIO_TOKEN_USED_UP', 'used up');
    expect(await codeOf(joinNetwork({ ...wish, token: made.token }, guest))).toBe('EVIO_TOKEN_USED_UP');
    expect(guest.store.ids()).toEqual([]);
  });

  it('goes on with the identity that a relay may have counted, by the same token only', async () => {
    const { guest, owner, made, errands } = await network();
    const fail = (code: 'EVIO_RELAY_UNREACHABLE' | 'EVIO_TOKEN_USED_UP') => async (token: string) => {
      errands.refuse = () => new EvioError(code, 'no');
      expect(await codeOf(joinNetwork({ ...wish, token }, guest))).toBe(code);
      errands.refuse = undefined;
      expect(guest.store.list()).toEqual([]);
      return errands.registered.at(-1)?.idText;
    };
    const lost = fail('EVIO_RELAY_UNREACHABLE');
    const other = (await createInvite(owner.store, made.network.id, otherInvite, env)).token;
    const first = await lost(made.token);
    expect(await lost(made.token)).toBe(first);
    const second = await lost(other);
    expect(second).not.toBe(first);
    expect(await fail('EVIO_TOKEN_USED_UP')(other)).toBe(second);
    expect(guest.store.pending.ids()).toEqual([]);
    const third = await lost(made.token);
    expect([first, second]).not.toContain(third);
    // As asked for now.
    const joined = await joinNetwork({ ...wish, token: made.token, name: 'carl', ip: '10.144.0.9' }, guest);
    expect(joined.node).toMatchObject({ id: third, name: 'carl', ip: '10.144.0.9' });
    expect(guest.store.pending.ids()).toEqual([]);
  });

  it('uses a token no second time where another join ended since it looked', async () => {
    const { guest, made, errands } = await network();
    const { node } = await joinNetwork({ ...wish, token: made.token }, guest);
    const used = errands.registered.length;
    vi.spyOn(guest.store, 'has').mockReturnValueOnce(false);
    expect(await joinNetwork({ ...wish, token: made.token }, guest)).toMatchObject({ already: true, node });
    expect(errands.registered).toHaveLength(used);
    expect(guest.store.pending.ids()).toEqual([]);
  });

  it('sweeps a join that was begun by a token whose time is over', async () => {
    const { guest, owner, made, errands } = await network();
    const brief = await createInvite(owner.store, made.network.id, { ...otherInvite, expiresMs: 500 }, env);
    errands.refuse = () => new EvioError('EVIO_RELAY_UNREACHABLE', 'no');
    await codeOf(joinNetwork({ ...wish, token: brief.token }, guest));
    expect(guest.store.pending.ids()).toEqual([made.network.id]);
    await new Promise((resolve) => setTimeout(resolve, 520));
    expect(await codeOf(joinNetwork({ ...wish, token: brief.token }, guest))).toBe('EVIO_TOKEN_EXPIRED');
    expect(guest.store.pending.ids()).toEqual([]);
  });

  it('asks nobody when told so', async () => {
    const { guest, made, errands } = await network();
    await joinNetwork({ ...wish, token: made.token, contact: false }, guest);
    expect(errands.registered).toHaveLength(0);
  });

  it('changes nothing for a member, even by an expired token', async () => {
    const { guest, owner, made } = await network();
    const first = await joinNetwork({ ...wish, token: made.token }, guest);
    const short = await createInvite(
      owner.store,
      made.network.id,
      { expiresMs: 1, uses: 1, role: 'switch', tags: [] },
      env,
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
    const again = await joinNetwork({ ...wish, name: 'other', token: short.token }, guest);
    expect(again).toEqual({ ...first, already: true });
  });

  it('keeps the peers to stay linked with, and others when a member joins again with others', async () => {
    const { guest, made } = await network();
    const { token } = made;
    const links = ['Gateway', '10.144.0.1', 'gateway'];
    const { networkId } = await joinNetwork({ ...wish, token, links }, guest);
    expect(guest.store.profile(networkId).links).toEqual(['gateway', '10.144.0.1']);
    const before = guest.store.profile(networkId);
    await joinNetwork({ ...wish, token, links: ['beef'] }, guest);
    expect(guest.store.profile(networkId)).toEqual({ ...before, links: ['beef'] });
    await joinNetwork({ ...wish, token }, guest);
    expect(guest.store.profile(networkId).links).toEqual(['beef']);
  });

  it('takes nothing for a peer that can be none', async () => {
    const { guest, made, errands } = await network();
    for (const peer of ['', 'a b', 'a.b', '-x', '1.2.3', '\u001b[2J']) {
      const work = joinNetwork({ ...wish, token: made.token, links: [peer] }, guest);
      expect(await codeOf(work)).toBe('EVIO_BAD_VALUE');
    }
    expect(errands.registered).toHaveLength(0);
    expect(guest.store.ids()).toEqual([]);
  });

  it('names the networks here that have the same addresses', async () => {
    const { guest, made } = await network();
    expect((await joinNetwork({ ...wish, token: made.token }, guest)).overlapping).toEqual([]);
    const far = depsWith(new FakeRelay());
    const same = await initNetwork({ ...plan, name: 'work', cidr: '10.144.128.0/17' }, far);
    expect((await joinNetwork({ ...wish, token: same.token }, guest)).overlapping).toEqual(['home']);
    expect((await joinNetwork({ ...wish, token: made.token }, guest)).overlapping).toEqual(['work']);
    const other = await initNetwork({ ...plan, name: 'lab', cidr: '10.150.0.0/16' }, far);
    expect((await joinNetwork({ ...wish, token: other.token }, guest)).overlapping).toEqual([]);
  });
});

describe('invites', () => {
  it('are revoked by id or by the token itself', async () => {
    const deps = depsWith(new FakeRelay());
    const { network, token } = await initNetwork({ ...plan, relays: [] }, deps);
    const id = listInvites(deps.store, network.id)[0]?.id ?? '';
    const invite = inviteNamed(deps.store, network.id, token);
    expect(inviteNamed(deps.store, network.id, id)).toBe(invite);
    const order = { do: 'revoke-invite', invite } as const;
    expect(await amendStored(deps.store, network.id, order, deps.env)).toMatchObject({
      subject: id,
      serial: 2,
    });
    await markRevoked(deps.store, network.id, id);
    expect(listInvites(deps.store, network.id)[0]?.revoked).toBe(true);
    const { standing } = deps.store.ledger(network.id).ledger;
    expect(standing.isInviteBarred(decodeToken(token).invite.key, ''.padEnd(32, '0'))).toBe(true);
    expect(await codeOf(amendStored(deps.store, network.id, { ...order, invite: 'nothing' }, deps.env))).toBe(
      'EVIO_TOKEN_UNKNOWN',
    );
  });
});

describe('leaveNetwork', () => {
  it('forgets the network, running or not', async () => {
    const deps = depsWith(new FakeRelay());
    const stopped: string[] = [];
    const stop = (id: string): Promise<void> => {
      stopped.push(id);
      return Promise.reject(notRunning());
    };
    const { network } = await initNetwork({ ...plan, relays: [] }, deps);
    expect(await codeOf(leaveNetwork(deps.store, undefined, stop, deps.errands))).toBe('EVIO_ROOT_KEY');
    expect(stopped).toEqual([]);
    expect((await leaveNetwork(deps.store, undefined, stop, deps.errands, true)).id).toBe(network.id);
    expect(deps.store.ids()).toEqual([]);
    expect(stopped).toEqual([network.id]);
    expect(await codeOf(leaveNetwork(deps.store, undefined, stop, deps.errands, true))).toBe(
      'EVIO_NO_NETWORK',
    );
  });

  it('tells the relays of a network whose node does not run, and leaves without them when it must', async () => {
    const errands = new FakeRelay();
    const deps = depsWith(errands);
    const { network } = await initNetwork(plan, deps);
    const stop = (): Promise<void> => Promise.reject(notRunning());
    expect(await leaveNetwork(deps.store, undefined, stop, errands, true)).toMatchObject({ told: true });
    expect(errands.left).toEqual([network.id]);
    await initNetwork(plan, deps);
    errands.refuse = () => new EvioError('EVIO_RELAY_UNREACHABLE', 'no');
    expect(await leaveNetwork(deps.store, undefined, stop, errands, true)).toMatchObject({ told: false });
    expect(deps.store.ids()).toEqual([]);
  });

  it('keeps a network whose node does not stop', async () => {
    const deps = depsWith(new FakeRelay());
    const { network } = await initNetwork({ ...plan, relays: [] }, deps);
    const stop = (): Promise<void> =>
      Promise.reject(new EvioError('EVIO_NO_PRIVILEGE', 'The node is not yours.'));
    expect(await codeOf(leaveNetwork(deps.store, undefined, stop, deps.errands, true))).toBe(
      'EVIO_NO_PRIVILEGE',
    );
    expect(deps.store.ids()).toEqual([network.id]);
  });
});

describe('changeMember', () => {
  const notThere = (): Promise<boolean> => Promise.resolve(false);

  async function member(errands: FakeRelay) {
    const { token, network } = await initNetwork(plan, depsWith(errands));
    const deps = depsWith(errands);
    await joinNetwork({ ...wish, token }, deps);
    return { deps, id: network.id };
  }

  it('has a relay witness name and address, and stores them', async () => {
    const errands = new FakeRelay();
    const { deps, id } = await member(errands);
    const changed = await changeMember(id, { name: 'web', ip: '10.144.7.7' }, deps, notThere);
    expect(changed).toMatchObject({ changed: true, node: { name: 'web', ip: '10.144.7.7' } });
    const profile = deps.store.profile(id);
    expect(profile).toMatchObject({ name: 'web', wantedIp: '10.144.7.7' });
    const stored = fromBase64Url(deps.store.state(id).credential ?? '') as Uint8Array;
    const { network, certificate } = selfOf(profile, stored);
    expect(certificate).toMatchObject({ name: 'web' });
    expect(verifyCredential(stored, network, systemClock.date()).ok).toBe(true);
    const asked = errands.registered.length;
    expect(await changeMember(id, { name: 'web' }, deps, notThere)).toMatchObject({ changed: false });
    expect(errands.registered).toHaveLength(asked);
  });

  it('leaves the state to a node that runs, and gives it the credential', async () => {
    const { deps, id } = await member(new FakeRelay());
    const before = deps.store.state(id);
    const given: Uint8Array[] = [];
    await changeMember(id, { name: 'web' }, deps, (credential) =>
      Promise.resolve(given.push(credential) > 0),
    );
    expect(deps.store.state(id)).toEqual(before);
    expect(selfOf(deps.store.profile(id), given[0]).certificate.name).toBe('web');
  });

  it('changes nothing when the address is taken, or is none of the network', async () => {
    const errands = new FakeRelay();
    const { deps, id } = await member(errands);
    const before = [deps.store.profile(id), deps.store.state(id)];
    errands.refuse = () => new EvioError('EVIO_ADDRESS_TAKEN', 'taken');
    for (const [ip, code] of [
      ['10.144.7.7', 'EVIO_ADDRESS_TAKEN'],
      ['192.0.2.1', 'EVIO_ADDRESS_OUTSIDE'],
    ] as const)
      expect(await codeOf(changeMember(id, { ip }, deps, notThere))).toBe(code);
    expect([deps.store.profile(id), deps.store.state(id)]).toEqual(before);
  });
});

describe('the range of a network', () => {
  const at = (kind: LocalRange['kind'], text: string): LocalRange => ({
    device: 'eth7',
    kind,
    cidr: parseCidr(text) as Cidr,
  });

  /** A token whose network claims the range: signed by its root, as a hostile owner would. */
  function tokenFor(range: string): string {
    const root = generateKeys(systemRandom);
    const key = generateKeys(systemRandom);
    const cidr = parseCidr(range) as Cidr;
    const facts = {
      rootKey: root.publicKey,
      name: 'evil',
      cidr,
      mtu: 1350,
      serial: 1,
      relays: [],
    };
    const invite = signInvite(
      {
        key: key.publicKey,
        notAfter: systemClock.date() + 3_600_000,
        uses: 0,
        roles: Role.switch,
        rights: 0,
        ephemeral: false,
        range: cidr,
        tags: [],
      },
      root,
    );
    return encodeToken(signNetwork(facts, root), invite, key.seed);
  }

  async function refusal(work: Promise<unknown>): Promise<EvioError> {
    const thrown = await work.then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(thrown).toBeInstanceOf(EvioError);
    return thrown as EvioError;
  }

  it.each(['128.0.0.0/1', '8.8.8.0/24', '10.0.0.0/8', '169.254.0.0/16'])(
    'is refused when a token claims %s, and taken when the operator allows it',
    async (range) => {
      const guest = depsWith(new FakeRelay());
      const token = tokenFor(range);
      const error = await refusal(joinNetwork({ ...wish, token }, guest));
      expect(error.code).toBe('EVIO_ADDRESS_RANGE');
      expect(error.suggestions.join()).toContain(`--allow-range ${range}`);
      expect(guest.store.ids()).toEqual([]);
      const narrow = joinNetwork({ ...wish, token, allowRanges: ['8.8.8.0/25'] }, guest);
      expect((await refusal(narrow)).code).toBe('EVIO_ADDRESS_RANGE');
      const { networkId } = await joinNetwork({ ...wish, token, allowRanges: [range] }, guest);
      expect(guest.store.profile(networkId).allowedRanges).toEqual([range]);
    },
  );

  it.each([
    ['address', '10.144.3.1/32', '10.144.3.1 is its own, on eth7'],
    ['gateway', '10.144.0.1/32', '10.144.0.1 is its gateway, by eth7'],
    ['route', '10.144.8.0/24', '10.144.8.0/24 is reached by eth7'],
    ['route', '10.0.0.0/8', '10.0.0.0/8 is reached by eth7'],
  ] as const)('is refused where the machine has the %s %s', async (kind, text, why) => {
    const guest = depsWith(new FakeRelay(), [at(kind, text)]);
    const token = tokenFor('10.144.0.0/16');
    const error = await refusal(joinNetwork({ ...wish, token }, guest));
    expect([error.code, error.message]).toEqual(['EVIO_ADDRESS_RANGE', expect.stringContaining(why)]);
    await joinNetwork({ ...wish, token, allowRanges: ['10.144.0.0/12'] }, guest);
  });

  it('may be allowed later, by joining again', async () => {
    const guest = depsWith(new FakeRelay());
    const token = tokenFor('10.144.0.0/16');
    const { networkId } = await joinNetwork({ ...wish, token }, guest);
    await joinNetwork({ ...wish, token, allowRanges: ['10.144.0.0/16'] }, guest);
    expect(guest.store.profile(networkId).allowedRanges).toEqual(['10.144.0.0/16']);
    const bad = joinNetwork({ ...wish, token, allowRanges: ['10.144.0.1/16'] }, guest);
    expect((await refusal(bad)).code).toBe('EVIO_BAD_VALUE');
  });

  it('is chosen beside what the machine uses, and refused where it was asked for', async () => {
    const init = (local: readonly LocalRange[], cidr?: string) =>
      initNetwork({ ...plan, cidr }, depsWith(new FakeRelay(), local));
    const lan = [at('route', '10.144.0.0/15')];
    expect((await init(lan)).network.cidr).toBe('10.146.0.0/16');
    expect((await init([at('route', '10.0.0.0/8')])).network.cidr).toBe('172.24.0.0/16');
    const error = await refusal(init(lan, '10.145.0.0/16'));
    expect(error.code).toBe('EVIO_ADDRESS_RANGE');
    expect(error.suggestions[0]).toContain('--cidr 10.146.0.0/16');
    expect((await refusal(init([], '8.8.8.0/24'))).code).toBe('EVIO_ADDRESS_RANGE');
  });
});

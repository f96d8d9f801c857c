import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeAt } from '../../../src/core/config/home.js';
import { Store } from '../../../src/core/config/store.js';
import { amendStored } from '../../../src/core/enroll/amend.js';
import { createInvite } from '../../../src/core/enroll/invites.js';
import { initNetwork } from '../../../src/core/enroll/init.js';
import { leaveNetwork } from '../../../src/core/enroll/leave.js';
import {
  exportRootKey,
  importRootKey,
  removeRootKey,
  replaceRootKey,
  settleRootKey,
} from '../../../src/core/enroll/root-key.js';
import { relayErrands } from '../../../src/core/enroll/errands.js';
import { notRunning } from '../../../src/core/control/client.js';
import { resign } from '../../../src/core/membership/certify.js';
import { OwnCredential } from '../../../src/core/membership/own-credential.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { silentLogger, systemClock, systemRandom } from '../../../src/core/lib/env.js';
import { EvioError } from '../../../src/core/lib/errors.js';
import { toHex } from '../../../src/core/lib/bytes.js';
import { idOfKey } from '../../../src/core/ledger/statement.js';
import type { WrittenOrder } from '../../../src/core/membership/orders.js';

const env = { clock: systemClock, random: systemRandom, log: silentLogger };
const errands = relayErrands(env, 'test');
const passphrase = 'correct horse battery';
const say = (text: string) => (): Promise<string> => Promise.resolve(text);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evio-root-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (thrown) {
    if (thrown instanceof EvioError) return thrown.code;
    throw thrown;
  }
  return 'none';
}

async function network(home: string): Promise<{ store: Store; id: string }> {
  const store = new Store(homeAt(join(folder, home)));
  const plan = { name: 'home', nodeName: 'anna', relays: [] };
  const made = await initNetwork(plan, { store, env, errands, machine: () => [] });
  return { store, id: made.network.id };
}

describe('the root key', () => {
  it('goes into a file that only its owner reads, and that is never overwritten', async () => {
    const { store, id } = await network('a');
    const file = join(folder, 'root');
    expect(await codeOf(() => exportRootKey(store, id, file, 'short', env))).toBe('EVIO_BAD_VALUE');
    exportRootKey(store, id, file, passphrase, env);
    const text = readFileSync(file, 'utf8');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(text).not.toContain(store.profile(id).rootSeed);
    expect(await codeOf(() => exportRootKey(store, id, file, passphrase, env))).toBe('EVIO_BAD_VALUE');
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('leaves this machine an admin, and comes back', async () => {
    const { store, id } = await network('a');
    const file = join(folder, 'root');
    const before = store.profile(id);
    exportRootKey(store, id, file, passphrase, env);
    await removeRootKey(store, id, env);
    expect(readFileSync(join(store.home.networks, id, 'profile.json'), 'utf8')).not.toContain(
      before.rootSeed,
    );
    // Offline: it invites and speaks by its own key, and does not sign by the other.
    const plan = { expiresMs: 60_000, uses: 1, role: 'switch', tags: [] } as const;
    const { token } = await createInvite(store, id, plan, env);
    expect(decodeToken(token).invite.issuer).toBeDefined();
    await amendStored(store, id, { do: 'facts', name: 'attic' }, env);
    const profile = store.profile(id);
    expect(await codeOf(() => resign(profile, { name: 'bea' }, env.clock.date()))).toBe('EVIO_ROOT_KEY');
    expect(new OwnCredential(profile).readdress(env.clock.date())).toBe(false);
    expect(await codeOf(() => removeRootKey(store, id, env))).toBe('EVIO_ROOT_KEY');
    expect(await codeOf(() => exportRootKey(store, id, join(folder, 'b'), passphrase, env))).toBe(
      'EVIO_ROOT_KEY',
    );
    await importRootKey(store, id, readFileSync(file, 'utf8'), say(passphrase), env);
    expect(store.profile(id)).toEqual({ ...profile, rootSeed: before.rootSeed });
  });

  it('is not asked about when it is offline and the network is left', async () => {
    const { store, id } = await network('a');
    const stop = (): Promise<void> => Promise.reject(notRunning());
    expect(await codeOf(() => leaveNetwork(store, id, stop, errands))).toBe('EVIO_ROOT_KEY');
    await removeRootKey(store, id, env);
    expect(await codeOf(() => leaveNetwork(store, id, stop, errands))).toBe('none');
  });

  it('is not taken from another network, a changed file, or by another passphrase', async () => {
    const { store, id } = await network('a');
    const other = await network('b');
    const file = join(folder, 'root');
    exportRootKey(store, id, file, passphrase, env);
    await removeRootKey(store, id, env);
    const text = readFileSync(file, 'utf8').trim();
    const take = (it: string, by = passphrase, into = { store, id }) =>
      codeOf(() => importRootKey(into.store, into.id, it, say(by), env));
    expect(await take(text, passphrase, other)).toBe('EVIO_BAD_VALUE');
    expect(await take(text, `${passphrase} `)).toBe('EVIO_BAD_VALUE');
    expect(await take(text.slice(0, -1))).toBe('EVIO_BAD_VALUE');
    const bytes = Buffer.from(text.slice(9), 'base64url');
    // Version, cost beyond bounds, network key, secret.
    for (const at of [0, 1, 2, bytes.length - 20]) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ 0x40;
      expect(await take(`evioroot1${changed.toString('base64url')}`)).toBe('EVIO_BAD_VALUE');
    }
    expect(store.profile(id).rootSeed).toBeUndefined();
  });
});

describe('another root key', () => {
  const offline =
    (store: Store, id: string) =>
    (order: WrittenOrder): ReturnType<typeof amendStored> =>
      amendStored(store, id, order, env);
  const plan = { expiresMs: 60_000, uses: 1, role: 'leaf', tags: [] } as const;

  it('takes the place of the one before, whose file is refused from then on', async () => {
    const { store, id } = await network('a');
    const file = join(folder, 'root');
    exportRootKey(store, id, file, passphrase, env);
    const before = store.profile(id).rootSeed;
    const { key } = await replaceRootKey(store, id, false, offline(store, id), env);
    const { rootSeed, nextRootSeed } = store.profile(id);
    expect(rootSeed).not.toBe(before);
    expect(nextRootSeed).toBeUndefined();
    expect(toHex(store.ledger(id).ledger.standing.rootKey)).toBe(key);
    const text = readFileSync(file, 'utf8');
    expect(await codeOf(() => importRootKey(store, id, text, say(passphrase), env))).toBe('EVIO_BAD_VALUE');
    // The new one goes out and in.
    const next = join(folder, 'next');
    exportRootKey(store, id, next, passphrase, env);
    await removeRootKey(store, id, env);
    await importRootKey(store, id, readFileSync(next, 'utf8'), say(passphrase), env);
    expect(store.profile(id).rootSeed).toBe(rootSeed);
    // Its tokens name it, and the network by the first one.
    const { token } = await createInvite(store, id, plan, env);
    expect(toHex(decodeToken(token).invite.issuer ?? new Uint8Array(0))).toBe(key);
  });

  it('goes on where it was interrupted: before the ledger spoke, and after', async () => {
    const { store, id } = await network('a');
    const broken = (): Promise<never> => Promise.reject(new Error('the power failed'));
    await expect(replaceRootKey(store, id, false, broken, env)).rejects.toThrow('the power failed');
    const { rootSeed, nextRootSeed } = store.profile(id);
    expect(nextRootSeed).toBeDefined();
    expect(await settleRootKey(store, id, env)).toBe(false);
    // The old one counts.
    const { token } = await createInvite(store, id, plan, env);
    expect(decodeToken(token).invite.issuer).toBeUndefined();
    const afterwards = async (order: WrittenOrder): Promise<never> => {
      await offline(store, id)(order);
      throw new Error('the power failed');
    };
    await expect(replaceRootKey(store, id, false, afterwards, env)).rejects.toThrow('the power failed');
    expect(store.profile(id)).toMatchObject({ rootSeed, nextRootSeed });
    const { serial } = store.ledger(id).ledger;
    // The new one counts, and calling again only ends what was begun.
    const again = await replaceRootKey(store, id, false, broken, env);
    expect(again.serial).toBe(serial);
    expect(store.profile(id).rootSeed).toBe(nextRootSeed);
    expect(store.profile(id).nextRootSeed).toBeUndefined();
  });

  it('is made only where the one before is', async () => {
    const { store, id } = await network('a');
    await removeRootKey(store, id, env);
    expect(await codeOf(() => replaceRootKey(store, id, false, offline(store, id), env))).toBe(
      'EVIO_ROOT_KEY',
    );
  });

  it('keeps the tokens made here, or none', async () => {
    const { store, id } = await network('a');
    const { token } = await createInvite(store, id, plan, env);
    const inviteId = idOfKey(decodeToken(token).invite.key);
    const { rootKey } = decodeToken(token).network;
    await replaceRootKey(store, id, false, offline(store, id), env);
    const may = (): boolean => store.ledger(id).ledger.standing.mayIssue(rootKey, inviteId);
    expect(may()).toBe(true);
    const other = await network('b');
    await replaceRootKey(other.store, other.id, true, offline(other.store, other.id), env);
    const [made] = other.store.profile(other.id).invites;
    const key = decodeToken(made?.token ?? '');
    const { standing } = other.store.ledger(other.id).ledger;
    expect(standing.mayIssue(key.network.rootKey, idOfKey(key.invite.key))).toBe(false);
  });
});

/** kill -9 at random instants while a command writes: what it acknowledged stands, and nothing stands twice. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { homeAt } from '../../src/core/config/home.js';
import { Store } from '../../src/core/config/store.js';
import { storedNetwork } from '../../src/core/enroll/amend.js';
import { verifyCredential } from '../../src/core/identity/certificate.js';
import { fromBase64Url } from '../../src/core/lib/bytes.js';
import { systemClock, systemRandom } from '../../src/core/lib/env.js';
import { selfOf } from '../../src/core/membership/self.js';
import { root } from './support.js';

/** Kills; EVIO_KILLS=200 for the long run. */
const kills = Number(process.env['EVIO_KILLS'] ?? 25);
const few = Math.ceil(kills / 8);
let home: string;

/** What every worker begins with. */
const imports = `
import { Store } from '${root}/dist/core/config/store.js';
import { homeAt } from '${root}/dist/core/config/home.js';
import { amendStored } from '${root}/dist/core/enroll/amend.js';
import { systemClock, systemRandom, silentLogger } from '${root}/dist/core/lib/env.js';
const env = { clock: systemClock, random: systemRandom, log: silentLogger };
const store = new Store(homeAt(process.argv[1]));
const [id] = store.ids();
console.log('ready');
`;

/** Names networks and makes tokens without end, and says what it has done only once that is done. */
const amender = `${imports}
import { createInvite } from '${root}/dist/core/enroll/invites.js';
for (;;) {
  const { id: token } = await createInvite(store, id, { expiresMs: 60000, uses: 1, role: 'leaf', tags: [] }, env);
  console.log('token ' + token);
  const made = store.profile(id).invites.length;
  const { serial } = await amendStored(store, id, { do: 'facts', mtu: 1000 + (made % 300) }, env);
  console.log('serial ' + serial);
}
`;

/** Replaces the root key without end. */
const replacer = `${imports}
import { replaceRootKey } from '${root}/dist/core/enroll/root-key.js';
for (;;) {
  const { key } = await replaceRootKey(store, id, false, (order) => amendStored(store, id, order, env), env);
  console.log('root ' + key);
}
`;

/** Lets in whoever may come, without end. */
const approver = `${imports}
import { randomBytes } from 'node:crypto';
for (;;) {
  const peer = randomBytes(16).toString('hex');
  await amendStored(store, id, { do: 'admit', peer }, env);
  console.log('admitted ' + peer);
}
`;

/** Renews the membership without end, and keeps it as a node does: in the state, then in the profile. */
const renewer = `${imports}
import { storedNetwork } from '${root}/dist/core/enroll/amend.js';
import { inviterKeys } from '${root}/dist/core/membership/speaker.js';
import { renew, renewableOf, wishCertificate } from '${root}/dist/core/membership/renewal.js';
for (;;) {
  const profile = store.profile(id);
  const { self, ledger } = storedNetwork(store, id, Date.now());
  const issuer = inviterKeys(profile, self, ledger);
  // Each is later than the one before, however soon it comes.
  const date = Math.max(Date.now(), self.certificate.notBefore + 1);
  const wish = wishCertificate(self, 60000, date);
  const credential = renew(wish, renewableOf(self), self.network, issuer, ledger.standing, 60000, date);
  const text = Buffer.from(credential).toString('base64url');
  store.saveState(id, { ...store.state(id), credential: text });
  console.log('renewed ' + text);
  await store.changeProfile(id, (now) => ({ ...now, credential: text }));
}
`;

/**
 * Runs a worker until it is killed at a random instant; what it said goes to `heard`.
 *
 * @param after what it said first, from when the instant counts
 */
function killed(
  worker: string,
  heard: (what: string, value: string) => void,
  after = 'ready',
): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', worker, home]);
    let rest = '';
    let doomed = false;
    child.stdout.on('data', (data: Buffer) => {
      rest += data.toString();
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [what = '', value = ''] = line.split(' ');
        heard(what, value);
        if (what !== after || doomed) continue;
        doomed = true;
        setTimeout(() => child.kill('SIGKILL'), Math.random() * 120);
      }
    });
    child.on('close', () => {
      resolve();
    });
  });
}

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'evio-kills-'));
  const { makeNetwork } = await import('../../src/core/membership/certify.js');
  const { emptyState } = await import('../../src/core/membership/profile.js');
  const plan = { name: 'lab', cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'n0' };
  const profile = makeNetwork(plan, { clock: systemClock, random: systemRandom });
  new Store(homeAt(home)).create(selfOf(profile).networkId, profile, emptyState);
});
afterAll(() => {
  rmSync(home, { recursive: true });
});

describe('kill -9', () => {
  it(
    `${kills} times while tokens are made and the ledger grows`,
    async () => {
      const tokens: string[] = [];
      let serial = 0;
      for (let i = 0; i < kills; i++) {
        const heard = (what: string, value: string): void => {
          if (what === 'token') tokens.push(value);
          if (what === 'serial') serial = Number(value);
        };
        // Each third time something was acknowledged before, however slow the machine is.
        await killed(amender, heard, i % 3 === 0 ? 'serial' : 'ready');
        const store = new Store(homeAt(home));
        const [id = ''] = store.ids();
        const made = store.profile(id).invites.map((invite) => invite.id);
        expect(new Set(made).size).toBe(made.length);
        expect(tokens.filter((token) => !made.includes(token))).toEqual([]);
        const { ledger } = store.ledger(id);
        expect(ledger.serial).toBeGreaterThanOrEqual(serial);
        expect(ledger.forks).toEqual([]);
        expect(ledger.standing.facts?.serial ?? 1).toBe(Math.max(1, ledger.serial));
      }
      expect(tokens.length).toBeGreaterThan(0);
      expect(serial).toBeGreaterThan(1);
    },
    kills * 4_000,
  );

  it(
    `${few} times while the root key is replaced: the key that counts is here`,
    async () => {
      let told = '';
      const replaced: string[] = [];
      for (let i = 0; i < few; i++) {
        const heard = (what: string, value: string): void => {
          if (what !== 'root') return;
          told = value;
          replaced.push(value);
        };
        // Each other time one was replaced before, however slow the machine is.
        await killed(replacer, heard, i % 2 === 0 ? 'root' : 'ready');
        const store = new Store(homeAt(home));
        const [id = ''] = store.ids();
        const { standing, forks } = store.ledger(id).ledger;
        expect(forks).toEqual([]);
        const { rootKeysOf } = await import('../../src/core/membership/root-keys.js');
        expect(rootKeysOf(store.profile(id), standing.rootKey)).toBeDefined();
        // What was acknowledged stands, or was followed by another.
        if (told !== '') expect(standing.author(told)?.rank).toBe(0);
        // The machine is a member and may invite, whichever of the keys counts.
        const { createInvite } = await import('../../src/core/enroll/invites.js');
        const plan = { expiresMs: 60_000, uses: 1, role: 'leaf', tags: [] } as const;
        await createInvite(store, id, plan, { clock: systemClock, random: systemRandom });
      }
      expect(replaced.length).toBeGreaterThan(0);
      expect(new Set(replaced).size).toBe(replaced.length);
    },
    few * 8_000,
  );

  it(
    `${few} times while members are let in: whom it told of is in, once`,
    async () => {
      const told: string[] = [];
      for (let i = 0; i < few; i++) {
        const heard = (what: string, value: string): void => {
          if (what === 'admitted') told.push(value);
        };
        await killed(approver, heard, i % 2 === 0 ? 'admitted' : 'ready');
        const store = new Store(homeAt(home));
        const [id = ''] = store.ids();
        const { standing, forks } = store.ledger(id).ledger;
        expect(forks).toEqual([]);
        expect(told.filter((peer) => standing.approvals(peer) !== 1)).toEqual([]);
      }
      expect(told.length).toBeGreaterThan(0);
    },
    few * 8_000,
  );

  it(
    `${few} times while the membership is renewed: it is whole, and none that was kept is lost`,
    async () => {
      let kept = '';
      for (let i = 0; i < few; i++) {
        const heard = (what: string, value: string): void => {
          if (what === 'renewed') kept = value;
        };
        await killed(renewer, heard, i % 2 === 0 ? 'renewed' : 'ready');
        const store = new Store(homeAt(home));
        const [id = ''] = store.ids();
        const { self, ledger } = storedNetwork(store, id, Date.now());
        const { notBefore } = self.certificate;
        const told =
          kept === '' ? notBefore : selfOf(store.profile(id), fromBase64Url(kept)).certificate.notBefore;
        expect(notBefore).toBeGreaterThanOrEqual(told);
        const verdict = verifyCredential(self.credential, self.network, notBefore, true, ledger.standing);
        expect(verdict).toMatchObject({ ok: true });
      }
      expect(kept).not.toBe('');
    },
    few * 8_000,
  );
});

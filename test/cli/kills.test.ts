/** kill -9 at random instants while a command writes: what it acknowledged stands, and nothing stands twice. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { homeAt } from '../../src/core/config/home.js';
import { Store } from '../../src/core/config/store.js';
import { root } from './support.js';

/** Kills; EVIO_KILLS=200 for the long run. */
const kills = Number(process.env['EVIO_KILLS'] ?? 50);
let home: string;

/** Names networks and makes tokens without end, and says what it has done only once that is done. */
const worker = `
import { Store } from '${root}/dist/core/config/store.js';
import { homeAt } from '${root}/dist/core/config/home.js';
import { amendStored } from '${root}/dist/core/enroll/amend.js';
import { createInvite } from '${root}/dist/core/enroll/invites.js';
import { systemClock, systemRandom, silentLogger } from '${root}/dist/core/lib/env.js';
const env = { clock: systemClock, random: systemRandom, log: silentLogger };
const store = new Store(homeAt(process.argv[1]));
const [id] = store.ids();
console.log('ready');
for (;;) {
  const { id: token } = await createInvite(store, id, { expiresMs: 60000, uses: 1, role: 'leaf', tags: [] }, env);
  console.log('token ' + token);
  const made = store.profile(id).invites.length;
  const { serial } = await amendStored(store, id, { do: 'facts', mtu: 1000 + (made % 300) }, env);
  console.log('serial ' + serial);
}
`;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'evio-kills-'));
  const { makeNetwork } = await import('../../src/core/membership/certify.js');
  const { emptyState } = await import('../../src/core/membership/profile.js');
  const { selfOf } = await import('../../src/core/membership/self.js');
  const { systemClock, systemRandom } = await import('../../src/core/lib/env.js');
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
        await new Promise<void>((resolve) => {
          const child = spawn(process.execPath, ['--input-type=module', '-e', worker, home]);
          let rest = '';
          child.stdout.on('data', (data: Buffer) => {
            rest += data.toString();
            const lines = rest.split('\n');
            rest = lines.pop() ?? '';
            for (const line of lines) {
              const [what, value = ''] = line.split(' ');
              if (what === 'token') tokens.push(value);
              if (what === 'serial') serial = Number(value);
              if (what === 'ready') setTimeout(() => child.kill('SIGKILL'), Math.random() * 120);
            }
          });
          child.on('close', () => {
            resolve();
          });
        });
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
});

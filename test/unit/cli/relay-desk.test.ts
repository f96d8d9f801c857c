/** What root writes for a relay that runs as another user, and which relay root asks. */
import {
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { changeNetwork, relayNetworks } from '../../../src/cli/relay-desk.js';
import { homeAt, relayHomeFrom } from '../../../src/core/config/home.js';
import { silentLogger, systemClock, systemRandom } from '../../../src/core/lib/env.js';

const env = { clock: systemClock, random: systemRandom, log: silentLogger };

describe.runIf(process.getuid?.() === 0)('the state of a relay that another user runs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evio-desk-'));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('stays that user’s when root lets a network in while the relay rests', async () => {
    const home = homeAt(folder);
    mkdirSync(home.relay);
    const nobody = 65_534;
    for (const path of [folder, home.relay]) chownSync(path, nobody, nobody);
    // Another name of a file of root.
    writeFileSync(join(folder, 'secret'), '');
    linkSync(join(folder, 'secret'), join(home.relay, 'linked'));
    await changeNetwork(home, env, 'allow', '00112233445566aa');
    const owners = readdirSync(home.relay).map(
      (name) => [name, statSync(join(home.relay, name)).uid] as const,
    );
    expect(owners.length).toBeGreaterThan(2);
    for (const [name, uid] of owners) expect([name, uid]).toEqual([name, name === 'linked' ? 0 : nobody]);
    expect(await relayNetworks(home, env)).toHaveLength(1);
  });
});

describe('the relay that is asked', () => {
  const pathOf = (given: NodeJS.ProcessEnv, uid: number, ...there: string[]): string =>
    relayHomeFrom(given, uid, (path) => there.includes(path)).path;
  const own = '/var/lib/evio/relay/address';
  const service = '/var/lib/evio-relay/relay/address';

  it('by root is that of the service, unless root has run one, or names another', () => {
    expect(pathOf({}, 0, service)).toBe('/var/lib/evio-relay');
    expect(pathOf({}, 0, service, own)).toBe('/var/lib/evio');
    expect(pathOf({}, 0)).toBe('/var/lib/evio');
    expect(pathOf({ EVIO_HOME: '/srv/e' }, 0, service)).toBe('/srv/e');
  });

  it('by another user is that user’s', () => {
    expect(pathOf({ XDG_CONFIG_HOME: '/c' }, 1000, service)).toBe('/c/evio');
  });
});

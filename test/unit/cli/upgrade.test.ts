/** What `evio upgrade` asks of a relay, by the relay's own socket. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { upgradeAll } from '../../../src/cli/upgrade.js';
import { homeAt, type Home } from '../../../src/core/config/home.js';
import { silentLogger } from '../../../src/core/lib/env.js';
import { lockRelay } from '../../../src/core/process/relay-lock.js';

let folder: string;
let home: Home;
let unlock: () => void = () => undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evio-upgrade-'));
  home = homeAt(folder);
});
afterEach(() => {
  unlock();
  rmSync(folder, { recursive: true, force: true });
});

/** A relay that answers so; what it was asked. */
async function relay(networks: object): Promise<unknown[]> {
  const asked: unknown[] = [];
  unlock = await lockRelay(home, silentLogger, (request) => {
    const { do: what } = request as { do: string };
    asked.push(what);
    return Promise.resolve(what === 'networks' ? networks : { from: '1', to: '2', gapMs: 3, pid: 4 });
  });
  return asked;
}

it('does not order a relay of before, which ends by orders that it does not know', async () => {
  const asked = await relay({ networks: [] });
  await expect(upgradeAll(home)).rejects.toMatchObject({ code: 'EVIO_UPGRADE' });
  expect(asked).toEqual(['networks']);
});

it('upgrades one that says that it can', async () => {
  const asked = await relay({ networks: [], orders: ['stop', 'upgrade'] });
  expect(await upgradeAll(home)).toEqual([{ part: 'relay', from: '1', to: '2', gapMs: 3, pid: 4 }]);
  expect(asked).toEqual(['networks', 'upgrade']);
});

it('says when nothing runs', async () => {
  await expect(upgradeAll(home)).rejects.toMatchObject({ code: 'EVIO_NOT_RUNNING' });
});

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeAt, homeFrom, type Home } from '../../../src/core/config/home.js';
import { storageError } from '../../../src/core/disk/storage-error.js';
import { withLock } from '../../../src/core/process/lock.js';
import { selectNetwork } from '../../../src/core/config/select.js';
import { Store } from '../../../src/core/config/store.js';
import { emptyState } from '../../../src/core/membership/profile.js';
import { makeNetwork } from '../../../src/core/membership/certify.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { systemClock, systemRandom } from '../../../src/core/lib/env.js';
import { EvioError } from '../../../src/core/lib/errors.js';

let home: Home;
let store: Store;

beforeEach(() => {
  home = homeAt(mkdtempSync(join(tmpdir(), 'evio-store-')));
  store = new Store(home);
});
afterEach(() => {
  rmSync(home.path, { recursive: true, force: true });
});

function profileNamed(name: string) {
  return makeNetwork(
    { name, cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'n' },
    { clock: systemClock, random: systemRandom },
  );
}

function added(name: string): string {
  const profile = profileNamed(name);
  const id = selfOf(profile).networkId;
  store.create(id, profile, emptyState);
  return id;
}

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (thrown) {
    if (thrown instanceof EvioError) return thrown.code;
    throw thrown;
  }
  return 'none';
}

const profilePath = (id: string): string => join(home.networks, id, 'profile.json');

describe('homeFrom', () => {
  it('takes EVIO_HOME, else the folder of root, else XDG', () => {
    expect(homeFrom({ EVIO_HOME: '/x/y' }, 0).path).toBe('/x/y');
    expect(homeFrom({}, 0).path).toBe('/var/lib/evio');
    expect(homeFrom({ XDG_CONFIG_HOME: '/c' }, 1000).path).toBe('/c/evio');
    expect(homeFrom({ EVIO_HOME: '' }, 1000).path).toMatch(/\.config\/evio$/);
  });

  it('refuses a path that no control socket can have', async () => {
    expect(await codeOf(() => homeAt(`/tmp/${'x'.repeat(100)}`))).toBe('EVIO_STORAGE');
    expect(homeAt(`/${'x'.repeat(107 - '/control.sock'.length - 1)}`).controlSocket).toHaveLength(107);
  });
});

describe('Store', () => {
  it('keeps profiles for their owner only', () => {
    const profile = profileNamed('home');
    const id = selfOf(profile).networkId;
    store.create(id, profile, emptyState);
    expect(store.profile(id)).toEqual(profile);
    expect(statSync(profilePath(id)).mode & 0o777).toBe(0o600);
    expect(statSync(join(home.networks, id, 'state.json')).mode & 0o777).toBe(0o600);
    expect(statSync(home.path).mode & 0o777).toBe(0o700);
    expect(store.list()).toEqual([{ id, name: 'home' }]);
    expect(readdirSync(home.networks)).toEqual([id]);
    expect(readdirSync(join(home.networks, id)).sort()).toEqual(['profile.json', 'state.json']);
  });

  it('keeps the mode when a file is replaced', () => {
    const id = added('home');
    chmodSync(join(home.networks, id, 'state.json'), 0o644);
    store.saveState(id, { ...emptyState, port: 4242 });
    expect(statSync(join(home.networks, id, 'state.json')).mode & 0o777).toBe(0o600);
    expect(store.state(id).port).toBe(4242);
  });

  it('adds a network once', async () => {
    const profile = profileNamed('home');
    const id = selfOf(profile).networkId;
    store.create(id, profile, emptyState);
    expect(await codeOf(() => store.create(id, profile, emptyState))).toBe('EVIO_ALREADY_JOINED');
    expect(readdirSync(home.networks)).toEqual([id]);
  });

  it('sweeps away what a killed command left', () => {
    mkdirSync(join(home.networks, '.new-0123456789abcdef-999999999'), { recursive: true });
    const id = added('home');
    expect(readdirSync(home.networks)).toEqual([id]);
  });

  it.each([
    ['', 'EVIO_PROFILE_CORRUPT'],
    ['{"version":1', 'EVIO_PROFILE_CORRUPT'],
    ['null', 'EVIO_PROFILE_CORRUPT'],
    ['{"version":1}', 'EVIO_PROFILE_CORRUPT'],
    ['\0\0\0\0', 'EVIO_PROFILE_CORRUPT'],
    ['{"version":2}', 'EVIO_PROFILE_NEWER'],
  ])('says what is wrong with a profile of %j', async (text, code) => {
    const id = added('home');
    writeFileSync(profilePath(id), text);
    expect(await codeOf(() => store.profile(id))).toBe(code);
    try {
      store.profile(id);
    } catch (thrown) {
      expect((thrown as EvioError).message).toContain(profilePath(id));
      expect((thrown as EvioError).suggestions.length).toBeGreaterThan(0);
    }
    expect(readFileSync(profilePath(id), 'utf8')).toBe(text);
  });

  it('begins anew when only the state is damaged, and says so', () => {
    const id = added('home');
    writeFileSync(join(home.networks, id, 'state.json'), '{');
    const heard: string[] = [];
    expect(store.state(id, (error) => heard.push(error.code))).toEqual(emptyState);
    expect(heard).toEqual(['EVIO_PROFILE_CORRUPT']);
  });

  it('loses no change of writers at the same time', async () => {
    const id = added('home');
    await Promise.all(
      Array.from({ length: 20 }, () =>
        store.changeProfile(id, (profile) => ({ ...profile, port: profile.port + 1 })),
      ),
    );
    expect(store.profile(id).port).toBe(20);
  });

  it('picks by name, id, beginning of an id, or as the only one', async () => {
    expect(await codeOf(() => store.pick())).toBe('EVIO_NO_NETWORK');
    const one = added('one');
    expect(store.pick()).toBe(one);
    const two = added('two');
    expect(store.pick('two')).toBe(two);
    expect(store.pick(one.slice(0, 8))).toBe(one);
    expect(await codeOf(() => store.pick())).toBe('EVIO_AMBIGUOUS_NETWORK');
    expect(await codeOf(() => store.pick('three'))).toBe('EVIO_NO_NETWORK');
    store.remove(two);
    expect(store.ids()).toEqual([one]);
  });

  it('still lists and picks a network whose profile is damaged', () => {
    const id = added('home');
    writeFileSync(profilePath(id), 'x');
    expect(store.list()).toEqual([{ id, name: '?' }]);
    expect(store.pick(id)).toBe(id);
  });

  it('says that the home cannot be a folder', async () => {
    writeFileSync(join(home.path, 'file'), '');
    const blocked = new Store(homeAt(join(home.path, 'file', 'home')));
    expect(await codeOf(() => blocked.create('0123456789abcdef', profileNamed('x'), emptyState))).toBe(
      'EVIO_STORAGE',
    );
  });
});

describe('withLock', () => {
  it('takes over from a dead holder', async () => {
    writeFileSync(join(home.path, 'lock'), '999999999');
    expect(await withLock(home.path, () => 7)).toBe(7);
    expect(existsSync(join(home.path, 'lock'))).toBe(false);
  });

  it('lets go when the work fails', async () => {
    await expect(withLock(home.path, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(existsSync(join(home.path, 'lock'))).toBe(false);
  });
});

describe('selectNetwork', () => {
  it('asks when a name is used twice', async () => {
    const twice = [
      { id: 'aaaa000000000000', name: 'home' },
      { id: 'bbbb000000000000', name: 'home' },
    ];
    expect(await codeOf(() => selectNetwork(twice, 'home'))).toBe('EVIO_AMBIGUOUS_NETWORK');
    expect(() => selectNetwork([...twice, { id: 'cccc000000000000', name: 'work' }])).toThrow(
      expect.objectContaining({
        suggestions: expect.arrayContaining([
          'Choose one with: --network aaaa000000000000, or --network bbbb000000000000, or --network work',
        ]) as string[],
      }) as Error,
    );
    expect(selectNetwork(twice, 'bbbb').id).toBe('bbbb000000000000');
    expect(await codeOf(() => selectNetwork(twice, 'bb'))).toBe('EVIO_NO_NETWORK');
  });
});

describe('storageError', () => {
  it.each(['ENOSPC', 'EROFS', 'EACCES', 'EWEIRD'])('has a sentence and a next step for %s', (code) => {
    const error = storageError('/x', Object.assign(new Error('odd'), { code }));
    expect(error.code).toBe('EVIO_STORAGE');
    expect(error.message).toMatch(/^Cannot use \/x: .+\.$/);
    expect(error.suggestions).toHaveLength(1);
  });
});

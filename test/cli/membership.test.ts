import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signInvite } from '../../src/core/identity/invite.js';
import { keysFromSeed } from '../../src/core/identity/keys.js';
import { decodeToken, encodeToken } from '../../src/core/identity/token.js';
import { hasRoot } from '../support/need.js';
import { TestHome, binary, madeNetwork } from './support.js';

const isRoot = hasRoot();

interface Made {
  network: { id: string; name: string; cidr: string; mtu: number; relays: string[] };
  node: { id: string; name: string; ip: string; mac: string };
  token: string;
  tokenExpires: string;
}

let homes: TestHome[];
let owner: TestHome;
let guest: TestHome;

function newHome(): TestHome {
  const home = new TestHome();
  homes.push(home);
  return home;
}

beforeEach(() => {
  homes = [];
  owner = newHome();
  guest = newHome();
});
afterEach(() => {
  for (const home of homes) home.remove();
});

async function init(...args: string[]): Promise<Made> {
  const outcome = await owner.run(['init', ...args, '--json']);
  expect(outcome.stderr).toBe('');
  expect(outcome.status).toBe(0);
  return outcome.json<Made>();
}

/** Files of a home, without folders. */
function filesOf(home: TestHome): string[] {
  return readdirSync(home.path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
}

describe('init', () => {
  it('makes a network and a token without relay and without root', async () => {
    const made = await init('home', '--node-name', 'anna', '--ip', '10.144.0.9');
    expect(made).toMatchObject({
      network: { name: 'home', cidr: '10.144.0.0/16', mtu: 1400, relays: [] },
      node: { name: 'anna', ip: '10.144.0.9' },
    });
    expect(made.network.id).toMatch(/^[0-9a-f]{16}$/);
    expect(made.node.id).toMatch(/^[0-9a-f]{32}$/);
    expect(made.node.mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
    const token = decodeToken(made.token);
    expect(token.invite.uses).toBe(10);
    expect(Date.parse(made.tokenExpires)).toBe(token.invite.notAfter);
    expect(made.token).not.toContain(
      (
        JSON.parse(readFileSync(join(owner.path, 'networks', made.network.id, 'profile.json'), 'utf8')) as {
          rootSeed: string;
        }
      ).rootSeed,
    );
  });

  it('puts the token alone on standard output', async () => {
    const { stdout, stderr, status } = await owner.run(['init', 'home']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^evio1[A-Za-z0-9_-]+\n$/);
    expect(stderr).toContain('Made the network home');
  });

  it('takes a name once, and gives the next network other addresses', async () => {
    await init('home');
    const again = await owner.run(['init', 'home', '--json']);
    expect(again.status).toBe(1);
    expect(again.error().code).toBe('EVIO_ALREADY_JOINED');
    expect((await init('lab')).network.cidr).toBe('10.145.0.0/16');
    const list = await owner.run(['token', 'list', '--json']);
    expect(list.error().code).toBe('EVIO_AMBIGUOUS_NETWORK');
    expect(list.status).toBe(2);
  });

  it('writes nothing when the relay cannot be reached', async () => {
    const { status, error } = await owner.run(['init', 'home', '--relay', '127.0.0.1:9', '--json']);
    expect(error().code).toBe('EVIO_RELAY_UNREACHABLE');
    expect(status).toBe(4);
    expect(filesOf(owner)).toEqual([]);
  });

  it.each([
    [['--ip', '192.0.2.1'], 'EVIO_ADDRESS_OUTSIDE'],
    [['--cidr', '10.0.0.1/8'], 'EVIO_BAD_VALUE'],
    [['--node-name', 'A B'], 'EVIO_BAD_VALUE'],
  ])('refuses %j', async (args, code) => {
    const { status, error } = await owner.run(['init', 'home', ...args, '--json']);
    expect(error().code).toBe(code);
    expect(status).toBe(2);
    expect(filesOf(owner)).toEqual([]);
  });
});

describe('token', () => {
  it('creates, lists and revokes', async () => {
    await madeNetwork(owner);
    const created = await owner.run([
      'token',
      'create',
      '--expires',
      '7d',
      '--uses',
      '3',
      '--role',
      'leaf',
      '--tag',
      'x',
      '--tag',
      'y',
      '--json',
    ]);
    const token = created.json<{ id: string; token: string; expires: string; uses: number }>();
    expect(token).toMatchObject({ uses: 3, role: 'leaf', tags: ['x', 'y'] });
    expect(Date.parse(token.expires) - Date.now()).toBeGreaterThan(6.9 * 86_400_000);
    const revoked = await owner.run(['token', 'revoke', token.id, '--json']);
    expect(revoked.json()).toEqual({ revoked: token.id, serial: 2 });
    const { tokens } = (await owner.run(['token', 'list', '--json'])).json<{
      tokens: { id: string; state: string }[];
    }>();
    expect(tokens.map(({ state }) => state)).toEqual(['valid', 'revoked']);
    expect((await owner.run(['token', 'list'])).stdout).toMatch(
      /^ID +STATE +EXPIRES +USES +ROLE +RIGHTS +TAGS\n/,
    );
    const wish = ['token', 'create', '--right', 'bridge', '--right', 'route', '--ephemeral', '--json'];
    const granted = (await owner.run(wish)).json<{ token: string }>();
    expect(granted).toMatchObject({ rights: ['bridge', 'route'], ephemeral: true });
    expect(decodeToken(granted.token).invite).toMatchObject({ rights: 5, ephemeral: true, roles: 3 });
    const unknown = await owner.run(['token', 'revoke', 'ffffffffffff', '--json']);
    expect(unknown.error().code).toBe('EVIO_TOKEN_UNKNOWN');
    expect(unknown.status).toBe(1);
  });

  it('is for the machine that made the network', async () => {
    const { token } = await madeNetwork(owner);
    await guest.run(['join', token, '--no-start']);
    const { status, error } = await guest.run(['token', 'create', '--json']);
    expect(error().code).toBe('EVIO_NOT_ADMIN');
    expect(status).toBe(1);
  });

  it('needs a network', async () => {
    const { status, error } = await owner.run(['token', 'create', '--json']);
    expect(error()).toMatchObject({ code: 'EVIO_NO_NETWORK' });
    expect(error().suggestions.join()).toContain('evio init');
    expect(status).toBe(1);
  });

  it('loses none when several are made at once', async () => {
    await madeNetwork(owner);
    await Promise.all(Array.from({ length: 4 }, () => owner.run(['token', 'create'])));
    const { tokens } = (await owner.run(['token', 'list', '--json'])).json<{ tokens: unknown[] }>();
    expect(tokens).toHaveLength(5);
  });
});

describe('join', () => {
  it('stores a membership, also by standard input and with line breaks, and joins once', async () => {
    const { token, network } = await madeNetwork(owner);
    const wrapped = `  ${token.slice(0, 60)}\n${token.slice(60)}\n`;
    const joined = (
      await guest.run(['join', '-', '--no-start', '--name', 'ben', '--json'], { input: wrapped })
    ).json<Made>();
    expect(joined).toEqual({ network, node: joined.node });
    expect(joined.node.name).toBe('ben');
    const again = await guest.run(['join', token, '--no-start', '--json']);
    expect(again.status).toBe(0);
    expect(again.json<Made>().node).toEqual(joined.node);
    const renamed = await guest.run(['join', token, '--no-start', '--name', 'bert', '--json']);
    expect(renamed.json<Made>().node).toEqual({ ...joined.node, name: 'bert' });
    const moved = await guest.run(['set', '--ip', '10.144.7.7', '--json']);
    expect(moved.json()).toMatchObject({ node: { name: 'bert', ip: '10.144.7.7' }, changed: true });
    expect((await guest.run(['set', '--json'])).error().code).toBe('EVIO_BAD_VALUE');
    // An admin has to be asked, by a node that runs.
    expect((await guest.run(['set', '--new-key', '--json'])).error().code).toBe('EVIO_NOT_RUNNING');
    expect((await guest.run(['set', '--new-key', '--name', 'x'])).status).toBe(2);
    const left = await guest.run(['leave', '--json']);
    expect(left.json()).toEqual({ left: network.id });
    expect(filesOf(guest)).toEqual([]);
  });

  it('takes the token from a file or from the environment', { timeout: 60_000 }, async () => {
    const { token, network } = await madeNetwork(owner);
    const file = join(owner.path, 'token.txt');
    writeFileSync(file, `${token}\n`);
    const join1 = await guest.run(['join', '--token-file', file, '--no-start', '--json']);
    expect(join1.json<Made>().network).toEqual(network);
    const join2 = await newHome().run(['join', '--no-start', '--json'], { env: { EVIO_TOKEN: token } });
    expect(join2.json<Made>().network).toEqual(network);
    const both = await newHome().run(['join', token, '--token-file', file, '--no-start', '--json']);
    expect([both.status, both.error().code]).toEqual([2, 'EVIO_USAGE']);
    const none = await newHome().run(['join', '--no-start', '--json']);
    expect([none.status, none.error().message.slice(0, 17)]).toEqual([2, 'TOKEN is missing:']);
    const absent = await newHome().run(['join', '--token-file', `${file}.not`, '--no-start', '--json']);
    expect([absent.status, absent.error().code]).toEqual([2, 'EVIO_BAD_VALUE']);
  });

  it('does not leave the token in the list of processes', async () => {
    const { token } = await madeNetwork(owner);
    const child = spawn(process.execPath, [binary, 'join', token, '--no-start'], {
      env: guest.environment,
      stdio: 'ignore',
    });
    const seen: string[] = [];
    while (child.exitCode === null) {
      seen.push(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8'));
      await sleep(1);
    }
    const last = seen.filter((line) => line !== '').at(-1);
    expect(last).not.toContain(token.slice(0, 40));
    expect(last?.replaceAll('\0', '')).toBe('evio join evio1... --no-start');
  });

  it('takes the address asked for, inside the network', async () => {
    const { token } = await madeNetwork(owner);
    const outside = await guest.run(['join', token, '--no-start', '--ip', '10.145.0.1', '--json']);
    expect(outside.error().code).toBe('EVIO_ADDRESS_OUTSIDE');
    expect(outside.status).toBe(2);
    const inside = await guest.run(['join', token, '--no-start', '--ip', '10.144.3.4', '--json']);
    expect(inside.json<Made>().node.ip).toBe('10.144.3.4');
  });

  it('refuses damaged tokens', async () => {
    const { token } = await madeNetwork(owner);
    const flipped = token.slice(0, 80) + (token[80] === 'A' ? 'B' : 'A') + token.slice(81);
    for (const bad of ['hello', 'evio1', token.slice(0, -3), flipped]) {
      const { status, error } = await guest.run(['join', bad, '--no-start', '--json']);
      expect(error().code).toBe('EVIO_TOKEN_DAMAGED');
      expect(status).toBe(2);
    }
    expect(filesOf(guest)).toEqual([]);
  });

  it('refuses a token that another network signed', async () => {
    const { token } = await madeNetwork(owner);
    const { network, networkBytes, invite, inviteKeys } = decodeToken(token);
    const stranger = keysFromSeed(new Uint8Array(32).fill(7));
    const forged = encodeToken(networkBytes, signInvite(invite, stranger), inviteKeys.seed);
    const { status, error } = await guest.run(['join', forged, '--no-start', '--json']);
    expect(network.name).toBe('home');
    expect(error().code).toBe('EVIO_TOKEN_FOREIGN');
    expect(status).toBe(1);
  });

  it('refuses an expired token', async () => {
    await madeNetwork(owner);
    const { stdout } = await owner.run(['token', 'create', '--expires', '1ms']);
    await sleep(5);
    const { status, error } = await guest.run(['join', stdout.trim(), '--no-start', '--json']);
    expect(error().code).toBe('EVIO_TOKEN_EXPIRED');
    expect(status).toBe(1);
  });

  it('refuses a role that the token does not give', async () => {
    await madeNetwork(owner);
    const { stdout } = await owner.run(['token', 'create', '--role', 'leaf']);
    const { error } = await guest.run(['join', stdout.trim(), '--no-start', '--role', 'switch', '--json']);
    expect(error().code).toBe('EVIO_BAD_VALUE');
    expect((await guest.run(['join', stdout.trim(), '--no-start'])).status).toBe(0);
  });
});

describe('flags that may be repeated', () => {
  it('leave the argument after them alone', async () => {
    const { token } = await madeNetwork(owner);
    const joined = await guest.run([
      'join',
      '--no-start',
      '--link',
      'anna',
      '--link',
      'ben',
      token,
      '--json',
    ]);
    expect(joined.status).toBe(0);
    const { id } = joined.json<Made>().network;
    const text = readFileSync(join(guest.path, 'networks', id, 'profile.json'), 'utf8');
    expect((JSON.parse(text) as { links: string[] }).links).toEqual(['anna', 'ben']);
    // Nobody is asked before the name was checked.
    const { error } = await guest.run(['init', '--relay', '127.0.0.1:9', 'no name', '--json']);
    expect(error().message).toContain('no name');
  });
});

describe('storage', () => {
  it.each([
    ['{', 'EVIO_PROFILE_CORRUPT'],
    ['{"version":99}', 'EVIO_PROFILE_NEWER'],
  ])('says what is wrong with a profile of %j, and still lets it be left', async (text, code) => {
    const { network } = await madeNetwork(owner);
    const path = join(owner.path, 'networks', network.id, 'profile.json');
    writeFileSync(path, text);
    const { status, error } = await owner.run(['token', 'create', '--json']);
    expect(error().code).toBe(code);
    expect(error().message).toContain(path);
    expect(error().suggestions.join()).toContain(code === 'EVIO_PROFILE_NEWER' ? 'or a later one' : 'backup');
    expect(status).toBe(1);
    expect((await owner.run(['leave', '--force', '--network', network.id])).status).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  it('says that the home is no folder', async () => {
    writeFileSync(join(owner.path, 'file'), '');
    const { status, error } = await owner.run(['init', '--json'], {
      env: { EVIO_HOME: join(owner.path, 'file/x') },
    });
    expect(error().code).toBe('EVIO_STORAGE');
    expect(status).toBe(1);
  });

  it('says that the path is too long for a control socket', async () => {
    const { error } = await owner.run(['init', '--json'], { env: { EVIO_HOME: `/tmp/${'x'.repeat(120)}` } });
    expect(error().code).toBe('EVIO_STORAGE');
  });

  it.skipIf(!isRoot)('says that the home belongs to somebody else', async () => {
    chmodSync(owner.path, 0o700);
    const { status, error } = await owner.run(['init', '--json'], { uid: 65_534 });
    expect(error().code).toBe('EVIO_STORAGE');
    expect(error().message).toContain('permission denied');
    expect(status).toBe(1);
  });

  it.skipIf(!isRoot)('leaves nothing half-written on a full disk', async () => {
    const { token } = await madeNetwork(owner);
    const mount = join(guest.path, 'full');
    mkdirSync(mount);
    // In a mount namespace of its own, so that nothing stays mounted; the last page of 64 kB stays for names.
    const script = `
      mount -t tmpfs -o size=64k evio-full ${mount} || exit 99
      head -c 61440 /dev/zero > ${mount}/ballast || exit 98
      export EVIO_HOME=${mount}
      ${process.execPath} ${binary} join ${token} --no-start --json; echo "join $?"
      ${process.execPath} ${binary} init other --json; echo "init $?"
      ls -A ${mount}/networks
      rm ${mount}/ballast
      ${process.execPath} ${binary} join ${token} --no-start > /dev/null; echo "join $?"`;
    const { stdout } = spawnSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], {
      encoding: 'utf8',
      env: owner.environment,
    });
    const lines = stdout.trim().split('\n');
    expect(lines[0]).toContain('EVIO_STORAGE');
    expect(lines[0]).toContain('the disk is full');
    expect(lines[1]).toBe('join 1');
    expect(lines[2]).toContain('EVIO_STORAGE');
    expect(lines.slice(3)).toEqual(['init 1', 'join 0']);
  });
});

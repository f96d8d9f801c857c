/** How this program is called: in PATH, beside it, by Node, by npx; by root, by sudo, by somebody else. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { asTyped, callingOf, commandWords, type Circumstances } from '../../../src/cli/program-name.js';

const folder = mkdtempSync(join(tmpdir(), 'evio-called-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
const put = (path: string, mode = 0o755): string => {
  const whole = join(folder, path);
  mkdirSync(join(whole, '..'), { recursive: true });
  writeFileSync(whole, '');
  chmodSync(whole, mode);
  return whole;
};
const [node, script, binary] = [put('usr/node'), put('app/bin/run.js'), put('opt/evio')];
const modules = put('project/node_modules/evio/bin/run.js');
mkdirSync(join(folder, 'links'));
symlinkSync(script, join(folder, 'links/evio'));
mkdirSync(join(folder, 'project/node_modules/.bin'), { recursive: true });
symlinkSync(modules, join(folder, 'project/node_modules/.bin/evio'));
const [usr, links, opt] = ['usr', 'links', 'opt'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];

const here: Circumstances = {
  uid: 1000,
  env: { PATH: usr },
  execPath: node,
  script,
  home: '/var/lib/evio',
  rootHome: '/var/lib/evio',
};
const bin: Circumstances = { ...here, execPath: binary, script: undefined };
const npx = { npm_config_user_agent: 'npm/11.0.0 node/v20', npm_command: 'exec' };

describe('this program is called', () => {
  it.each<[string, Circumstances, string]>([
    ['evio, where PATH leads to it', { ...here, env: { PATH: `${usr}:${links}` } }, 'evio'],
    ['by its path, where PATH does not', here, script],
    ['by the path of the link', { ...here, script: join(links, 'evio') }, join(links, 'evio')],
    [
      'by Node, where it may not be executed',
      { ...here, script: put('plain.js', 0o644) },
      `node ${join(folder, 'plain.js')}`,
    ],
    [
      'by the Node that runs it, where PATH has another',
      { ...here, env: { PATH: links } },
      `${node} ${script}`,
    ],
    ['evio, as one file in PATH', { ...bin, env: { PATH: opt } }, 'evio'],
    ['by its path, as one file elsewhere', bin, binary],
    ['by its path, where PATH has another evio', { ...bin, env: { PATH: links } }, binary],
    [
      'by a path that the shell takes',
      { ...bin, execPath: put("it's here/evio") },
      `'${folder}/it'\\''s here/evio'`,
    ],
    [
      'by npx',
      {
        ...here,
        script: join(folder, 'project/node_modules/.bin/evio'),
        env: { PATH: `${join(folder, 'project/node_modules/.bin')}:${usr}`, ...npx },
      },
      'npx evio',
    ],
    [
      'by pnpm',
      { ...here, script: modules, env: { PATH: usr, npm_config_user_agent: 'pnpm/10.1.0 npm/? node/v20' } },
      'pnpm exec evio',
    ],
    ['by its path, in a shell that npm began', { ...here, env: { PATH: usr, ...npx } }, script],
  ])('%s', (_, circumstances, name) => {
    expect(callingOf(circumstances).name).toBe(name);
    expect(callingOf(circumstances).plain).toBe(name);
  });

  it('with sudo by who is not root, with what sudo drops', () => {
    // Neither folder is one in which sudo looks.
    const kept = `sudo env "PATH=$PATH"`;
    expect(callingOf({ ...here, env: { PATH: `${usr}:${links}` } }).asRoot).toBe(`${kept} evio`);
    expect(callingOf({ ...bin, home: '/home/me/my evio' }).asRoot).toBe(
      `sudo EVIO_HOME='/home/me/my evio' ${binary}`,
    );
  });

  it('without it by root, who is not told to use what a container lacks', () => {
    expect(callingOf({ ...bin, uid: 0 })).toMatchObject({ plain: binary, asRoot: binary });
    expect(callingOf({ ...bin, uid: 0, home: '/srv/evio' }).asRoot).toBe(`EVIO_HOME=/srv/evio ${binary}`);
  });

  it('with it by who used it: that shell is another user’s', () => {
    const { plain, asRoot } = callingOf({ ...bin, uid: 0, env: { PATH: usr, SUDO_UID: '1000' } });
    expect([plain, asRoot]).toEqual([`sudo ${binary}`, `sudo ${binary}`]);
  });
});

describe('a text for people', () => {
  const how = { name: 'X', plain: 'X', asRoot: 'sudo X' };

  it.each([
    ['Start it with: sudo evio node', 'Start it with: sudo X node'],
    [
      'Leave it (evio leave --network home), or run `evio why web`.',
      'Leave it (X leave --network home), or run `X why web`.',
    ],
    ['See: evio --help', 'See: X --help'],
    ['evio relay, evio init and evio token work.', 'X relay, X init and X token work.'],
    ['On an admin’s machine: "evio approve web"', 'On an admin’s machine: "evio approve web"'],
    ['what answers there is no evio relay', 'what answers there is no evio relay'],
    [
      'This is not a whole evio token: evio may not, evio needs, /opt/evio node',
      'This is not a whole evio token: evio may not, evio needs, /opt/evio node',
    ],
    ['evio nodes, evio-cni, evio status-page', 'evio nodes, evio-cni, evio status-page'],
  ])('%s', (text, typed) => {
    expect(asTyped(text, how)).toBe(typed);
  });

  it('names sudo before programs of the system only to who needs it', () => {
    const text = 'Start it again: sudo systemctl start evio.service, sudo ip route show; sudo ipsec';
    expect(asTyped(text, how)).toBe(text);
    expect(asTyped(text, { name: 'X', plain: 'X', asRoot: 'X' })).toBe(
      'Start it again: systemctl start evio.service, ip route show; sudo ipsec',
    );
  });

  it('knows the first words of all commands', () => {
    const { commands } = JSON.parse(
      readFileSync(new URL('../../../oclif.manifest.json', import.meta.url), 'utf8'),
    ) as { commands: Record<string, unknown> };
    expect([...commandWords].sort()).toEqual(
      [...new Set(Object.keys(commands).map((id) => id.split(':')[0]))].sort(),
    );
  });
});

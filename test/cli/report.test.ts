/** `evio report`: everything that a bug report needs, and no secret, nor eight characters of one. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasRoot } from '../support/need.js';
import { binary, madeNetwork, TestHome } from './support.js';

let home: TestHome;
let folder: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  home = new TestHome();
  folder = mkdtempSync(join(tmpdir(), 'evio-report-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }
  home.remove();
  rmSync(folder, { recursive: true, force: true });
});

function start(args: readonly string[], wanted: RegExp): Promise<string> {
  const child = spawn('unshare', ['-n', process.execPath, binary, ...args], {
    env: home.environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (wanted.test(text)) resolve(text);
    });
    child.once('exit', () => {
      reject(new Error(`ended after: ${text}`));
    });
  });
}

/** Spellings of a key that somebody might print. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret, 'base64url');
  return [secret, bytes.toString('hex'), bytes.toString('base64')];
}

describe.runIf(hasRoot())('the report of a node with every kind of secret', () => {
  it(
    'has none of them, nor eight characters of one, whatever the log says',
    { timeout: 60_000 },
    async () => {
      const made = await madeNetwork(home);
      const tokens = [made.token];
      for (const flags of [[], ['--right', 'admin'], ['--uses', '0']])
        tokens.push(
          (await home.run(['token', 'create', ...flags, '--json'])).json<{ token: string }>().token,
        );
      const relay = (
        await start(['relay', '--listen', '127.0.0.1:0', '--json'], /"listening"[^\n]*\n/)
      ).split('\n')[0];
      const { url } = JSON.parse(relay ?? '') as { url: string };
      const invite = (await home.run(['relay', 'invite', '--public', '192.0.2.1:3478', '--json'])).json<{
        url: string;
      }>();
      const path = join(home.path, 'networks', made.network.id, 'profile.json');
      const profile = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>;
      const password = 'pass-of-the-turn-server';
      writeFileSync(
        path,
        JSON.stringify({
          ...profile,
          // A member has these; and a field that this program does not know is a secret.
          inviteSeed: Buffer.alloc(32, 0x5a).toString('base64url'),
          nextRootSeed: Buffer.from('another root key, to come, here.').toString('base64url'),
          iceServers: [`turn:somebody:${password}@turn.example:3478`],
        }),
        { mode: 0o600 },
      );
      const stored = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>;
      const { seed: relaySeed } = JSON.parse(readFileSync(join(home.path, 'relay/relay.json'), 'utf8')) as {
        seed: string;
      };
      const keys = ['nodeSeed', 'rootSeed', 'nextRootSeed', 'inviteSeed'].map((name) => stored[name] ?? '');
      expect(keys.every((key) => key.length === 43)).toBe(true);
      const ticket = invite.url.slice(invite.url.lastIndexOf('.') + 1);
      const foreign = `evio1${Buffer.from('a token of somebody else, pasted').toString('base64url')}`;
      const passphrase = 'what opens the file of the root key';
      const kept = [...[...keys, relaySeed].flatMap(spellings), ...tokens, password, passphrase];
      // These are nowhere in the home: they are known by their form.
      const random = (bytes: number): string => randomBytes(bytes).toString('base64url');
      const [rootFile, webKey, proxied] = [random(130), random(24), random(12)];
      const jwt = ['{"alg":"RS256","kid":"one"}', '{"iss":"kubernetes/serviceaccount"}', 'signature']
        .map((text) => Buffer.from(text).toString('base64url'))
        .join('.');
      const known = [
        invite.url,
        foreign,
        url,
        `evioroot1${rootFile}`,
        `http://127.0.0.1:7480/#${webKey}`,
        `HTTPS_PROXY=http://user:${proxied}@proxy.example:3128`,
        `authorization: Bearer ${jwt}`,
        `token: ${jwt}`,
      ];
      const secrets = [...kept, ticket, foreign, rootFile, webKey, proxied, jwt];

      await start(['node', '--json'], /"event":"ready"/);
      const file = join(folder, 'report.tar.gz');
      // No node speaks of these; a fault might.
      const env = { EVIO_TOKEN: tokens[0], EVIO_PASSPHRASE: passphrase };
      const outcome = await home.run(['report', '-o', file, '--json'], { env });
      expect(outcome.json<{ file: string }>().file).toBe(file);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect((await home.run(['report', '-o', file, '--json'])).error().code).toBe('EVIO_STORAGE');

      for (const child of children.splice(0)) {
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGTERM');
        await ended;
      }
      // The node is down: its log is read from the file, into which everything was spilled.
      const spill = (facts: object): void => {
        const line = { level: 'error', time: new Date().toISOString(), ...facts, msg: 'spill' };
        appendFileSync(join(home.path, 'evio.log'), `${JSON.stringify(line)}\n`);
      };
      for (const secret of kept) spill({ whole: `x${secret}y`, part: secret.slice(3, 17) });
      for (const text of known) spill({ text: `see ${text} there` });
      const spilled = join(folder, 'spilled.tar.gz');
      expect((await home.run(['report', '--output', spilled, '--json'], { env })).status).toBe(0);

      for (const bundle of [file, spilled]) {
        const text = gunzipSync(readFileSync(bundle)).toString('latin1');
        const found = secrets.flatMap((secret) =>
          Array.from({ length: Math.max(0, secret.length - 7) }, (_, at) => secret.slice(at, at + 8)).filter(
            (piece) => text.includes(piece),
          ),
        );
        expect(found).toEqual([]);
      }
      const text = gunzipSync(readFileSync(spilled)).toString('latin1');
      expect(text.match(/"msg":"spill"/g)).toHaveLength(kept.length + known.length);
      // A relay's key is no secret.
      expect(text).toContain(url.slice(url.indexOf('#') + 1));
    },
  );

  it('is an archive that tar takes apart, with what each command tells', async () => {
    const made = await madeNetwork(home);
    await start(['node', '--json'], /"event":"ready"/);
    const file = join(folder, 'r.tar.gz');
    const { files } = (await home.run(['report', '-o', file, '--json'])).json<{ files: string[] }>();
    execFileSync('tar', ['-xzf', file, '-C', folder]);
    for (const name of files) expect(existsSync(join(folder, name))).toBe(true);
    const read = (name: string): string => readFileSync(join(folder, 'evio-report', name), 'utf8');
    const json = (name: string) => JSON.parse(read(name)) as Record<string, unknown>;
    const network = `networks/${made.network.id}`;
    expect(json(`${network}/status.json`)).toMatchObject({ network: { name: 'home' } });
    expect(json(`${network}/peers.json`)).toMatchObject({ peers: [] });
    expect(json(`${network}/profile.json`)).toMatchObject({
      name: 'anna',
      nodeSeed: '[removed]',
      rootSeed: '[removed]',
      invites: [{ uses: 10, token: '[removed]' }],
    });
    expect(json('doctor.json')).toHaveProperty('verdict');
    expect(json('netcheck.json')).toHaveProperty('nat');
    expect(read('log.jsonl')).toContain('"msg":"node started"');
    expect(read('system/ip-d-address.txt')).toContain('LOOPBACK');
    expect(json('version.json')).toMatchObject({ node: process.version });
  });

  it('is made where nothing runs, too, and says so in its place', async () => {
    const file = join(folder, 'r.tar.gz');
    expect((await home.run(['report', '-o', file])).status).toBe(0);
    const text = gunzipSync(readFileSync(file)).toString();
    expect(text).toContain('EVIO_NOT_RUNNING');
    expect(text).toContain('"verdict"');
  });
});

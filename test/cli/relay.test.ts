import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeAt } from '../../src/core/config/home.js';
import { keysFromSeed } from '../../src/core/identity/keys.js';
import { toBase64Url } from '../../src/core/lib/bytes.js';
import { askRelay } from '../../src/core/process/relay-lock.js';
import { parseRelayUrl, relayFactOf } from '../../src/core/relays/net/relay-url.js';
import type { RelayFact } from '../../src/core/identity/network.js';
import { Kit, sleep, TestNetwork, UdpPeer, until } from '../unit/rendezvous/relay-kit.js';
import { frame, upgraded } from '../support/hostile-web-socket.js';
import { TestHome, binary } from './support.js';

const otherKey = toBase64Url(keysFromSeed(new Uint8Array(32).fill(7)).publicKey);

interface Listening {
  event: string;
  url: string;
  listen: string;
  key: string;
  metrics?: string;
}

let relayHome: TestHome;
let home: TestHome;
let relay: ChildProcess | undefined;

beforeEach(() => {
  relayHome = new TestHome();
  home = new TestHome();
});
afterEach(async () => {
  await stopRelay();
  relayHome.remove();
  home.remove();
});

function startRelay(...args: string[]): Promise<Listening> {
  const child = spawn(process.execPath, [binary, 'relay', '--listen', '127.0.0.1:0', ...args, '--json'], {
    env: { ...relayHome.environment, EVIO_LOG: 'error' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  relay = child;
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const end = text.indexOf('\n');
      if (end >= 0) resolve(JSON.parse(text.slice(0, end)) as Listening);
    });
    child.once('close', () => {
      reject(new Error(`the relay ended: ${text}`));
    });
  });
}

/** Resolves to the exit status. */
async function stopRelay(): Promise<number | null> {
  const child = relay;
  relay = undefined;
  if (!child || child.exitCode !== null) return child?.exitCode ?? null;
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  return ended;
}

describe('relay', () => {
  it('says where it listens, keeps its key, and ends on SIGTERM', async () => {
    const first = await startRelay();
    expect(first.event).toBe('listening');
    expect(first.url).toBe(`evio://${first.listen}#${first.key}`);
    expect(await stopRelay()).toBe(0);
    expect((await startRelay()).key).toBe(first.key);
  });

  it('runs in the background, says where it listens, and is stopped by its operator', async () => {
    const started = await relayHome.run(['relay', '--listen', '127.0.0.1:0', '--detach', '--json']);
    const { url, listen, pid } = started.json<Listening & { pid: number }>();
    expect([started.status, url.startsWith(`evio://${listen}#`)]).toEqual([0, true]);
    try {
      const second = await relayHome.run(['relay', '--listen', '127.0.0.1:0', '--detach', '--json']);
      expect([second.status, second.error().code]).toEqual([1, 'EVIO_ALREADY_RUNNING']);
      const networks = await relayHome.run(['relay', 'networks', '--json']);
      expect(networks.json()).toEqual({ networks: [] });
      expect((await relayHome.run(['relay', 'down', '--json'])).json()).toEqual({ stopped: pid });
      const again = await relayHome.run(['relay', 'down', '--json']);
      expect([again.status, again.error().code]).toEqual([3, 'EVIO_NOT_RUNNING']);
      await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 5_000 }).toBe(false);
    } finally {
      if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
    }
  });

  it('spends little memory on strangers: sixty of them with one-byte fragments', async () => {
    const { listen } = await startRelay();
    const kit = new Kit();
    const port = Number(listen.split(':').pop());
    const memory = (): number =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${relay?.pid}/status`, 'utf8'))?.[1]);
    try {
      await upgraded(kit, port); // what the first one loads is not what each costs
      const before = memory();
      const open = await Promise.all(Array.from({ length: 60 }, () => upgraded(kit, port)));
      for (const { socket } of open) socket.write(frame(2, false, Uint8Array.of(1)));
      for (let i = 0; i < 14; i++) {
        for (const { socket } of open) socket.write(frame(0, false, Uint8Array.of(1)));
        await sleep(20);
      }
      expect(open.filter(({ closed }) => closed())).toEqual([]);
      const each = (memory() - before) / open.length;
      console.log(`a stranger's connection with fifteen fragments: ${each.toFixed(0)} kB`);
      expect(each).toBeLessThan(500);
      // One more than a message may have, and they are out.
      for (let i = 0; i < 4; i++)
        for (const { socket } of open) socket.write(frame(0, false, Uint8Array.of(1)));
      await until(() => open.every(({ closed }) => closed()));
    } finally {
      await kit.clean();
    }
  });

  it('refuses an order that it does not know, says which it knows, and goes on', async () => {
    await startRelay();
    const at = homeAt(relayHome.path);
    await expect(askRelay(at, { do: 'dance' })).rejects.toMatchObject({ code: 'EVIO_BAD_VALUE' });
    expect(await askRelay(at, { do: 'networks' })).toEqual({
      networks: [],
      orders: ['stop', 'upgrade', 'members'],
    });
  });

  it('is the only one with its state folder', async () => {
    const first = await startRelay();
    const lock = join(relayHome.path, 'relay/lock');
    const { status, error } = await relayHome.run(['relay', '--listen', '127.0.0.1:0', '--json']);
    expect(error()).toMatchObject({
      code: 'EVIO_ALREADY_RUNNING',
      message: `A relay runs already with this state folder (${lock}).`,
    });
    expect(status).toBe(1);
    // The first one was not disturbed, and what a killed one leaves behind holds nobody up.
    expect((await fetch(`http://${first.listen}/healthz`)).status).toBe(200);
    const child = relay;
    const ended = new Promise((resolve) => child?.once('close', resolve));
    child?.kill('SIGKILL');
    await ended;
    expect(existsSync(lock)).toBe(true);
    expect((await startRelay()).key).toBe(first.key);
    expect(await stopRelay()).toBe(0);
    expect(
      readdirSync(join(relayHome.path, 'relay')).filter(
        (name) => !/^(relay\.json|log\.\d+|address)$/.test(name),
      ),
    ).toEqual([]);
  });

  it.each([
    ['--limit-node', 'node-limit'],
    ['--limit-network', 'network-limit'],
  ])('holds what it relays to %s', async (flag, reason) => {
    const { url, metrics } = await startRelay('--open', flag, '1', '--metrics', '127.0.0.1:0');
    const fact = relayFactOf(parseRelayUrl(url)) as RelayFact;
    const network = new TestNetwork([fact]);
    const kit = new Kit();
    const dropped = async (): Promise<number> => {
      const text = await (await fetch(`http://${metrics}/metrics`)).text();
      return Number(new RegExp(`evio_relay_drops_total\\{reason="${reason}"\\} (\\d+)`).exec(text)?.[1]);
    };
    try {
      const a = await kit.client(network.node(1), fact).up();
      const b = await kit.client(network.node(2), fact).up();
      const left = await (await UdpPeer.open(kit, a.session)).bind();
      const right = await (await UdpPeer.open(kit, b.session)).bind();
      for (let i = 0; i < 500; i++) {
        left.sendTo(b.node.id, new Uint8Array(1_200).fill(i));
        if (i % 50 === 0) await sleep(1);
      }
      // The bucket holds 256 kB of these 600.
      await until(() => right.delivered.length > 100);
      await expect.poll(dropped, { timeout: 5_000 }).toBeGreaterThan(50);
    } finally {
      await kit.clean();
    }
  });

  it.each(['0', '-1', '1.5', 'fast'])('takes no rate of %s', async (rate) => {
    const { status, error } = await home.run(['relay', `--limit-node=${rate}`, '--json']);
    expect(error().code).toBe('EVIO_USAGE');
    expect(status).toBe(2);
  });

  it('says that its port is taken', async () => {
    const { listen } = await startRelay();
    const { status, error } = await home.run(['relay', '--listen', listen, '--json']);
    expect(error().code).toBe('EVIO_ADDRESS_IN_USE');
    expect(status).toBe(1);
  });

  it('is named by URL, or by HOST:PORT with the key that it shows when it is open', async () => {
    const { url, listen } = await startRelay('--open');
    for (const [name, relayText] of [
      ['one', url],
      ['two', listen],
    ] as const) {
      const outcome = await home.run(['init', name, '--relay', relayText, '--json']);
      expect(outcome.json<{ network: { relays: string[] } }>().network.relays).toEqual([listen]);
    }
  });

  it('is shown with TLS as people write it, and goes by HOST:PORT', { timeout: 60_000 }, async () => {
    const [cert, key] = [join(relayHome.path, 'cert.pem'), join(relayHome.path, 'key.pem')];
    const made = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '1',
    ];
    execFileSync('openssl', [...made, '-subj', '/CN=relay', '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    });
    const { url, listen } = await startRelay('--tls-cert', cert, '--tls-key', key);
    const kit = new Kit();
    try {
      const other = await kit.relay();
      const words = ['init', 'one', '--relay', url, '--relay', other.url, '--json'];
      const { network } = (await home.run(words)).json<{ network: { relays: string[] } }>();
      expect(network.relays).toEqual([`wss://${listen}`, other.listen]);
      expect((await home.run(['network', 'relay', 'list'])).stdout).toBe(
        `evios://${listen}\n${other.listen}\n`,
      );
      expect((await home.run(['network', 'show'])).stdout).toContain(`evios://${listen}, ${other.listen}`);
      const gone = await home.run(['network', 'relay', 'remove', listen]);
      expect(gone.status, gone.stderr).toBe(0);
      expect((await home.run(['network', 'relay', 'list'])).stdout).toBe(`${other.listen}\n`);
    } finally {
      await kit.clean();
    }
  });

  it('is closed: the first network claims it, others need an invite, and the operator sees and forgets them', async () => {
    const { url, listen } = await startRelay();
    const hidden = await home.run(['init', 'zero', '--relay', listen, '--json']);
    expect(hidden.error()).toMatchObject({ code: 'EVIO_RELAY_KEY_HIDDEN' });
    const one = (await home.run(['init', 'one', '--relay', url, '--json'])).json<{
      network: { id: string };
    }>();
    const refused = await home.run(['init', 'two', '--relay', url, '--json']);
    expect(refused.error()).toMatchObject({
      code: 'EVIO_RELAY_REFUSED',
      message: 'The relay is closed and does not serve this network.',
    });
    const invite = (await relayHome.run(['relay', 'invite', '--json'])).json<{
      id: string;
      url: string;
      uses: number;
    }>();
    expect(invite.uses).toBe(1);
    expect(invite.url.startsWith(`${url}.`)).toBe(true);
    const two = (await home.run(['init', 'two', '--relay', invite.url, '--json'])).json<{
      network: { id: string; relays: string[] };
    }>();
    const invites = async (): Promise<unknown> =>
      (await relayHome.run(['relay', 'invite', 'list', '--json'])).json<{ invites: unknown }>().invites;
    expect(await invites()).toMatchObject([
      { id: invite.id, uses: 1, networks: [two.network.id], state: 'used-up' },
    ]);
    const revoked = await relayHome.run(['relay', 'invite', 'revoke', invite.url, '--json']);
    expect(revoked.json()).toEqual({ revoked: invite.id, networks: [two.network.id] });
    expect(await invites()).toMatchObject([{ id: invite.id, state: 'revoked' }]);
    // The invite is shown to the relay and kept nowhere.
    const secret = invite.url.slice(url.length + 1);
    for (const file of readdirSync(home.path, { recursive: true, withFileTypes: true })) {
      if (file.isFile()) expect(readFileSync(join(file.parentPath, file.name), 'utf8')).not.toContain(secret);
    }
    const list = async (): Promise<unknown> =>
      (await relayHome.run(['relay', 'networks', '--json'])).json<{ networks: unknown }>().networks;
    expect(await list()).toMatchObject([
      { id: one.network.id, name: 'one', by: 'claim', members: 1, online: 0 },
      { id: two.network.id, name: 'two', by: 'ticket' },
    ]);
    const forgotten = await relayHome.run(['relay', 'forget', one.network.id, '--json']);
    expect(forgotten.json()).toEqual({ forgotten: one.network.id });
    expect(await stopRelay()).toBe(0);
    // At rest it answers as well.
    expect(await list()).toMatchObject([{ id: two.network.id }]);
    await relayHome.run(['relay', 'allow', one.network.id]);
    expect((await relayHome.run(['relay', 'networks'])).stdout).toMatch(/evio relay allow/);
    const unknown = await relayHome.run(['relay', 'forget', '0123456789abcdef', '--json']);
    expect(unknown.error().code).toBe('EVIO_NO_NETWORK');
    // Where none ran, nothing is made by asking.
    for (const words of [['invite'], ['networks'], ['invite', 'list']])
      expect((await home.run(['relay', ...words, '--json'])).error().code).toBe('EVIO_NOT_RUNNING');
    expect(existsSync(join(home.path, 'relay'))).toBe(false);
  }, 60_000);

  it('must have the key that its URL names', async () => {
    const { listen } = await startRelay();
    const { status, error } = await home.run([
      'init',
      'home',
      '--relay',
      `evio://${listen}#${otherKey}`,
      '--json',
    ]);
    expect(error().code).toBe('EVIO_RELAY_KEY_MISMATCH');
    expect(status).toBe(1);
    expect(
      readdirSync(home.path, { recursive: true }).filter((name) => String(name).endsWith('.json')),
    ).toEqual([]);
  });

  it('serves the networks it is told to', async () => {
    const { url } = await startRelay('--allow', '0123456789abcdef');
    const { status, error } = await home.run(['init', 'home', '--relay', url, '--json']);
    expect(error().code).toBe('EVIO_RELAY_REFUSED');
    expect(status).toBe(1);
  });

  it('is examined by the doctor', async () => {
    const { url, listen } = await startRelay();
    const outcome = await home.run(['doctor', '--relay', url, '--json']);
    const { checks, verdict } = outcome.json<{
      checks: { id: string; status: string; detail: string; fix: string | null }[];
      verdict: string;
    }>();
    const statusOf = (id: string): string | undefined => checks.find((check) => check.id === id)?.status;
    expect(statusOf(`relay:${listen}`)).toBe('pass');
    expect(statusOf(`key:${listen}`)).toBe('pass');
    expect(statusOf(`clock:${listen}`)).toBe('pass');
    expect(statusOf(`udp:${listen}`)).toBe('pass');
    expect(statusOf('node')).toBe('pass');
    expect(checks.find(({ id }) => id === 'nat')).toBeDefined();
    for (const check of checks) {
      expect(check.detail).not.toBe('');
      if (check.status === 'fail') expect(check.fix).toBeTruthy();
    }
    const worst = checks.some(({ status }) => status === 'fail')
      ? 'fail'
      : checks.some(({ status }) => status === 'warn')
        ? 'warn'
        : 'pass';
    expect(verdict).toBe(worst);
    expect(outcome.status).toBe(verdict === 'fail' ? 1 : 0);
    const wrong = await home.run(['doctor', '--relay', `evio://${listen}#${otherKey}`, '--json']);
    expect(wrong.json<{ verdict: string }>().verdict).toBe('fail');
    expect(wrong.status).toBe(1);
  });

  it('is missed by the doctor when it does not run', async () => {
    const { status, stdout } = await home.run(['doctor', '--relay', '127.0.0.1:9']);
    expect(stdout).toMatch(/FAIL {2}relay:127\.0\.0\.1:9 +not reached by TCP: nobody listens there/);
    expect(status).toBe(1);
  });
});

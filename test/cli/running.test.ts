import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ControlServer } from '../../src/core/control/server.js';
import { EvioError } from '../../src/core/lib/errors.js';
import { hasRoot } from '../support/need.js';
import { TestHome, binary, fakeNode, madeNetwork, peer, self, status, why } from './support.js';

const isRoot = hasRoot();

let home: TestHome;
let servers: ControlServer[];

beforeEach(() => {
  home = new TestHome();
  servers = [];
});
afterEach(async () => {
  for (const server of servers) await server.stop();
  home.remove();
});

async function serve(change: Parameters<typeof fakeNode>[1] = {}): Promise<ControlServer> {
  const server = await fakeNode(home, change);
  servers.push(server);
  return server;
}

describe('without a node', { timeout: 60_000 }, () => {
  it.each([
    [['status']],
    [['status', '--watch']],
    [['peers']],
    [['ping', 'ben']],
    [['why', 'ben']],
    [['down']],
  ])('%j is exit status 3', async (args) => {
    const { status: code, error } = await home.run([...args, '--json']);
    expect(error().code).toBe('EVIO_NOT_RUNNING');
    expect(code).toBe(3);
  });

  // Who is not root looks for the node of root, whatever this home holds.
  it.skipIf(process.getuid?.() !== 0)('says that there is no network yet, and how there is one', async () => {
    const { status: code, stdout, stderr } = await home.run(['status']);
    expect(stdout).toBe('');
    expect(stderr).toContain('in no network');
    expect(stderr).toContain(`${binary} init`);
    expect(code).toBe(3);
  });

  it('says how to start one', async () => {
    await home.run(['init', 'home']);
    const { status: code, stdout, stderr } = await home.run(['status']);
    expect(stdout).toBe('');
    expect(stderr).toContain(`${binary} node`);
    expect(code).toBe(3);
  });
});

describe('with a node', { timeout: 60_000 }, () => {
  it('status', async () => {
    await serve();
    expect((await home.run(['status', '--json'])).json()).toEqual(status);
    const { stdout, stderr } = await home.run(['status', '--network', 'home']);
    expect(stderr).toBe('');
    expect(stdout).toMatchInlineSnapshot(`
      "Network      home (0123456789abcdef), 10.144.0.0/16, fd01:2345:6789:abcd::/64
      Node         anna, 10.144.0.1, fd01:2345:6789:abcd:aa:aaff:feaa:aaaa, 02:aa:aa:aa:aa:aa
      Id           aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
      Running      1m 1s, process 4242, evio 0.1.0
      Device       evio0, MTU 1350
      Received     1.5 MB, 1200 frames
      Sent         900 B, 9 frames
      Dropped      no-peer 2
      Relays       evio://192.0.2.1:3478 connected (udp, 12.3 ms)
      NAT          endpoint-independent, seen as 198.51.100.7:40000, ports preserved
      Privileges   net_admin
      Certificate  until 2031-11-22
      Peers        1, network of about 2
      Predecessor  ben
      Successors   ben
      "
    `);
  });

  it.each([[['status']], [['status', '--network', 'home']], [['why', 'ben']]])(
    '%j gives the terminal nothing to obey, whatever others are called or say',
    async (args) => {
      const evil = '\u001b]0;x\u0007\u009b2J\u007f\u202eben';
      await serve({
        status: () => ({ ...status, network: { ...status.network, name: evil, cidr: evil } }),
        why: () => {
          throw new EvioError('EVIO_RELAY_REFUSED', `The relay closed: ${evil}`, [evil]);
        },
      });
      const { stdout, stderr } = await home.run(args);
      expect(`${stdout}${stderr}`).toContain('?]0;x??2J??ben');
      expect(`${stdout}${stderr}`.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
      // JSON says what is: its readers obey nothing.
      const { stdout: json } = await home.run([...args, '--json']);
      expect(json).toContain('\\u001b]0;x');
    },
  );

  it('status --watch prints one report per interval until it is told to stop', async () => {
    await serve();
    const child = spawn(process.execPath, [binary, 'status', '--watch', '--interval', '50ms', '--json'], {
      env: home.environment,
    });
    let stdout = '';
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk.toString();
        if (stdout.split('\n').length > 3) resolve();
      });
    });
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    for (const line of stdout.trim().split('\n'))
      expect(JSON.parse(line)).toEqual({ event: 'status', ...status });
  });

  it('peers', async () => {
    await serve();
    expect((await home.run(['peers', '--json'])).json()).toEqual({ self, peers: [peer], revoked: [] });
    expect((await home.run(['peers'])).stdout).toMatchInlineSnapshot(`
      "NAME  ADDRESS     STATE         PATH                      RTT      LINK       RECEIVED  SENT   ID
      anna  10.144.0.1  this machine  -                         -        -          -         -      aaaaaaaa
      ben   10.144.0.2  connected     direct 198.51.100.9:4242  3.21 ms  successor  100 B     200 B  bbbbbbbb
      "
    `);
  });

  it('why', async () => {
    await serve();
    expect((await home.run(['why', 'ben', '--json'])).json()).toEqual({ ...why, machine: null });
    expect((await home.run(['why', 'ben'])).stdout).toMatchInlineSnapshot(`
      "ben is reached directly: 198.51.100.9:4242, 3.21 ms

      SIDE    KIND  ENDPOINT           STATE   RTT
      remote  host  198.51.100.9:4242  active  3.21 ms

      2026-11-22T13:00:00.000Z  path  direct 198.51.100.9:4242

      NAT here: endpoint-independent, ports preserved, filtering address-and-port-dependent
      NAT there: not told

      - Nothing: the path is direct.
      "
    `);
  });

  it('ping counts and times what came back', async () => {
    await serve();
    const args = ['ping', 'ben', '-c', '3', '--interval', '10ms'];
    const { status: code, stdout } = await home.run([...args, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      peer: peer.id,
      sent: 3,
      received: 2,
      minMs: 2.5,
      avgMs: 2.5,
      maxMs: 2.5,
      replies: [
        { seq: 1, rttMs: 2.5, path: 'direct' },
        { seq: 3, rttMs: 2.5, path: 'direct' },
      ],
    });
  });

  it('ping says when nothing came back', async () => {
    await serve();
    const { status: code, stdout } = await home.run(['ping', 'mute', '-c', '2', '--interval', '10ms']);
    expect(code).toBe(4);
    expect(stdout).toBe(
      'no reply from mute: seq=1\nno reply from mute: seq=2\nmute: 2 sent, 0 received, 100% lost\n',
    );
    const unknown = await home.run(['ping', 'zoe', '--json']);
    expect(unknown.error().code).toBe('EVIO_UNKNOWN_PEER');
    expect(unknown.status).toBe(1);
  });

  it('down waits until the node has gone', async () => {
    let gone = false;
    await serve({
      networks: () => ({ networks: [] }),
      down: () => {
        setTimeout(() => {
          gone = true;
          void servers[0]?.stop();
        }, 150);
        return { stopped: [status.network.id] };
      },
    });
    const { status: code, stdout } = await home.run(['down', '--json']);
    expect(gone).toBe(true);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ stopped: [status.network.id] });
  });

  it.skipIf(!isRoot)('a second node on the home is refused', async () => {
    await madeNetwork(home);
    await serve();
    for (const more of [[], ['--detach']]) {
      const { status: code, stdout } = await home.run(['node', ...more, '--json']);
      expect(stdout).toContain('EVIO_ALREADY_RUNNING');
      expect(code).toBe(1);
    }
  });

  it('completion is told of networks, peers and tokens, one a line, and of nothing where no node runs', async () => {
    const { id } = status.network;
    const evil = ['$(reboot)', '`reboot`', 'a b', '--force', '*', '\u001b[2J'].map((name) => ({ id, name }));
    await serve({ networks: () => ({ networks: [{ id, name: 'home' }, ...evil] }) });
    const asked = async (kind: string): Promise<string> => (await home.run(['__complete', kind])).stdout;
    expect(await asked('networks')).toBe('home\n');
    expect(await asked('peers')).toBe('ben\n');
    const nobody = new TestHome();
    try {
      await madeNetwork(nobody);
      expect((await nobody.run(['__complete', 'tokens'])).stdout).toMatch(/^[0-9a-f]{12}\n$/);
      for (const kind of ['peers', 'networks', 'nothing'])
        expect(await nobody.run(['__complete', kind])).toMatchObject({ status: 0, stdout: '', stderr: '' });
    } finally {
      nobody.remove();
    }
  });

  it('a member that calls itself by terminal commands cannot command the terminal', async () => {
    const name = '\u001b[2Jben\u0007';
    const bar = { id: peer.id, name, reason: '\u001b[3J', at: '2026-11-26T19:00:00.000Z', by: name };
    await serve({ peers: () => ({ self, peers: [{ ...peer, name }], revoked: [bar] }) });
    const { stdout } = await home.run(['peers']);
    expect(stdout).toContain('[2Jben');
    expect(stdout).toMatch(/revoked .*2026-11-26T19:00:00.000Z by /);
    // eslint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});

describe('several networks in one home', { timeout: 120_000 }, () => {
  it.skipIf(!isRoot)('run side by side in one process, each with its own interface and port', async () => {
    const [first, second] = [await madeNetwork(home, 'first'), await madeNetwork(home, 'second')];
    // In a network namespace of its own: no interface of this machine is touched.
    const child = spawn('unshare', ['--net', process.execPath, binary, 'node', '--json'], {
      env: home.environment,
      cwd: '/',
    });
    const events: { event: string; network: { id: string } | string; device?: string; pid?: number }[] = [];
    let left = '';
    const seen = async (event: string, count: number): Promise<void> => {
      while (events.filter((one) => one.event === event).length < count)
        await new Promise((resolve) => child.stdout.once('data', resolve));
    };
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = (left + chunk.toString()).split('\n');
      left = lines.pop() ?? '';
      for (const line of lines) events.push(JSON.parse(line) as (typeof events)[number]);
    });
    try {
      await seen('ready', 2);
      const begun = events.filter(({ event }) => event === 'started');
      expect(new Set(begun.map(({ device }) => device)).size).toBe(2);
      expect(new Set(begun.map(({ pid }) => pid)).size).toBe(1);
      const { error, status: code } = await home.run(['status', '--json']);
      expect(error().code).toBe('EVIO_AMBIGUOUS_NETWORK');
      expect(code).toBe(2);
      for (const made of [first, second]) {
        const report = (await home.run(['status', '--network', made.network.name, '--json'])).json<
          typeof status
        >();
        expect(report.node).toMatchObject(made.node);
        expect(report.network.cidr).toBe(made.network.cidr);
      }
      await home.run(['down', '--network', 'first']);
      await seen('stopped', 1);
      expect((await home.run(['status', '--json'])).json<typeof status>().network.name).toBe('second');
    } finally {
      child.kill('SIGTERM');
    }
    expect(await ended).toBe(0);
    const ports = [first, second].map(({ network }) => {
      const text = readFileSync(join(home.path, 'networks', network.id, 'state.json'), 'utf8');
      return (JSON.parse(text) as { port?: number }).port;
    });
    expect(new Set(ports).size).toBe(2);
  });

  it.skipIf(!isRoot)('that do not run are listed as such, and are asked for by name', async () => {
    const [first, second] = [await madeNetwork(home, 'home'), await madeNetwork(home, 'work')];
    const words = [
      'unshare',
      '--net',
      process.execPath,
      binary,
      'node',
      '--network',
      'home',
      '--detach',
      '--json',
    ];
    expect((await home.run([], { program: words })).status).toBe(0);
    try {
      const { id, name } = second.network;
      const all = (await home.run(['status', '--json'])).json();
      expect(all).toMatchObject({ network: { name: 'home' }, resting: [{ id, name }] });
      expect((await home.run(['status'])).stdout).toMatch(
        /^Not running +work \([0-9a-f]+\): \S+ up --network work$/m,
      );
      // Who names one hears of that one.
      const one = await home.run(['status', '--network', 'home', '--json']);
      expect(one.json()).not.toHaveProperty('resting');
      for (const asked of [['status'], ['peers'], ['down'], ['ping', 'ben']])
        expect((await home.run([...asked, '--network', 'work', '--json'])).error()).toMatchObject({
          code: 'EVIO_NOT_RUNNING',
          suggestions: ['Take it up with: evio up --network work'],
        });
      // Where both could be meant, both are named.
      for (const asked of [
        ['token', 'create'],
        ['network', 'show'],
        ['leave', '--force'],
      ])
        expect((await home.run([...asked, '--json'])).error()).toMatchObject({
          code: 'EVIO_AMBIGUOUS_NETWORK',
          suggestions: [
            expect.stringMatching(
              /^Choose one with: --network (?:home, or --network work|work, or --network home)$/,
            ) as string,
            expect.any(String),
          ],
        });
      expect((await home.run(['up', '--network', 'work', '--json'])).json()).toEqual({ started: [id] });
      expect((await home.run(['peers', '--json'])).error().code).toBe('EVIO_AMBIGUOUS_NETWORK');
      expect((await home.run(['status', '--network', 'work', '--json'])).status).toBe(0);
      expect((await home.run(['down', '--network', 'home', '--json'])).json()).toEqual({
        stopped: [first.network.id],
      });
      expect((await home.run(['status', '--json'])).json()).toMatchObject({ network: { name: 'work' } });
      // One is left while the other goes on.
      expect((await home.run(['up', '--network', 'home', '--json'])).json()).toEqual({
        started: [first.network.id],
      });
      expect((await home.run(['leave', '--network', 'work', '--force', '--json'])).json()).toEqual({
        left: id,
      });
      expect((await home.run(['status', '--json'])).json()).toMatchObject({
        network: { name: 'home' },
        resting: [],
      });
    } finally {
      await home.run(['down']);
    }
  });

  it.skipIf(!isRoot)('share neither a port nor a peer to be linked with', async () => {
    await madeNetwork(home, 'first');
    await madeNetwork(home, 'second');
    for (const flag of [
      ['--port', '4242'],
      ['--link', 'ben'],
    ]) {
      const { status: code, error } = await home.run(['node', ...flag, '--json']);
      expect(error().code).toBe('EVIO_BAD_VALUE');
      expect(error().suggestions.join()).toContain('--network');
      expect(code).toBe(2);
    }
    const { error } = await home.run(['node', '--network', 'first', '--link', 'a.b', '--json']);
    expect(error().code).toBe('EVIO_BAD_VALUE');
    expect(error().message).toContain('a.b');
  });
});

describe('node', { timeout: 120_000 }, () => {
  it.skipIf(!isRoot)('needs a network', async () => {
    const { status: code, error } = await home.run(['node', '--json']);
    expect(error().code).toBe('EVIO_NO_NETWORK');
    expect(code).toBe(1);
  });

  it.skipIf(!isRoot)('needs privilege, and says so before anything else', async () => {
    for (const args of [['node'], ['node', '--detach']]) {
      const { status: code, error } = await home.run([...args, '--json'], { uid: 65_534 });
      expect(error().code).toBe('EVIO_NO_PRIVILEGE');
      expect(error().suggestions.join()).toContain('sudo');
      expect(code).toBe(5);
    }
  });

  it.skipIf(!isRoot)('needs a TUN device', async () => {
    const script = `mount -t tmpfs none /dev && exec ${process.execPath} ${binary} node --json 2>&1`;
    const { status: code, stdout } = await home.run([], {
      program: ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script],
    });
    expect(stdout).toContain('EVIO_NO_TUN');
    expect(code).toBe(5);
  });

  it.skipIf(!isRoot)('of another network, and a join, are taken up by the one that runs', async () => {
    const { network } = await madeNetwork(home, 'lab');
    const other = new TestHome();
    try {
      const { token, network: joined } = await madeNetwork(other, 'work');
      const asked: (string | undefined)[] = [];
      await serve({
        up: ({ network: wanted }) => {
          asked.push(wanted);
          return { started: [wanted ?? ''] };
        },
      });
      const node = await home.run(['node', '--network', 'lab', '--json']);
      expect([node.status, node.json()]).toEqual([0, { pid: status.node.pid, started: [network.id] }]);
      const join = await home.run(['join', token, '--json']);
      expect([join.status, join.json()]).toMatchObject([
        0,
        { network: { name: 'work' }, pid: status.node.pid },
      ]);
      expect(asked).toEqual([network.id, joined.id]);
    } finally {
      other.remove();
    }
  });

  it.skipIf(!isRoot)('of several joins at once is one process, which all tell of', async () => {
    const other = new TestHome();
    try {
      const made = [await madeNetwork(other, 'lab'), await madeNetwork(other, 'work')];
      const tokens = made.map(({ token }) => token);
      // The same network from two shells, and another one from a third.
      const line = `for token in ${[tokens[0], tokens[0], tokens[1]].join(' ')}; do
"$0" "$1" join $token --detach --wait 100s --dns off --json & all="$all $!"; done
for one in $all; do wait $one || echo "status $?"; done`;
      const program = ['unshare', '--net', 'bash', '-c', line, process.execPath, binary];
      const { stdout, stderr } = await home.run([], { program });
      const { node } = (await home.run(['status', '--network', 'lab', '--json'])).json<typeof status>();
      const told = stdout.trim().split('\n');
      expect(told.length, stdout + stderr).toBe(3);
      const pids = told.map((each) => (JSON.parse(each) as { pid?: number }).pid);
      expect(new Set(pids)).toEqual(new Set([node.pid]));
      for (const { network } of made)
        expect((await home.run(['status', '--network', network.name, '--json'])).status).toBe(0);
    } finally {
      await home.run(['down']);
      other.remove();
    }
  });

  it.skipIf(!isRoot)('reports what a background node died of', async () => {
    const { network } = await madeNetwork(home);
    writeFileSync(join(home.path, 'networks', network.id, 'profile.json'), '{');
    const { status: code, error } = await home.run(['node', '--detach', '--json']);
    expect(error().code).toBe('EVIO_PROFILE_CORRUPT');
    expect(code).toBe(1);
  });
});

/** What a node tells of its life: each thing once, with the time, and why a relay is away. Two members without interfaces, on loopback. */
import { spawn, type ChildProcess } from 'node:child_process';
import { afterAll, expect, it } from 'vitest';
import { hasBuild } from '../support/need.js';
import { TestHome, binary } from './support.js';

interface Said {
  readonly child: ChildProcess;
  out: string;
  err: string;
}
const homes = [new TestHome(), new TestHome(), new TestHome()] as const;
const running: Said[] = [];

function start(home: TestHome, ...words: string[]): Said {
  const child = spawn(process.execPath, [binary, ...words], { env: home.environment, stdio: 'pipe' });
  const said: Said = { child, out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
  running.push(said);
  return said;
}
async function end({ child }: Said): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  await ended;
}
afterAll(async () => {
  await Promise.all(running.map(end));
  for (const home of homes) home.remove();
});

const lines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const events = ({ out }: Said): string[] => lines(out).map(({ event }) => String(event));
const soon = { timeout: 30_000, interval: 50 };

it.runIf(hasBuild())(
  'a node tells each thing once, and why its relay is down',
  { timeout: 120_000 },
  async () => {
    const [ownerHome, guestHome, relayHome] = homes;
    const relay = start(relayHome, 'relay', '--listen', '127.0.0.1:0', '--json');
    await expect.poll(() => relay.out, soon).toContain('"listening"');
    const { url } = lines(relay.out)[0] as { url: string };
    const made = (
      await ownerHome.run(['init', 'home', '--relay', url, '--node-name', 'anna', '--json'])
    ).json();
    await guestHome.run(['join', String(made['token']), '--no-start', '--name', 'ben']);
    const apart = ['node', '--userspace', '--proxy', 'off', '--no-portmap', '--no-lan'];
    const owner = start(ownerHome, ...apart, '--json');
    // Without --json there are no events: the log tells.
    const guest = start(guestHome, ...apart);
    for (const event of ['relay-up', 'peer-connected'])
      await expect.poll(() => events(owner), soon).toContain(event);
    await end(relay);
    await expect.poll(() => events(owner), soon).toContain('relay-down');
    const reason = async (): Promise<unknown> =>
      (await ownerHome.run(['status', '--json'])).json<{ relays: { reason: unknown }[] }>().relays[0]?.reason;
    await expect.poll(reason, soon).toMatch(/ECONNREFUSED|refused|closed|no answer/);
    expect((await ownerHome.run(['status'])).stdout).toMatch(/^Relays +\S+ (?:down|connecting): \S.+$/m);
    await Promise.all([owner, guest].map(end));

    const counted = events(owner).filter((event) => event !== 'peer-path');
    expect([...new Set(counted)].sort()).toEqual([...counted].sort());
    expect(counted).toEqual(
      expect.arrayContaining(['started', 'ready', 'relay-up', 'relay-down', 'stopped']),
    );
    expect(guest.out).toBe('');
    for (const { err } of [owner, guest]) {
      const log = lines(err);
      expect(log.length).toBeGreaterThan(4);
      for (const line of log) expect(line['time']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      const untimed = log.map(({ time: _time, ...line }) => JSON.stringify(line));
      expect(untimed).toEqual([...new Set(untimed)]);
      const told = (msg: string): number => log.filter((line) => line['msg'] === msg).length;
      for (const msg of ['node started', 'relay up', 'peer connected']) expect(told(msg), msg).toBe(1);
    }
  },
);

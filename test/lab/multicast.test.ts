/** Multicast with real hosts: Linux tells what it wants, and gets that and no more. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, sleep } from '../../src/lab/exec.js';
import { reaches, TestNet, type TestNode } from './support.js';

const device = 'evio0';

const listening = `
  const [type, group, address] = process.argv.slice(1);
  const s = require('node:dgram').createSocket({ type, reuseAddr: true });
  s.bind(5400, () => { s.addMembership(group, address); console.log('ready'); });
  s.on('message', (m) => { console.log('got ' + m); });`;
const sending = `
  const [type, group, address, count] = process.argv.slice(1);
  const s = require('node:dgram').createSocket(type);
  s.bind(0, () => {
    s.setMulticastInterface(address);
    let left = Number(count);
    const next = () => { if (left-- > 0) s.send('hello', 5400, group, () => setTimeout(next, 10)); else s.close(); };
    next();
  });`;

describe('a host that is asked', () => {
  it('names its groups again, IPv4 and IPv6, and says when it leaves', async () => {
    const script = fileURLToPath(new URL('./querier.mjs', import.meta.url));
    const ns = `evmc${process.pid}`;
    await run(['ip', 'netns', 'add', ns]);
    try {
      await run(['ip', 'link', 'set', 'lo', 'up'], { ns });
      const { stdout } = await run([process.execPath, script, 'evmc0'], { ns });
      expect(stdout.trim().split('\n')).toEqual(['["1234","5e010203"]', '["1234"]']);
    } finally {
      await run(['ip', 'netns', 'del', ns]);
    }
  });
});

describe('multicast', () => {
  let net: TestNet;
  let a: TestNode;
  let b: TestNode;
  let c: TestNode;

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    await net.add({ nat: 'endpoint-independent' });
    await net.add({ nat: 'udp-blocked' });
    [a, b, c] = net.nodes as [TestNode, TestNode, TestNode];
    await reaches(a, b, 5_000);
    await reaches(a, c, 5_000);
    // Nobody prunes while it may not know.
    await sleep(12_000);
  });
  afterAll(async () => {
    await net?.destroy();
  });

  const addressFor = (node: TestNode, type: string): string =>
    type === 'udp4' ? node.node.ip : `::%${device}`;
  const send = (group: string, type: string, count: number): Promise<unknown> =>
    run([process.execPath, '-e', sending, type, group, addressFor(a, type), String(count)], { ns: a.ns });
  const frames = async (node: TestNode): Promise<number> =>
    (await node.node.json<{ device: { rxFrames: number } }>(['status'])).device.rxFrames;
  const unheard = async (): Promise<number> =>
    (await a.node.json<{ device: { drops: Record<string, number> } }>(['status'])).device.drops[
      'no-listener'
    ] ?? 0;

  it.each([
    ['udp4', '239.4.5.6'],
    ['udp6', `ff05::456%${device}`],
  ])('of %s reaches the host that joined %s, and no other', async (type, group) => {
    const plain = group.replace(/%.*/, '');
    const before = await unheard();
    await send(group, type, 20);
    expect((await unheard()) - before).toBeGreaterThanOrEqual(20);

    const ear = b.site.host.launch([process.execPath, '-e', listening, type, plain, addressFor(b, type)]);
    await ear.line(/ready/, 5_000);
    await sleep(1_500);
    const idle = await frames(c);
    await send(group, type, 100);
    expect(await ear.line(/got/, 5_000)).toBe('got hello');
    expect((await frames(c)) - idle).toBeLessThan(20);
    await ear.stop(300);

    await sleep(2_000);
    const left = await unheard();
    await send(group, type, 20);
    expect((await unheard()) - left).toBeGreaterThanOrEqual(20);
  });

  it('of link-local scope reaches everybody', async () => {
    const ears = [b, c].map((n) =>
      n.site.host.launch([process.execPath, '-e', listening, 'udp4', '224.0.0.199', n.node.ip]),
    );
    for (const ear of ears) await ear.line(/ready/, 5_000);
    await send('224.0.0.199', 'udp4', 3);
    for (const ear of ears) expect(await ear.line(/got/, 5_000)).toBe('got hello');
    for (const ear of ears) await ear.stop(300);
  });
});

/**
 * Names of members, asked for by real programs: getent by a private /etc/hosts, dig at the responder. What evio writes there goes
 * however the node ends.
 */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, type RunResult } from '../../src/lab/exec.js';
import { reaches, TestNet, type TestNode } from './support.js';

const hasDig = existsSync('/usr/bin/dig');

describe('names of members', () => {
  let net: TestNet;
  let a: TestNode;
  let b: TestNode;
  let ip6: string;
  /** The lab binds it over /etc/hosts of what runs there. */
  let hosts: string;
  let before: string;

  const inside = (node: TestNode, ...argv: string[]): Promise<RunResult> =>
    run(argv, { ns: node.ns, allowFailure: true, timeoutMs: 20_000 });
  const found = async (name: string, table = 'ahostsv4'): Promise<string | undefined> =>
    (await inside(a, 'getent', table, name)).stdout.split(/\s/)[0] || undefined;
  const hostsOf = (): string => readFileSync(hosts, 'utf8');

  async function start(): Promise<void> {
    a.node.launch(['node', '--dns', 'hosts']);
    await a.node.up();
    await expect.poll(() => found(`${b.node.name}.lab.evio`), { timeout: 15_000 }).toBe(b.node.ip);
  }

  async function kill(): Promise<void> {
    a.node.process?.kill('SIGKILL');
    await a.node.stop();
  }

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    await net.add({ nat: 'endpoint-independent' });
    [a, b] = net.nodes as [TestNode, TestNode];
    await reaches(a, b, 10_000);
    hosts = `/etc/netns/${a.ns}/hosts`;
    before = hostsOf();
    const { peers } = await a.node.json<{ peers: { ip6: string }[] }>(['peers']);
    ip6 = peers[0]?.ip6 ?? '';
  });
  afterAll(async () => {
    await net?.destroy();
  });

  it('are nobody’s affair in a network namespace of its own, unless they are asked for', async () => {
    expect(await a.node.json(['dns', 'status'])).toMatchObject({
      domain: 'lab.evio',
      way: 'off',
      server: null,
    });
    expect(hostsOf()).toBe(before);
    await a.node.stop();
    await start();
  });

  it('are found by getent, both ways and of both families, and resolv.conf stays as it was', async () => {
    const name = `${b.node.name}.lab.evio`;
    expect(await found(name, 'ahostsv6')).toBe(ip6);
    expect((await inside(a, 'getent', 'hosts', b.node.ip)).stdout).toContain(name);
    expect(await found(`${a.node.name}.lab.evio`)).toBe(a.node.ip);
    expect(hostsOf().startsWith(before)).toBe(true);
    expect(readFileSync(`/etc/netns/${a.ns}/resolv.conf`, 'utf8')).not.toContain(a.node.ip);
    expect(await a.node.json(['dns', 'status'])).toMatchObject({
      way: 'hosts',
      server: `${a.node.ip}:53`,
      fault: null,
    });
  });

  it.skipIf(!hasDig)('are found by dig, and denied with an SOA', async () => {
    const dig = async (...words: string[]): Promise<string> =>
      (await inside(a, 'dig', `@${a.node.ip}`, '+tries=1', '+time=3', ...words)).stdout;
    const name = `${b.node.name}.lab.evio`;
    expect((await dig('+short', name)).trim()).toBe(b.node.ip);
    expect((await dig('+short', 'AAAA', name)).trim()).toBe(ip6);
    expect((await dig('+short', '-x', b.node.ip)).trim()).toBe(`${name}.`);
    expect((await dig('+short', '-x', ip6)).trim()).toBe(`${name}.`);
    const denied = await dig('nobody.lab.evio');
    expect(denied).toMatch(/status: NXDOMAIN/);
    expect(denied).toMatch(/^lab\.evio\.\s+\d+\s+IN\s+SOA\s/m);
    expect(await dig('example.org')).toMatch(/status: REFUSED/);
  });

  it.skipIf(!hasDig)('are told to nobody else: another member gets no answer', async () => {
    const words = ['dig', `@${a.node.ip}`, '+tries=1', '+time=1', `${b.node.name}.lab.evio`];
    expect((await inside(b, ...words)).stdout).toMatch(/no servers could be reached|timed out/);
    const { queries } = await a.node.json<{ queries: { dropped: number } }>(['dns', 'status']);
    expect(queries.dropped).toBeGreaterThan(0);
  });

  it('follow a member that has another name', async () => {
    await b.node.json(['set', '--name', 'renamed']);
    await expect.poll(() => found('renamed.lab.evio'), { timeout: 15_000 }).toBe(b.node.ip);
    await expect.poll(() => found('n1.lab.evio'), { timeout: 5_000 }).toBeUndefined();
    await b.node.json(['set', '--name', b.node.name]);
    await expect.poll(() => found(`${b.node.name}.lab.evio`), { timeout: 15_000 }).toBe(b.node.ip);
  });

  it('are gone when the node has stopped', async () => {
    await a.node.stop();
    expect(hostsOf()).toBe(before);
  });

  it('that a killed node left go with “evio down”, or when it starts again', async () => {
    await start();
    await kill();
    expect(hostsOf()).toContain('# evio begin');
    expect((await a.node.cli(['down'], { allowFailure: true })).status).toBe(3);
    expect(hostsOf()).toBe(before);
    await start();
    // Of a node that runs, nothing is taken.
    await a.node.cli(['down', '--tidy']);
    expect(await found(`${b.node.name}.lab.evio`)).toBe(b.node.ip);
    await kill();
    const { checks } = JSON.parse(
      (await a.node.cli(['doctor', '--json'], { allowFailure: true })).stdout,
    ) as { checks: { id: string; fix: string | null }[] };
    expect(checks.find(({ id }) => id === 'names')?.fix).toContain('evio down --tidy');
    expect((await a.node.cli(['down', '--tidy'])).status).toBe(0);
    expect(hostsOf()).toBe(before);
    await start();
    await kill();
    await start();
    expect(hostsOf().match(/# evio begin/g)).toHaveLength(1);
    await a.node.stop();
    expect(hostsOf()).toBe(before);
  });
});

/** Neighbours that lie, whose node ends, whose address is taken, whose disk is full, and whose plugin is killed. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LabProcess, run } from '../../src/lab/exec.js';
import { firstPing, ping } from '../../src/lab/measure.js';
import { reaches } from '../lab/support.js';
import { add, attached, config, drops, leases, ranges, type FlatStage, type Placed } from './flat-stage.js';

export function faultCases(stage: () => FlatStage): void {
  it('do not pass for others', async () => {
    const { maker, a, b, one, two, three } = stage();
    const guard = ['table', 'bridge', 'evio-cni-evio0-pods'];
    const inPod = ({ pod }: Placed, ...argv: string[]) => run(argv, { ns: pod.name, allowFailure: true });
    const { stdout: guarding } = await run(['nft', 'list', ...guard], { ns: b.node.ns });
    const wears = (placed: Placed, mac: string) =>
      inPod(placed, 'ip', 'link', 'set', 'dev', 'eth0', 'address', mac);
    /** Pings as `source` while `meanwhile` runs; was it answered? */
    const poses = async (
      from: Placed,
      source: string,
      count: number,
      meanwhile: () => Promise<unknown> = () => Promise.resolve(),
    ): Promise<boolean> => {
      await inPod(from, 'ip', 'address', 'add', `${source}/32`, 'dev', 'eth0');
      await inPod(from, 'ip', 'neigh', 'replace', one.ip, 'lladdr', one.mac, 'dev', 'eth0');
      const pinging = new LabProcess([
        ...['nsenter', `--net=${from.pod.netns}`],
        ...['ping', `-c${count}`, '-i0.05', '-W1', '-I', source, one.ip],
      ]);
      try {
        await meanwhile();
        if (count < 10) await pinging.exited;
        return pinging.stdout.some((line) => line.includes('bytes from'));
      } finally {
        await pinging.stop();
        await inPod(from, 'ip', 'address', 'delete', `${source}/32`, 'dev', 'eth0');
      }
    };
    const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
      const end = performance.now() + 20_000;
      while (!(await holds())) {
        if (performance.now() > end) throw new Error(`not within 20 s: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    };
    try {
      // A pod is stopped at its own port, with another's address and with another's MAC.
      const before = await drops(a.node, 'guard-mac');
      expect(await poses(two, maker.node.ip, 2)).toBe(false);
      expect(await poses(two, three.ip, 2)).toBe(false);
      await wears(two, three.mac);
      expect((await inPod(two, 'ping', '-c1', '-W1', one.ip)).status).not.toBe(0);
      await wears(two, two.mac);
      expect(await drops(a.node, 'guard-mac')).toBe(before);
      // A node that lets them is refused by the members: what it says of a pod that is not its own.
      await run(['nft', 'delete', ...guard], { ns: b.node.ns });
      await wears(three, one.mac.replace(/..$/, 'fe'));
      await until('another MAC is refused', async () => {
        await inPod(three, 'ping', '-c1', '-W1', one.ip);
        return (await drops(a.node, 'guard-mac')) > before;
      });
      await wears(three, three.mac);
      const lies = await drops(a.node, 'guard-ip');
      // It is named once it has done so more often than by accident: twenty times in ten seconds.
      const answered = await poses(two, maker.node.ip, 600, () =>
        until('the node is named', async () => {
          const { anomalies } = await a.node.node.json<{ anomalies: { name: string }[] }>(['status']);
          return anomalies.some(({ name }) => name === b.node.node.name);
        }),
      );
      expect(answered).toBe(false);
      expect(await drops(a.node, 'guard-ip')).toBeGreaterThan(lies);
    } finally {
      for (const placed of [two, three]) await wears(placed, placed.mac);
      await run(['nft', '-f', '-'], {
        ns: b.node.ns,
        input: `add ${guard.join(' ')}\ndelete ${guard.join(' ')}\n${guarding}`,
      });
    }
  });

  it('live through the end and the restart of their node', async () => {
    const { b, one, two, three } = stage();
    b.node.node.process?.kill('SIGKILL');
    await b.node.node.process?.exited;
    // Those of one node still have each other.
    expect((await ping(two.pod.name, three.ip, { count: 1 })).received).toBe(1);
    b.node.node.launch(['node']);
    await b.node.node.up();
    expect(await firstPing(one.pod.name, two.ip, 15_000)).toBeDefined();
    expect(await firstPing(three.pod.name, one.ip, 5_000)).toBeDefined();
  });

  it('are not given an address that a member has', async () => {
    const { net, maker, a, one } = stage();
    const [range = ''] = (await ranges(maker)).filter((cidr) => {
      const [base = ''] = cidr.split('/');
      return one.ip.startsWith(base.replace(/\d+$/, ''));
    });
    const from = Number(range.split('/')[0]?.split('.')[3]);
    const taken = new Set(leases(a));
    const prefix = one.ip.replace(/\d+$/, '');
    const next = Array.from({ length: 16 }, (_, i) => `${prefix}${from + i}`).find(
      (ip) => !taken.has(ip) && !ip.endsWith('.0'),
    );
    const late = await net.place({ nat: 'public' });
    late.node.launch(['join', net.token, '--name', late.node.name, '--ip', next ?? '']);
    await late.node.up();
    await reaches(a.node, late, 10_000);
    const four = await add(a, 'four');
    expect(four.ip).not.toBe(next);
    expect(await firstPing(four.pod.name, late.node.ip, 10_000)).toBeDefined();
    expect((await a.runtime.plugin('DEL', config, attached(four.pod))).status).toBe(0);
  });

  it('are as they were made, or CHECK says what is missing', async () => {
    const { b, two } = stage();
    const { printed } = await b.runtime.plugin('DEL', config, attached(two.pod));
    expect(printed).toEqual({});
    const added = await b.runtime.plugin('ADD', config, attached(two.pod));
    const checked = { ...config, prevResult: added.printed };
    expect((await b.runtime.plugin('CHECK', checked, attached(two.pod))).printed).toEqual({});
    await run(['ip', 'link', 'set', 'eth0', 'down'], { ns: two.pod.name });
    expect((await b.runtime.plugin('CHECK', checked, attached(two.pod))).printed).toMatchObject({
      code: 102,
    });
    await run(['ip', 'link', 'set', 'eth0', 'up'], { ns: two.pod.name });
    expect((await b.runtime.plugin('STATUS', config, {})).status).toBe(0);
    expect((await b.runtime.plugin('ADD', config, attached(two.pod))).printed).toMatchObject({ code: 101 });
  });

  it('are not connected while the disk is full, and leave nothing', async () => {
    const { a } = stage();
    const pod = await a.runtime.pod('squeezed');
    const folder = join(a.node.node.home, 'pods');
    const before = leases(a);
    await run([
      'sh',
      '-c',
      `mount -t tmpfs -o size=8k,mode=700 none ${folder} && head -c 99999 /dev/zero > ${folder}/full || true`,
    ]);
    try {
      const { status, printed } = await a.runtime.plugin('ADD', config, attached(pod));
      expect([status, printed['msg']]).toEqual([
        1,
        expect.stringMatching(/the lease of .* cannot be written: .*no space/),
      ]);
      expect(readdirSync(folder)).toEqual(['full']);
      expect((await run(['ip', '-o', 'link'], { ns: pod.name })).stdout).not.toContain('eth0');
    } finally {
      await run(['umount', folder]);
    }
    expect(leases(a)).toEqual(before);
    // Once there is room, it is.
    expect((await a.runtime.plugin('ADD', config, attached(pod))).status).toBe(0);
    expect((await a.runtime.plugin('DEL', config, attached(pod))).status).toBe(0);
    expect(leases(a)).toEqual(before);
  });

  it('leave nothing, also when their plugin is killed at any instant', async () => {
    const { maker, a, b, one, two, three } = stage();
    const pod = await a.runtime.pod('killed');
    for (let round = 0; round < 12; round++) {
      const kill = { afterMs: Math.random() * 500, everything: round % 2 === 0 };
      await a.runtime.plugin('ADD', config, attached(pod), kill);
      expect((await a.runtime.plugin('DEL', config, attached(pod))).status).toBe(0);
      expect((await run(['ip', '-o', 'link'], { ns: pod.name })).stdout).not.toContain('eth0');
      expect(leases(a).filter((ip) => ip !== one.ip).length).toBeLessThanOrEqual(1);
    }
    // The one that was not touched still is where it was.
    expect(await firstPing(one.pod.name, two.ip, 5_000)).toBeDefined();
    expect((await a.runtime.plugin('GC', config, {})).status).toBe(0);
    for (const placed of [two, three])
      expect((await b.runtime.plugin('DEL', config, attached(placed.pod))).status).toBe(0);
    for (const { runtime } of [a, b]) expect(await runtime.leftOvers()).toEqual([]);
    expect(leases(b)).toEqual([]);
    for (let i = 0; i < 50 && (await ranges(maker)).length > 0; i++)
      await new Promise((r) => setTimeout(r, 100));
    expect(await ranges(maker)).toEqual([]);
  });
}

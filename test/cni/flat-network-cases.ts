/** Neighbours that have another network beside it, or ask for an address of their own. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../../src/lab/exec.js';
import { firstPing } from '../../src/lab/measure.js';
import { add, attached, config, leases, type Config, type FlatStage } from './flat-stage.js';
import type { Pod, Runtime } from './runtime.js';
import { buildOther, othersToo } from './tools.js';

export function networkCases(stage: () => FlatStage): void {
  it('are so by a second network too, beside a routed one, which end in any order', async () => {
    const { a, b, one, two, three } = stage();
    const networks = [
      ['pods', 'eth0'],
      ['flat', 'net1'],
    ] as const;
    /** As Multus has it: one container, and one network after the other. */
    const addresses: string[][] = [];
    const both: { runtime: Runtime; pod: Pod }[] = [];
    for (const { runtime } of [a, b]) {
      runtime.configure('pods', '1.1.0', { type: 'evio-cni' });
      runtime.configure('flat', '1.1.0', { type: 'evio-cni', mode: 'flat' });
      const pod = await runtime.pod('both');
      // Of an attempt that failed.
      for (const [network, ifname] of networks) await runtime.tool('del', network, pod, {}, ifname);
      both.push({ runtime, pod });
      const got: string[] = [];
      for (const [network, ifname] of networks) {
        const { ips } = await runtime.add(network, pod, {}, ifname);
        got.push(ips[0]?.address.split('/')[0] ?? '');
      }
      addresses.push(got);
    }
    const [here] = both as [(typeof both)[0]];
    for (const [i, [, ifname]] of networks.entries()) {
      const to = addresses[1]?.[i] ?? '';
      expect(to).toMatch(i === 0 ? /^10\.244\./ : /^10\.144\./);
      expect(await firstPing(here.pod.name, to, 10_000)).toBeDefined();
      const { stdout } = await run(['ip', 'route', 'get', to], { ns: here.pod.name });
      expect(stdout).toContain(` dev ${ifname} src ${addresses[0]?.[i]}`);
    }
    // Other pods and members are the second's neighbours; and what is outside goes by the first.
    expect(await firstPing(here.pod.name, two.ip, 5_000)).toBeDefined();
    const { stdout } = await run(['ip', 'route', 'show', 'default'], { ns: here.pod.name });
    expect(stdout).toMatch(/^default via 10\.244\.\d+\.1 dev eth0 *\n$/);
    // The first goes first on one node, last on the other; what is left goes on.
    for (const [i, { runtime, pod }] of both.entries()) {
      const [first, last] = i === 0 ? networks : ([...networks].reverse() as unknown as typeof networks);
      expect((await runtime.tool('del', first[0], pod, {}, first[1])).status).toBe(0);
      expect((await runtime.tool('check', last[0], pod, {}, last[1])).stderr).toBe('');
      expect((await runtime.tool('del', last[0], pod, {}, last[1])).status).toBe(0);
      expect((await run(['ip', '-o', 'link'], { ns: pod.name })).stdout).not.toMatch(/eth0|net1/);
      expect((await runtime.leftOvers()).filter((left) => /evio-pods|networks/.test(left))).toEqual([]);
    }
    expect(leases(a)).toEqual([one.ip]);
    expect(leases(b).sort()).toEqual([two.ip, three.ip].sort());
  });

  it('have the address that they ask for, by it or by its MAC, and none that another has', async () => {
    const { a, b, one, two, three } = stage();
    const asks = (runtimeConfig: object): Config => ({ ...config, runtimeConfig }) as Config;
    const [x = 0, y = 0] = a.node.node.ip.split('.').slice(2).map(Number);
    // Far from the node's own, so that no other range has it.
    const ip = `10.144.${(x + 128) % 256}.${y < 128 ? 200 : 20}`;
    const mac = `0a:58:${ip
      .split('.')
      .map((octet) => Number(octet).toString(16).padStart(2, '0'))
      .join(':')}`;
    for (const runtimeConfig of [{ ips: [`${ip}/16`] }, { mac }, { ips: [ip], mac }]) {
      const asking = await add(a, 'asking', asks(runtimeConfig));
      expect(asking).toMatchObject({ ip, mac });
      expect(await firstPing(two.pod.name, ip, 10_000)).toBeDefined();
      // It is of this pod, and of no other of this node or another.
      for (const worker of [a, b]) {
        const second = await worker.runtime.pod('second');
        const refused = await worker.runtime.plugin('ADD', asks({ ips: [ip] }), attached(second));
        expect([refused.status, refused.printed['code']]).toEqual([1, 11]);
        expect(JSON.stringify(refused.printed)).toContain(ip);
      }
      expect((await a.runtime.plugin('DEL', config, attached(asking.pod))).status).toBe(0);
    }
    const outside = await a.runtime.pod('outside');
    for (const runtimeConfig of [
      { ips: ['192.0.2.1'] },
      { mac: '02:00:00:00:00:01' },
      { ips: [ip], mac: one.mac },
    ]) {
      const { status, printed } = await a.runtime.plugin('ADD', asks(runtimeConfig), attached(outside));
      expect([status, printed['code']]).toEqual([1, 7]);
    }
    expect(leases(a)).toEqual([one.ip]);
    expect(leases(b).sort()).toEqual([two.ip, three.ip].sort());
  });

  it.skipIf(!othersToo)(
    'have both networks by Multus itself',
    async () => {
      const { a, one, two } = stage();
      const { runtime } = a;
      runtime.install(await buildOther('multus'));
      const pod = await runtime.pod('multus');
      const multus = {
        cniVersion: '1.0.0',
        name: 'node',
        type: 'multus',
        cniDir: join(runtime.folder, 'state', 'multus'),
        binDir: join(runtime.folder, 'bin'),
        delegates: [
          { cniVersion: '1.0.0', name: 'pods', plugins: [{ type: 'evio-cni' }] },
          { cniVersion: '1.0.0', name: 'flat', type: 'evio-cni', mode: 'flat' },
        ],
      };
      const { status } = await runtime.plugin('ADD', multus, attached(pod), undefined, 'multus');
      expect(status).toBe(0);
      const { stdout } = await run(['ip', '-4', '-o', 'address'], { ns: pod.name });
      expect(stdout).toMatch(/eth0 +inet 10\.244\.[^]*net1 +inet 10\.144\./);
      expect(await firstPing(pod.name, two.ip, 5_000)).toBeDefined();
      expect((await runtime.plugin('DEL', multus, attached(pod), undefined, 'multus')).status).toBe(0);
      expect(leases(a)).toEqual([one.ip]);
      expect((await runtime.leftOvers()).filter((left) => /evio-pods|networks/.test(left))).toEqual([]);
    },
    20 * 60_000,
  );
}

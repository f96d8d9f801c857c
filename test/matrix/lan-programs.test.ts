/** Programs of a LAN over the network, `npm run lan-programs`: DHCP, VRRP, many multicasts, the longest datagrams. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabProcess } from '../../src/lab/exec.js';
import { findProgram, run, sleep } from '../../src/lab/exec.js';
import { need } from '../support/need.js';
import { reaches, TestNet, untilPath, type TestNode } from '../lab/support.js';

const device = 'evio0';
const cone = { nat: 'endpoint-independent' } as const;
const has = (program: string): boolean => need(program, findProgram(program) !== undefined);

let net: TestNet;
/** Of no right; the other two may speak for others. */
let plain: TestNode, first: TestNode, second: TestNode;

beforeAll(async () => {
  net = await TestNet.create(cone);
  const [maker] = net.nodes as [TestNode];
  const { token } = await maker.node.json<{ token: string }>([
    ...['token', 'create', '--right', 'bridge', '--uses', '2'],
  ]);
  const bridging = async (): Promise<TestNode> => {
    const placed = await net.place(cone);
    placed.node.launch(['join', token, '--name', placed.node.name]);
    await placed.node.up();
    return placed;
  };
  [first, second, plain] = [await bridging(), await bridging(), await net.add(cone)];
  const all = [first, second, plain];
  for (const from of all)
    for (const to of all) {
      if (from === to) continue;
      await reaches(from, to, 10_000);
      await untilPath(from, to, 'direct', 15_000);
    }
});
afterAll(() => net?.destroy());

describe.runIf(has('dnsmasq') && has('busybox'))('DHCP', () => {
  /** A client asks here, and takes no address. Returns what it printed. */
  const ask = async ({ ns }: TestNode): Promise<string> => {
    const words = ['busybox', 'udhcpc', '-i', device, '-n', '-q', '-t', '5', '-T', '1', '-s', '/bin/true'];
    const { stdout, stderr } = await run(words, { ns, allowFailure: true, timeoutMs: 20_000 });
    return stdout + stderr;
  };
  const serve = async ({ node, site }: TestNode): Promise<LabProcess> => {
    const words = [
      '--port=0',
      '--conf-file=/dev/null',
      '--keep-in-foreground',
      '--log-facility=-',
      '--log-dhcp',
    ];
    const server = site.host.launch([
      ...['dnsmasq', ...words, `--interface=${device}`, '--bind-interfaces', '--user=root'],
      `--dhcp-leasefile=${join(net.rig.folder, `${node.name}.leases`)}`,
      '--dhcp-range=10.144.240.10,10.144.240.20,255.255.0.0,2m',
      '--pid-file=',
    ]);
    await sleep(500);
    return server;
  };

  it('has a member lease an address of another that may serve, and of no other', async () => {
    let server = await serve(plain);
    expect(await ask(second)).toMatch(/no lease|failed/i);
    await server.stop(1_000);
    const { device: counted } = await second.node.json<{ device: { drops: Record<string, number> } }>([
      'status',
    ]);
    expect(counted.drops['guard-service']).toBeGreaterThan(0);
    server = await serve(first);
    expect(await ask(plain)).toMatch(/lease of 10\.144\.240\.1\d obtained/);
    await server.stop(1_000);
  });
});

describe.runIf(has('keepalived'))('VRRP', () => {
  const shared = '10.144.240.1';

  it('moves an address to the other machine within its own time when one falls silent', async () => {
    const running: LabProcess[] = [];
    const start = async ({ node, site }: TestNode, priority: number): Promise<LabProcess> => {
      const at = (name: string): string => join(net.rig.folder, `${node.name}.${name}`);
      writeFileSync(
        at('keepalived.conf'),
        `vrrp_instance lab {
  state BACKUP
  interface ${device}
  virtual_router_id 51
  priority ${priority}
  advert_int 1
  virtual_ipaddress {
    ${shared}/16
  }
}
`,
      );
      const words = ['keepalived', '-n', '-l', '-P', '-f', at('keepalived.conf')];
      const process = site.host.launch([...words, '-p', at('pid'), '-r', at('vrrp.pid')]);
      running.push(process);
      return process;
    };
    const holds = async ({ ns }: TestNode): Promise<boolean> =>
      (await run(['ip', '-o', 'addr', 'show', 'dev', device], { ns })).stdout.includes(shared);
    const until = async (node: TestNode): Promise<void> => {
      for (const end = performance.now() + 10_000; !(await holds(node)); await sleep(100))
        if (performance.now() > end)
          throw new Error(
            `${node.node.name} has no ${shared}: ${running.map((p) => p.stderr.join('\n')).join('\n--\n')}`,
          );
    };
    try {
      await start(first, 250);
      await until(first);
      await start(second, 200);
      await sleep(2_500);
      expect(await holds(second)).toBe(false);
      const answers: number[] = [];
      const pings = plain.site.host.launch(['ping', '-n', '-D', '-O', '-i', '0.1', '-W', '1', shared], {
        onLine: (line) => {
          const at = /^\[(\d+\.\d+)\].*bytes from/.exec(line)?.[1];
          if (at !== undefined) answers.push(Number(at) * 1_000);
        },
      });
      running.push(pings);
      await pings.line(/bytes from/, 5_000);
      await sleep(500);
      const before = answers.length;
      await first.site.unplug(true);
      await until(second);
      await sleep(1_500);
      const gaps = answers.slice(1).map((at, i) => at - (answers[i] as number));
      expect(answers.length).toBeGreaterThan(before + 5);
      console.log(`VRRP: longest gap ${Math.round(Math.max(...gaps))} ms`);
      // Three advertisements and 56/256 of one are its own time: 3.2 s.
      expect(Math.max(...gaps)).toBeLessThan(4_500);
    } finally {
      for (const process of running) await process.stop(2_000);
      await first.site.unplug(false);
      await reaches(first, second, 10_000);
      await reaches(first, plain, 10_000);
    }
  });
});

describe('datagrams', () => {
  const ear = `
    const [type, group, own] = process.argv.slice(1);
    const s = require('node:dgram').createSocket({ type: 'udp4', reuseAddr: true, recvBufferSize: 4 << 20 });
    let [count, bad] = [0, 0];
    s.bind(5401, () => { if (group !== 'none') s.addMembership(group, own); console.log('ready'); });
    s.on('message', (m) => {
      if (m.toString('latin1', 0, 3) === 'end') { console.log(JSON.stringify({ count, bad })); return; }
      count++;
      for (let i = 4; i < m.length; i++) if (m[i] !== (i & 0xff)) { bad++; break; }
    });`;
  const mouth = `
    const [to, own, size, count, seconds] = process.argv.slice(1).map((v, i) => (i < 2 ? v : Number(v)));
    const s = require('node:dgram').createSocket('udp4');
    const m = Buffer.from(Array.from({ length: size }, (_, i) => i & 0xff));
    s.bind(0, own, () => {
      s.setSendBufferSize(4 << 20);
      if (to.startsWith('239.')) s.setMulticastInterface(own);
      const begun = performance.now();
      let sent = 0;
      const timer = setInterval(() => {
        const due = Math.min(count, Math.floor((performance.now() - begun) / 1000 / seconds * count));
        for (; sent < due; sent++) s.send(m, 5401, to);
        if (sent < count) return;
        clearInterval(timer);
        setTimeout(() => s.send('end', 5401, to, () => s.close()), 500);
      }, 5);
    });`;
  interface Heard {
    count: number;
    bad: number;
  }
  async function sent(from: TestNode, to: TestNode[], group: string, words: string[]): Promise<Heard[]> {
    const ears = to.map(({ node, site }) =>
      site.host.launch([process.execPath, '-e', ear, 'udp4', group, node.ip]),
    );
    try {
      for (const one of ears) await one.line(/ready/, 5_000);
      await sleep(1_500);
      const at = group === 'none' ? (to[0] as TestNode).node.ip : group;
      const done = run([process.execPath, '-e', mouth, at, from.node.ip, ...words], {
        ns: from.ns,
        timeoutMs: 60_000,
      });
      const heard = await Promise.all(ears.map((one) => one.line(/count/, 40_000)));
      await done;
      return heard.map((line) => JSON.parse(line) as Heard);
    } finally {
      for (const one of ears) await one.stop(500);
    }
  }

  it('of 65,000 bytes arrive whole', async () => {
    const [heard] = await sent(first, [plain], 'none', ['65000', '100', '2']);
    console.log('65,000 bytes:', heard);
    expect(heard?.bad).toBe(0);
    expect(heard?.count).toBeGreaterThanOrEqual(98);
  });

  it('to a group, 24,000 in 12 s, reach who joined it', async () => {
    const heard = await sent(first, [second, plain], '239.7.7.7', ['200', '24000', '12']);
    console.log('24,000 multicasts:', heard);
    for (const { count, bad } of heard) {
      expect(bad).toBe(0);
      expect(count).toBeGreaterThan(23_000);
    }
  });
});

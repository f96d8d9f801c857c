/** What an idle node costs, and what strangers may cost it. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, sleep } from '../../src/lab/exec.js';
import { ping } from '../../src/lab/measure.js';
import { reaches, TestNet, udpPortOf, untilPath, type TestNode } from './support.js';

/** CPU time of a process and its threads, ms; its resident set, MB. */
function costOf(pid: number): { cpuMs: number; rssMb: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * 10, rssMb: Number(rss) / 1024 };
}

/** The evio process itself: `ip netns exec` replaces itself by it. */
const pidOf = (node: TestNode): number => node.node.process?.pid as number;

/** Datagrams of every kind of nonsense, as fast as the rate allows. */
const flooder = `
  const dgram = require('node:dgram'); const { randomBytes } = require('node:crypto');
  const [host, port, rate, seconds] = process.argv.slice(1); const s = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const firsts = [0x50, 0x51, 0x52, 0x53, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x00, 0x01, 0x16, 0xff];
  const pool = Array.from({ length: 4096 }, (_, i) => { const b = randomBytes(i % 17 === 0 ? i % 4 : 8 + (i * 37) % 1400); if (b.length) b[0] = firsts[i % firsts.length]; if (b.length > 20 && b[0] < 2) b.writeUInt32BE(0x2112a442, 4); return b; });
  let sent = 0; const begun = Date.now();
  const step = () => { const due = Math.min(rate * seconds, (Date.now() - begun) * rate / 1000);
    for (let i = 0; sent < due && i < 2000; i++, sent++) s.send(pool[sent & 4095], Number(port), host);
    if (sent < rate * seconds) setImmediate(step); else setTimeout(() => { console.log('sent ' + sent + ' in ' + (Date.now() - begun) + ' ms'); s.close(); }, 200); };
  step();`;

describe('limits', () => {
  let net: TestNet;
  let a: TestNode;
  let b: TestNode;

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'public' });
    await net.add({ nat: 'endpoint-independent' });
    [a, b] = net.nodes as [TestNode, TestNode];
    await reaches(a, b, 5_000);
    await untilPath(a, b, 'direct', 5_000);
  });
  afterAll(async () => {
    await net?.destroy();
  });

  it.each([
    ['node', () => ({ pid: pidOf(a), host: a.site.outside.v4 as string, port: 0 })],
    [
      'relay',
      () => ({
        pid: net.rig.relay.process?.pid as number,
        host: net.rig.relay.host.site.outside.v4 as string,
        port: 443,
      }),
    ],
  ])(
    'nonsense at 50 000 datagrams a second leaves the %s standing, its memory flat, its peers connected',
    async (name, target) => {
      const stranger = await net.rig.lab.publicHost(`stranger.${name}`);
      const { pid, host, port } = target();
      const udpPort = port === 0 ? udpPortOf(a) : port;
      const flood = async (seconds: number): Promise<string> => {
        const { stdout } = await run(
          [process.execPath, '-e', flooder, host, `${udpPort}`, '50000', `${seconds}`],
          {
            ns: stranger.ns,
            timeoutMs: 120_000,
          },
        );
        return stdout.trim();
      };
      await flood(3);
      const before = costOf(pid);
      const sent = await flood(10);
      const after = costOf(pid);
      console.log(
        `${name} under nonsense (${sent}): ${before.rssMb.toFixed(0)} MB, then ${after.rssMb.toFixed(0)} MB`,
      );
      expect(after.rssMb - before.rssMb).toBeLessThan(25);
      if (name === 'node') {
        const drops = (
          await a.node.json<{ device: { drops: Record<string, number>; restarts: number } }>(['status'])
        ).device;
        const counted = Object.values(drops.drops).reduce((sum, n) => sum + n, 0);
        expect(counted).toBeGreaterThan(100_000);
        expect(drops.restarts).toBe(0);
      }
      expect((await ping(b.ns, a.node.ip, { count: 5, intervalMs: 200 })).received).toBe(5);
      expect(net.rig.relay.process?.running).toBe(true);
    },
  );

  it('an idle node takes under 1 % of a core, under 130 MB and under 1 kB/s per peer', async () => {
    // V8 tidies its heap once, some 15 s after the work of starting is over, while floods went to others: that is no part of being idle.
    await sleep(5_000);
    const link = async (): Promise<number> => {
      const { stdout } = await run(['cat', '/proc/net/dev'], { ns: b.ns });
      const line = stdout.split('\n').find((l) => /^\s*(eth|lan|wan)\w*:/.test(l)) ?? '';
      const n = line.replace(/^.*:/, '').trim().split(/\s+/).map(Number);
      return (n[0] ?? 0) + (n[8] ?? 0);
    };
    const [before, wire] = [costOf(pidOf(b)), await link()];
    await sleep(20_000);
    const [after, wireAfter] = [costOf(pidOf(b)), await link()];
    const percent = (after.cpuMs - before.cpuMs) / 200;
    const bytes = (wireAfter - wire) / 20;
    console.log(
      `idle node: ${percent.toFixed(2)} % of a core, ${after.rssMb.toFixed(0)} MB, ${bytes.toFixed(0)} B/s on the wire in all`,
    );
    expect(percent).toBeLessThan(1);
    expect(after.rssMb).toBeLessThan(130);
    expect(wireAfter).toBeGreaterThan(wire);
    expect(bytes).toBeLessThan(1000);
  });
});

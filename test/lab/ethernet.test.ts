/** Layer 2 as software expects it: IPv6 link-local, broadcast, multicast, VLAN tags, MTU. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, sleep } from '../../src/lab/exec.js';
import { ping } from '../../src/lab/measure.js';
import { reaches, TestNet, untilPath, type TestNode } from './support.js';

const device = 'evio0';

describe('ethernet', () => {
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
    await untilPath(a, b, 'direct', 5_000);
  });
  afterAll(async () => {
    await net?.destroy();
  });

  const linkLocal = async (node: TestNode): Promise<string> => {
    const { stdout } = await run(['ip', '-6', '-o', 'addr', 'show', 'dev', device, 'scope', 'link'], {
      ns: node.ns,
    });
    return /inet6 (fe80::[0-9a-f:]+)/.exec(stdout)?.[1] ?? '';
  };

  it('carries IPv6 link-local with neighbour discovery', async () => {
    const address = await linkLocal(b);
    expect(address).toMatch(/^fe80::/);
    expect((await ping(a.ns, `${address}%${device}`, { count: 5, intervalMs: 100 })).received).toBe(5);
  });

  it('carries TCP over IPv6', async () => {
    const address = await linkLocal(b);
    const server = b.site.host.launch(['iperf3', '-s', '-1', '-p', '5210', '--forceflush']);
    await server.line(/listening/i, 5_000);
    const { stdout } = await run(
      ['iperf3', '-6', '-c', `${address}%${device}`, '-p', '5210', '-t', '2', '-J'],
      { ns: a.ns },
    );
    const end = (JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } }).end;
    expect(end.sum_received.bits_per_second).toBeGreaterThan(100e6);
    await server.stop(500);
  });

  it('carries a broadcast ping to every member', async () => {
    for (const node of [b, c])
      await run(['sysctl', '-qw', 'net.ipv4.icmp_echo_ignore_broadcasts=0'], { ns: node.ns });
    const { stdout } = await run(
      ['ping', '-n', '-b', '-c', '3', '-i', '0.3', '-W', '1', '-I', device, '10.144.255.255'],
      {
        ns: a.ns,
        allowFailure: true,
      },
    );
    for (const node of [b, c]) expect(stdout).toContain(`from ${node.node.ip}`);
  });

  it('carries multicast as mDNS sends it, 224.0.0.251 and ff02::fb, to every member', async () => {
    const listen = `
      const s = require('node:dgram').createSocket({ type: process.argv[1], reuseAddr: true });
      s.bind(5353, () => {
        if (process.argv[1] === 'udp4') s.addMembership('224.0.0.251', process.argv[2]);
        else s.addMembership('ff02::fb', '::%${device}');
        console.log('ready');
      });
      s.on('message', (m) => { console.log('got ' + m); });`;
    const send = `
      const s = require('node:dgram').createSocket(process.argv[1]);
      s.bind(0, () => {
        s.setMulticastInterface(process.argv[1] === 'udp4' ? process.argv[2] : '::%${device}');
        s.send('hello ' + process.argv[1], 5353, process.argv[1] === 'udp4' ? '224.0.0.251' : 'ff02::fb%${device}', () => s.close());
      });`;
    for (const family of ['udp4', 'udp6']) {
      const ears = [b, c].map((n) => n.site.host.launch([process.execPath, '-e', listen, family, n.node.ip]));
      for (const ear of ears) await ear.line(/ready/, 5_000);
      await sleep(200);
      await run([process.execPath, '-e', send, family, a.node.ip], { ns: a.ns });
      for (const ear of ears) expect(await ear.line(/got/, 5_000)).toBe(`got hello ${family}`);
      for (const ear of ears) await ear.stop(300);
    }
  });

  it('carries VLAN-tagged frames, small and full-size, byte for byte', async () => {
    const script = fileURLToPath(new URL('./vlan-echo.mjs', import.meta.url));
    const answering = b.site.host.launch([process.execPath, script, 'answer', device, '5']);
    await answering.line(/ready/, 10_000);
    const mac = (await b.node.json<{ node: { mac: string } }>(['status'])).node.mac;
    for (const size of ['56', '1372']) {
      const { stdout } = await run([process.execPath, script, 'ping', device, '5', mac, '5', size], {
        ns: a.ns,
      });
      expect(stdout).toContain('5 received');
    }
    await answering.stop(300);
  });

  it('refuses what is longer than the MTU, cleanly, and fragments what may be fragmented', async () => {
    const whole = await run(['ping', '-n', '-c', '2', '-i', '0.2', '-M', 'do', '-s', '1372', b.node.ip], {
      ns: a.ns,
    });
    expect(whole.stdout).toContain('2 received');
    const tooLong = await run(
      ['ping', '-n', '-c', '2', '-i', '0.2', '-W', '1', '-M', 'do', '-s', '1373', b.node.ip],
      {
        ns: a.ns,
        allowFailure: true,
      },
    );
    expect(`${tooLong.stdout}${tooLong.stderr}`).toMatch(/message too long|Frag needed/i);
    const jumbo = await run(['ping', '-n', '-c', '2', '-i', '0.2', '-W', '1', '-s', '8000', b.node.ip], {
      ns: a.ns,
    });
    expect(jumbo.stdout).toContain('2 received');
    expect((await ping(a.ns, b.node.ip, { count: 2, intervalMs: 100 })).received).toBe(2);
  });

  it('lets no member use the address of another', async () => {
    // b claims c's address on its own interface; a must go on to hear c, and b's packets must be dropped.
    await run(['ip', 'addr', 'add', `${c.node.ip}/32`, 'dev', device], { ns: b.ns });
    const forged = await run(['ping', '-n', '-c', '3', '-i', '0.2', '-W', '1', '-I', c.node.ip, a.node.ip], {
      ns: b.ns,
      allowFailure: true,
    });
    expect(forged.stdout).toContain('0 received');
    const drops = (await a.node.json<{ device: { drops: Record<string, number> } }>(['status'])).device.drops;
    expect(drops['guard-ip']).toBeGreaterThan(0);
    expect((await ping(a.ns, c.node.ip, { count: 3, intervalMs: 100 })).received).toBe(3);
    await run(['ip', 'addr', 'del', `${c.node.ip}/32`, 'dev', device], { ns: b.ns });
  });
});

/**
 * Two sites whose UDP reaches a TURN server (coturn) and nothing else: they talk by WebRTC, and fall back when that server dies.
 * One of them is given the server; the other needs nothing.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { run, shell, type LabProcess } from '../../src/lab/exec.js';
import { iperfTcp, ping } from '../../src/lab/measure.js';
import { outage, peerOf, reaches, TestNet, untilPath, type TestNode } from './support.js';
import { hasTurn, onlyUdpTo, startTurn, turn, type Turn } from './turn.js';

let net: TestNet | undefined;
let coturn: Turn | undefined;
afterEach(async () => {
  await coturn?.server.stop(1_000);
  await net?.destroy();
  net = undefined;
});

describe.runIf(hasTurn())('UDP to a TURN server only', () => {
  it('is what a call goes by while routes to everywhere lead through the member itself', async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    const a = net.nodes[0] as TestNode;
    coturn = await startTurn(net);
    await onlyUdpTo(a, coturn.address);
    const b = await net.place({ nat: 'address-and-port-dependent' });
    await onlyUdpTo(b, coturn.address);
    net.join(b, ['--ice-server', coturn.url]);
    await b.node.up();
    await untilPath(b, a, 'webrtc', 40_000);
    const lan = (b.site.host.v4 as string).replace(/\d+$/, '0/24');
    for (const range of ['0.0.0.0/1', '128.0.0.0/1', lan])
      await a.site.host.run(['ip', 'route', 'add', range, 'via', b.node.ip, 'dev', 'evio0']);
    const standing = await ping(a.ns, b.node.ip, { count: 60, intervalMs: 50 });
    expect(standing.received).toBeGreaterThan(50);
    // By now the node has heard of the routes: what it sent in the instant before is no fault.
    // What is not for the member itself would be an outer packet: questions to the server, and all others.
    const outer = 'meta oifname evio0 meta l4proto udp ip daddr != 10.144.0.0/16';
    const rules = [`${outer} udp dport 3478 counter accept`, `${outer} counter`].join('; ');
    await shell(
      a.ns,
      `nft 'table inet seen { chain o { type filter hook output priority 0; ${rules}; }; }'\n`,
    );
    // Another call, of which the routes are there from the beginning.
    await b.node.stop();
    b.node.launch(['node']);
    await b.node.up();
    await untilPath(b, a, 'webrtc', 60_000);
    await untilPath(a, b, 'webrtc', 10_000);
    expect((await peerOf(a, b))?.path?.endpoint).toMatch(/^webrtc:\/\/192\.0\.2\./);
    const { received } = await ping(a.ns, b.node.ip, { count: 60, intervalMs: 50 });
    expect(received).toBeGreaterThan(50);
    const { stdout } = await run(['nft', 'list', 'table', 'inet', 'seen'], { ns: a.ns });
    const [questions, others] = [...stdout.matchAll(/counter packets (\d+)/g)].map(([, n]) => Number(n));
    expect(others).toBe(0);
    // The first questions of a call, before the library's socket is pinned, may.
    const { stdout: why } = await a.node.cli(['why', 'n1']);
    const calls = why.match(/ webrtc +call/g)?.length ?? 0;
    expect(calls).toBeGreaterThanOrEqual(1);
    expect(questions).toBeLessThanOrEqual(3 * calls);
  });

  it('is where a call goes, too, whose server has a dead IPv6 address beside that of IPv4', async () => {
    net = await TestNet.create({ nat: 'endpoint-independent', ipv6: true });
    const a = net.nodes[0] as TestNode;
    coturn = await startTurn(net);
    const { address, url } = coturn;
    net.rig.lab.names({ 'turn.evio.example': { v4: address, v6: '2001:db8::dead' } });
    const b = await net.place({ nat: 'address-and-port-dependent', ipv6: true });
    for (const node of [a, b]) {
      await onlyUdpTo(node, address);
      const rule = 'inet strict forward meta nfproto ipv6 meta l4proto udp drop';
      await run(['nft', 'add', 'rule', ...rule.split(' ')], { ns: node.site.routers[0] as string });
    }
    net.join(b, ['--ice-server', url.replace(address, 'turn.evio.example')]);
    await b.node.up();
    // The first call.
    await untilPath(b, a, 'webrtc', 14_000);
    await untilPath(a, b, 'webrtc', 5_000);
  });

  it('goes by WebRTC, carries TCP, shows no password, and goes back to the relay when the server dies', async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    const a = net.nodes[0] as TestNode;
    coturn = await startTurn(net);
    const { address, url } = coturn;
    await onlyUdpTo(a, address);
    const b = await net.place({ nat: 'address-and-port-dependent' });
    await onlyUdpTo(b, address);
    const password = encodeURIComponent(turn.password);
    net.join(b, ['--ice-server', url]);
    await b.node.up();
    await reaches(a, b, 30_000);
    await untilPath(b, a, 'webrtc', 30_000);
    await untilPath(a, b, 'webrtc', 5_000);
    expect((await peerOf(a, b))?.path?.endpoint).toMatch(/^webrtc:\/\/192\.0\.2\.\d+:\d+$/);

    const pinged = await a.node.json<{ received: number; replies: { path: string }[] }>([
      ...['ping', 'n1', '-c', '3'],
    ]);
    expect(pinged.replies.map(({ path }) => path)).toEqual(['webrtc', 'webrtc', 'webrtc']);
    const sent = await iperfTcp(b.ns, a.ns, a.node.ip, { seconds: 1 });
    const back = await iperfTcp(b.ns, a.ns, a.node.ip, { seconds: 1, reverse: true });
    console.log(`by TURN: ${sent.mbps.toFixed(0)} and ${back.mbps.toFixed(0)} Mbit/s`);
    expect(Math.min(sent.mbps, back.mbps)).toBeGreaterThan(2);

    const shown = await Promise.all(
      ['status', 'peers', 'why n0'].map(
        async (words) => (await b.node.cli([...words.split(' '), '--json'])).stdout,
      ),
    );
    expect(shown[2]).toContain('webrtc');
    const process = b.node.process as LabProcess;
    const said = [
      ...shown,
      ...process.stderr,
      ...process.stdout,
      readFileSync(`/proc/${process.pid}/cmdline`, 'utf8'),
    ];
    for (const secret of [turn.password, password]) expect(said.join('\n')).not.toContain(secret);
    const folder = join(b.node.home, 'networks');
    const profile = join(folder, readdirSync(folder)[0] as string, 'profile.json');
    expect(readFileSync(profile, 'utf8')).toContain(url);
    expect(statSync(profile).mode & 0o777).toBe(0o600);

    const gap = await outage(
      a,
      b,
      async () => {
        await coturn?.server.stop(1_000);
      },
      5_000,
    );
    console.log(`TURN server gone: ${gap.longestMs.toFixed(0)} ms without an answer`);
    await untilPath(a, b, 'relay-ws', 10_000);
  });
});

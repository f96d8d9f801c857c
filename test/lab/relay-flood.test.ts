/** Strangers who flood a relay with STUN from forged addresses: what its members notice of it. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { run } from '../../src/lab/exec.js';
import { reaches, TestNet, type TestNode } from './support.js';

const flooder = fileURLToPath(new URL('../support/stun-flood.mjs', import.meta.url));

/** Asks by STUN fifty times a second, by IPv6 as the member's connection; prints how often it asked and was answered. */
const asker = `
  const [host, port, seconds] = process.argv.slice(1); const s = require('node:dgram').createSocket('udp6'); let asked = 0, answered = 0;
  s.on('message', () => answered++);
  const ask = () => { const b = Buffer.alloc(20); b.writeUInt16BE(1, 0); b.writeUInt32BE(0x2112a442, 4); b.writeUInt32BE(++asked, 8); s.send(b, Number(port), host); };
  const timer = setInterval(ask, 20);
  setTimeout(() => { clearInterval(timer); setTimeout(() => { console.log(JSON.stringify({ asked, answered })); s.close(); }, 500); }, seconds * 1000);`;

let net: TestNet;
let a: TestNode;
let b: TestNode;

beforeAll(async () => {
  net = await TestNet.create({ nat: 'public' });
  await net.add({ nat: 'endpoint-independent' });
  [a, b] = net.nodes as [TestNode, TestNode];
  await reaches(a, b, 5_000);
});
afterAll(async () => {
  await net?.destroy();
});

/** Datagrams that a namespace's kernel gave to programs. */
async function datagramsIn(ns: string): Promise<number> {
  const { stdout } = await run(['cat', '/proc/net/snmp'], { ns });
  return Number(/^Udp: (\d+)/m.exec(stdout)?.[1]);
}

it('20 000 a second from anywhere cost a member no answers', async () => {
  const relay = net.rig.relay.host;
  const host = relay.site.outside.v4 as string;
  const stranger = await net.rig.lab.publicHost('forger');
  for (const name of ['all', 'default', 'eth0', 'wan']) {
    await run(['sysctl', '-qw', `net.ipv4.conf.${name}.rp_filter=0`], { ns: relay.ns }).catch(
      () => undefined,
    );
  }
  const before = await datagramsIn(relay.ns);
  const flood = run([process.execPath, flooder, host, '443', '20000', '8'], { ns: stranger.ns });
  const { stdout } = await run([process.execPath, '-e', asker, relay.site.outside.v6 as string, '443', '6'], {
    ns: a.ns,
  });
  const sent = Number((await flood).stdout);
  const taken = (await datagramsIn(relay.ns)) - before;
  const { asked, answered } = JSON.parse(stdout) as { asked: number; answered: number };
  console.log(
    `${sent} sent, ${taken} taken by the relay; a member was answered ${answered} of ${asked} times`,
  );
  expect(taken).toBeGreaterThan(8 * 15_000);
  expect(asked).toBeGreaterThan(250);
  expect(answered).toBeGreaterThanOrEqual(asked * 0.98);
});

/**
 * A member that turns hostile, unmodified: it sends what it likes from its own interface. Nobody's entry of another member
 * moves, the pair it wants to hear goes on undisturbed, and every refusal is counted.
 */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressBytes, addressText } from '../../src/core/lib/endpoint.js';
import { run, sleep } from '../../src/lab/exec.js';
import { ping } from '../../src/lab/measure.js';
import {
  arpFrame,
  ipv4Frame,
  ipv6Frame,
  linkLocalOf,
  neighbourBody,
  tagged,
  udpFrame,
  withChecksum,
} from '../support/frames.js';
import { reaches, TestNet, untilPath, type TestNode } from './support.js';

const device = 'evio0';
const raw = fileURLToPath(new URL('../support/raw-frames.mjs', import.meta.url));
const priority = [0x8100, 0] as const;
const everyone = new Uint8Array(6).fill(255);

interface Place {
  readonly node: TestNode;
  readonly mac: Uint8Array;
  readonly ip: number;
  readonly local: Uint8Array;
  /** Its IPv6 address in the network. */
  readonly inner: Uint8Array;
}

describe('a hostile member', () => {
  let net: TestNet;
  let witness: Place;
  let victim: Place;
  let attacker: Place;

  async function placeOf(node: TestNode): Promise<Place> {
    const status = await node.node.json<{ node: { mac: string; ip: string; ip6: string } }>(['status']);
    const mac = Uint8Array.from(Buffer.from(status.node.mac.replaceAll(':', ''), 'hex'));
    const ip = Buffer.from(status.node.ip.split('.').map(Number)).readUInt32BE();
    const inner = addressBytes(status.node.ip6) as Uint8Array;
    return { node, mac, ip, local: linkLocalOf(mac), inner };
  }

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    await net.add({ nat: 'endpoint-independent' });
    await net.add({ nat: 'endpoint-independent' });
    const [a, b, c] = net.nodes as [TestNode, TestNode, TestNode];
    await reaches(a, b, 5_000);
    await reaches(a, c, 5_000);
    await reaches(b, c, 5_000);
    await untilPath(a, b, 'direct', 5_000);
    await untilPath(a, c, 'direct', 5_000);
    [witness, victim, attacker] = [await placeOf(a), await placeOf(b), await placeOf(c)];
  });
  afterAll(async () => {
    await net?.destroy();
  });

  const textOf = (local: Uint8Array): string =>
    Array.from({ length: 8 }, (_, i) =>
      Buffer.from(local)
        .readUInt16BE(2 * i)
        .toString(16),
    ).join(':');
  const macText = (mac: Uint8Array): string =>
    Array.from(mac, (b) => b.toString(16).padStart(2, '0')).join(':');

  /** MAC that the witness has for an address. */
  async function entry(address: string): Promise<string | undefined> {
    const { stdout } = await run(['ip', 'neigh', 'show', address, 'dev', device], { ns: witness.node.ns });
    return /lladdr (\S+)/.exec(stdout)?.[1];
  }

  async function drops(): Promise<Record<string, number>> {
    return (await witness.node.node.json<{ device: { drops: Record<string, number> } }>(['status'])).device
      .drops;
  }

  /** The attacker's program sends the frame; returns how many of which reason the witness dropped for it. */
  async function send(frame: Uint8Array): Promise<Record<string, number>> {
    const before = await drops();
    await run([process.execPath, raw, device, Buffer.from(frame).toString('hex'), '2'], {
      ns: attacker.node.ns,
    });
    await sleep(200);
    return Object.fromEntries(
      Object.entries(await drops()).flatMap(([reason, n]) =>
        reason.startsWith('guard-') && n > (before[reason] ?? 0) ? [[reason, n - (before[reason] ?? 0)]] : [],
      ),
    );
  }

  it('moves no ARP entry, by whatever it wraps its answers in', async () => {
    const { mac, ip } = attacker;
    const forged = arpFrame(
      witness.mac,
      mac,
      2,
      { mac, ip: victim.ip },
      { mac: witness.mac, ip: witness.ip },
    );
    const asked = arpFrame(
      everyone,
      mac,
      1,
      { mac, ip: victim.ip },
      { mac: new Uint8Array(6), ip: victim.ip },
    );
    const snap = (frame: Uint8Array): Uint8Array =>
      Uint8Array.from([
        ...frame.subarray(0, 12),
        0,
        frame.length - 6,
        0xaa,
        0xaa,
        3,
        0,
        0,
        0,
        ...frame.subarray(12),
      ]);
    const attacks: [string, Uint8Array, string][] = [
      ['plain', forged, 'guard-ip'],
      ['announced', asked, 'guard-ip'],
      ['one tag', tagged(forged, priority), 'guard-ip'],
      ['two tags', tagged(forged, priority, [0x88a8, 0]), 'guard-ip'],
      ['three tags', tagged(forged, priority, priority, priority), 'guard-unreadable'],
      ['announced under three tags', tagged(asked, priority, priority, priority), 'guard-unreadable'],
      ['seven tags', tagged(forged, ...new Array<typeof priority>(7).fill(priority)), 'guard-unreadable'],
      ['SNAP', snap(forged), 'guard-unreadable'],
      // What it says of itself must be true too: this one points at the victim's MAC.
      [
        'its own address at another MAC',
        arpFrame(witness.mac, mac, 2, { mac: victim.mac, ip }, { mac: witness.mac, ip: witness.ip }),
        'guard-mac',
      ],
    ];
    for (const [name, frame, reason] of attacks) {
      // Linux believes no second answer within a second (arp_process(), locktime).
      await sleep(1_000);
      expect([name, await send(frame), await entry(victim.node.node.ip)]).toEqual([
        name,
        { [reason]: 2 },
        macText(victim.mac),
      ]);
    }
    expect((await ping(witness.node.ns, victim.node.node.ip, { count: 5, intervalMs: 100 })).received).toBe(
      5,
    );
  });

  it('moves no entry of neighbour discovery', async () => {
    const [own, ula, inner] = [textOf(victim.local), 'fd77:1::b', addressText(victim.inner)];
    const chosenAs = (last: number): Uint8Array =>
      Uint8Array.from([0xfd, 0x77, 0, 1, ...new Array<number>(11).fill(0), last]);
    // For the witness's link-local the attacker's own node would answer.
    const [chosen, asked] = [chosenAs(0xb), chosenAs(0xa)];
    await run(['ip', 'addr', 'add', 'fd77:1::a/64', 'dev', device, 'nodad'], { ns: witness.node.ns });
    await run(['ip', 'addr', 'add', `${ula}/64`, 'dev', device, 'nodad'], { ns: victim.node.ns });
    for (const address of [`${own}%${device}`, ula, inner])
      expect((await ping(witness.node.ns, address, { count: 3, intervalMs: 100 })).received).toBe(3);
    const { mac, local } = attacker;
    const option = [2, 1, ...mac];
    const nobody = Uint8Array.from([...victim.inner.subarray(0, 8), 0, 0, 0, 0, 0, 0, 0, 0x66]);
    const say = (next: number, body: readonly number[], source = local): Uint8Array =>
      withChecksum(ipv6Frame(witness.mac, mac, source, witness.local, next, body));
    const options = [58, 0, 1, 4, 0, 0, 0, 0];
    const attacks: [string, Uint8Array, string][] = [
      ['link-local', say(58, neighbourBody(136, victim.local, option)), 'guard-ip'],
      ['chosen', say(58, neighbourBody(136, chosen, option)), 'guard-ip'],
      ['behind options', say(60, [...options, ...neighbourBody(136, victim.local, option)]), 'guard-ip'],
      ['chosen, behind options', say(60, [...options, ...neighbourBody(136, chosen, option)]), 'guard-ip'],
      [
        'under three tags',
        tagged(say(58, neighbourBody(136, chosen, option)), priority, priority, priority),
        'guard-unreadable',
      ],
      ['in the network', say(58, neighbourBody(136, victim.inner, option)), 'guard-ip'],
      [
        'in the network, from its own',
        say(58, neighbourBody(136, victim.inner, option), attacker.inner),
        'guard-ip',
      ],
      ['an echo as the victim', say(58, [128, 0, 0, 0, 0, 1, 0, 1], victim.inner), 'guard-ip'],
      ['in the network as nobody', say(58, [128, 0, 0, 0, 0, 1, 0, 1], nobody), 'guard-ip'],
      ['asking as the victim', say(58, neighbourBody(135, asked, [1, 1, ...mac]), chosen), 'guard-ip'],
      ['another link-layer address', say(58, neighbourBody(136, local, [2, 1, ...victim.mac])), 'guard-mac'],
    ];
    for (const [name, frame, reason] of attacks) {
      const refused = await send(frame);
      expect([name, refused, await entry(own), await entry(ula), await entry(inner)]).toEqual([
        name,
        { [reason]: 2 },
        macText(victim.mac),
        macText(victim.mac),
        macText(victim.mac),
      ]);
    }
    for (const address of [`${own}%${device}`, ula])
      expect((await ping(witness.node.ns, address, { count: 3, intervalMs: 100 })).received).toBe(3);
  });

  it('is no router, no DHCP server, and has one IPv4 address', async () => {
    const { mac, ip, local } = attacker;
    const to = witness.mac;
    const udp = [0, 67, 0, 68, 0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    const route = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    const all = Uint8Array.of(0xff, 2, ...new Array<number>(13).fill(0), 1);
    const attacks: [string, Uint8Array, string][] = [
      ['RA', withChecksum(ipv6Frame(to, mac, local, all, 58, route)), 'guard-service'],
      ['DHCP', ipv4Frame(to, mac, ip, witness.ip, 17, udp), 'guard-service'],
      [
        'redirect',
        ipv4Frame(to, mac, ip, witness.ip, 1, [5, 1, 0, 0, 10, 144, 0, 1, ...new Array<number>(28).fill(0)]),
        'guard-service',
      ],
      ['the victim’s address', udpFrame(to, mac, victim.ip, witness.ip, new Uint8Array(8)), 'guard-ip'],
      ['nobody’s address', udpFrame(to, mac, 0x0808_0808, witness.ip, new Uint8Array(8)), 'guard-ip'],
      [
        'nobody’s, under three tags',
        tagged(udpFrame(to, mac, 0x0808_0808, witness.ip, new Uint8Array(8)), priority, priority, priority),
        'guard-unreadable',
      ],
    ];
    for (const [name, frame, reason] of attacks)
      expect([name, await send(frame)]).toEqual([name, { [reason]: 2 }]);
    const { stdout } = await run(['ip', '-6', 'route', 'show', 'default'], { ns: witness.node.ns });
    expect(stdout).not.toContain(device);
    // As itself it is as welcome as before.
    expect((await ping(attacker.node.ns, witness.node.node.ip, { count: 3, intervalMs: 100 })).received).toBe(
      3,
    );
    expect(
      (await ping(attacker.node.ns, `${textOf(witness.local)}%${device}`, { count: 3, intervalMs: 100 }))
        .received,
    ).toBe(3);
  });

  it('does not stand in the way of a VLAN between two honest members', async () => {
    const script = fileURLToPath(new URL('./vlan-echo.mjs', import.meta.url));
    const answering = victim.node.site.host.launch([process.execPath, script, 'answer', device, '5']);
    await answering.line(/ready/, 10_000);
    const echo = [process.execPath, script, 'ping', device, '5', macText(victim.mac), '5', '1322'];
    expect((await run(echo, { ns: witness.node.ns })).stdout).toContain('5 received');
    await answering.stop(300);
  });
});

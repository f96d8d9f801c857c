/**
 * The guard under fire: frames that an attacker may build, changed at random in tags, headers, options and lengths. Whatever
 * passes is read again by an independent, slow reader that behaves like a host (support/host-reading.ts): it must find
 * nothing there that speaks for another member.
 */
import { describe, expect, it } from 'vitest';
import { AddressOwners, ownerKeys } from '../../src/core/switch/address-owners.js';
import { Guard, Verdict, type GuardSubject } from '../../src/core/switch/guard.js';
import { MemberTable } from '../../src/core/switch/members.js';
import { changedFrame, Dice, ip4 } from '../support/frame-changes.js';
import { ipv6Frame, linkLocalOf, udpFrame } from '../support/frames.js';
import { hex, readAsHost } from '../support/host-reading.js';
import { hostile, honest, victimUla } from '../support/hostile-frames.js';
import { subnetTable } from '../support/subnets.js';
import { ip6Of } from '../../src/core/identity/inner-ipv6.js';
import { ipOf, macOf, prefix6, words6 } from '../support/loop-rig.js';

/** FUZZ_FRAMES=10000000 for a long run, FUZZ_SEED to see a failure again. */
const wanted = process.env['FUZZ_FRAMES'];
const frames = Number(wanted ?? 200_000);
const limitMs = wanted === undefined ? 20_000 : Infinity;
const own = macOf(1);
const others = [macOf(2), macOf(3)];

const zero4 = '00000000';
const zero6 = '0'.repeat(32);
const ownMac = hex(own);
const ownIp = hex(ip4(1));
const ownLocal = hex(linkLocalOf(own));
/** What member 1 must never be believed to be. */
const foreign = new Set([
  hex(ip4(2)),
  hex(ip4(3)),
  hex(victimUla),
  ...others.map((mac) => hex(linkLocalOf(mac))),
]);
/** Lower halves of addresses made from others' MACs. */
const interfaces = others.map((mac) => hex(linkLocalOf(mac)).slice(16));

/** Subnets behind member 1 and behind member 3, as far as they are told apart in hexadecimal. */
const behindOwn = /^(0a4d01|fd770001000000000000)/;
const behindOther = /^(0a4d03|fd770003000000000000)/;
const quad = (ip: number): Uint8Array => new Uint8Array(Uint32Array.of(ip).buffer).reverse();
/** Frames of member 1 from a subnet, its own and another's. */
const behind = [0x0a4d_0105, 0x0a4d_0305].flatMap((ip) => {
  const six = Uint8Array.of(0xfd, 0x77, 0, quad(ip)[2] as number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5);
  return [
    udpFrame(macOf(2), own, ip, ipOf(2), new Uint8Array(8)),
    ipv6Frame(macOf(2), own, six, linkLocalOf(macOf(2)), 58, [128, 0, 0, 0, 0, 1, 0, 1]),
  ];
});

/** What is wrong with a frame that member 1 sent, in the eyes of a host; undefined when nothing is. */
function wrong(frame: Uint8Array): string | undefined {
  const { from, vlan, said } = readAsHost(frame);
  if (from !== ownMac) return `source ${from}`;
  const says = (what: string): boolean => said.some((s) => s.what === what);
  for (const s of said) {
    switch (s.what) {
      case 'arp':
        if (s.mac !== ownMac) return `ARP of ${s.mac}`;
        if (foreign.has(s.ip)) return `ARP for ${s.ip}`;
        if (!vlan && s.ip !== ownIp && s.ip !== zero4 && !behindOwn.test(s.ip)) return `ARP for ${s.ip}`;
        if (s.operation !== 1 && s.operation !== 2) return `ARP operation ${s.operation}`;
        if (s.ip === zero4 && s.operation !== 1) return 'ARP answer without an address';
        break;
      case 'target':
      case 'source': {
        // Inside a VLAN an address that its owner chose for the network is another.
        if (foreign.has(s.ip) && !(vlan && s.ip === hex(victimUla))) return `${s.what} ${s.ip}`;
        if (!vlan && s.ip.startsWith(hex(prefix6)) && s.ip !== hex(ip6Of(prefix6, own)))
          return `${s.what} ${s.ip}`;
        if (!vlan && behindOther.test(s.ip)) return `${s.what} ${s.ip}`;
        if (s.ip.length === 8) {
          if (s.ip !== ownIp && s.ip !== zero4 && !behindOwn.test(s.ip) && !vlan) return `source ${s.ip}`;
          const asks = said.some((u) => u.what === 'udp' && u.from === 68 && u.to === 67);
          if (s.ip === zero4 && !asks && !says('igmp')) return 'no source, and no question';
          if (/^(7f|[ef])/.test(s.ip)) return `source ${s.ip}`;
          break;
        }
        if (s.ip.startsWith('ff')) return `${s.what} ${s.ip}`;
        if (interfaces.some((tail) => s.ip.endsWith(tail))) return `${s.what} ${s.ip}`;
        if (s.ip.startsWith('fe80000000000000') && s.ip.slice(22, 26) === 'fffe' && s.ip !== ownLocal)
          return `${s.what} ${s.ip}`;
        if (s.ip !== zero6) {
          if (s.ip.startsWith('0'.repeat(16))) return `${s.what} ${s.ip}`;
          break;
        }
        const may = [130, 131, 132, 133, 135, 143];
        if (s.what === 'target' || !said.some((u) => u.what === 'icmp6' && may.includes(u.type)))
          return 'no source, and no question';
        break;
      }
      case 'link-layer':
        if (s.mac !== ownMac) return `link-layer address ${s.mac}`;
        break;
      case 'icmp':
        if (s.type === 5 || s.type === 9) return `ICMP ${s.type}`;
        break;
      case 'icmp6':
        if (s.type === 134 || s.type === 137) return `ICMPv6 ${s.type}`;
        if (s.fragment && s.type >= 133 && s.type <= 137) return 'neighbour discovery in a fragment';
        break;
      case 'udp':
        if (s.v6 ? s.from === 547 || s.to === 546 : s.from === 67 || s.to === 68) return 'a DHCP answer';
        break;
      default:
    }
  }
  return undefined;
}

describe('the guard', () => {
  const members = new MemberTable();
  members.replace([1, 2, 3].map((n) => ({ ip: ipOf(n), mac: macOf(n) })));
  const subjectOf = (n: number): GuardSubject => {
    const view = new DataView(macOf(n).buffer);
    return { macHigh: view.getUint16(0), macLow: view.getInt32(2), ip: ipOf(n), bridge: false };
  };
  const attacker = subjectOf(1);
  const subnets = subnetTable([
    ['10.77.1.0/24', own],
    ['fd77:1::/64', own],
    ['10.77.3.0/24', macOf(3)],
    ['fd77:3::/64', macOf(3)],
  ]);
  const claim = ipv6Frame(macOf(2), macOf(3), victimUla, linkLocalOf(macOf(2)), 59, []);

  function freshGuard(salt: number): Guard {
    const keys = Int32Array.from({ length: ownerKeys }, (_, i) => Math.imul(i + salt, 0x9e3779b1));
    const guard = new Guard(members, new AddressOwners(keys), subnets, words6);
    expect(guard.judge(new DataView(claim.buffer), 0, claim.length, subjectOf(3), true)).toBe(Verdict.pass);
    return guard;
  }

  it('is judged by a reader that sees what attacks say', () => {
    for (const { name, frame } of honest) expect([name, wrong(frame)]).toEqual([name, undefined]);
    const seen = hostile.filter(({ frame }) => frame.length >= 14 && wrong(frame) !== undefined);
    // The rest a host throws away, or cannot read either.
    expect(seen.length).toBeGreaterThan(75);
    expect(seen.map((c) => c.name)).toEqual(
      expect.arrayContaining([
        'ARP as another under three tags',
        'an ARP answer with another hardware address',
        'advertising a member behind destination options',
        'ARP by SNAP',
        'a redirect of IPv4',
        'a DHCP answer',
      ]),
    );
  });

  it('passes nothing that speaks for another', { timeout: 600_000 }, () => {
    const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000_007);
    const dice = new Dice(seed);
    const ended = performance.now() + limitMs;
    const verdicts = new Array<number>(8).fill(0);
    const passed = new Map<string, number>();
    let guard = freshGuard(seed);
    let tried = 0;
    for (; tried < frames && (tried % 1_000 !== 0 || performance.now() < ended); tried++) {
      // So that its share of addresses is never used up.
      if (tried % 2_000 === 0) guard = freshGuard(seed + tried);
      const frame = changedFrame(dice, behind);
      const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
      const verdict = guard.judge(view, 0, frame.length, attacker, true);
      verdicts[verdict] = (verdicts[verdict] as number) + 1;
      if (verdict !== Verdict.pass) continue;
      const fault = wrong(frame);
      if (fault !== undefined) throw new Error(`seed ${seed}, frame ${tried}: ${fault} in ${hex(frame)}`);
      for (const { what } of readAsHost(frame).said) passed.set(what, (passed.get(what) ?? 0) + 1);
    }
    // It looked at all that it should look at.
    expect(tried).toBeGreaterThan(frames / 20);
    for (const verdict of Object.values(Verdict))
      expect([verdict, (verdicts[verdict] as number) > tried / 500]).toEqual([verdict, true]);
    for (const what of ['arp', 'source', 'udp', 'icmp', 'icmp6', 'igmp', 'tcp', 'target', 'link-layer'])
      expect([what, (passed.get(what) ?? 0) > tried / 1_000]).toEqual([what, true]);
  });
});

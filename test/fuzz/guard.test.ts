/**
 * The guard under fire: frames that an attacker may build, changed at random in tags, headers, options and lengths. Whatever
 * passes is read again by an independent, slow reader that behaves like a host (support/host-reading.ts): it must find
 * nothing there that speaks for another member.
 */
import { describe, expect, it } from 'vitest';
import { AddressOwners, ownerKeys } from '../../src/core/switch/address-owners.js';
import { Guard, Verdict, type GuardSubject } from '../../src/core/switch/guard.js';
import { MemberTable } from '../../src/core/switch/members.js';
import { ipv6Frame, linkLocalOf } from '../support/frames.js';
import { hex, readAsHost } from '../support/host-reading.js';
import { hostile, honest, victimUla } from '../support/hostile-frames.js';
import { ipOf, macOf } from '../support/loop-rig.js';

/** FUZZ_FRAMES=10000000 for a long run, FUZZ_SEED to see a failure again. */
const wanted = process.env['FUZZ_FRAMES'];
const frames = Number(wanted ?? 200_000);
const limitMs = wanted === undefined ? 20_000 : Infinity;
const own = macOf(1);
const others = [macOf(2), macOf(3)];
const ip4 = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(ipOf(n)).buffer).reverse();

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
        if (!vlan && s.ip !== ownIp && s.ip !== zero4) return `ARP for ${s.ip}`;
        if (s.operation !== 1 && s.operation !== 2) return `ARP operation ${s.operation}`;
        if (s.ip === zero4 && s.operation !== 1) return 'ARP answer without an address';
        break;
      case 'target':
      case 'source': {
        // Inside a VLAN an address that its owner chose for the network is another.
        if (foreign.has(s.ip) && !(vlan && s.ip === hex(victimUla))) return `${s.what} ${s.ip}`;
        if (s.ip.length === 8) {
          if (s.ip !== ownIp && s.ip !== zero4 && !vlan) return `source ${s.ip}`;
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

/** xorshift32: a failure names its seed. */
class Dice {
  #x: number;
  constructor(seed: number) {
    this.#x = seed | 1;
  }
  below(n: number): number {
    this.#x ^= this.#x << 13;
    this.#x ^= this.#x >>> 17;
    this.#x ^= this.#x << 5;
    return (this.#x >>> 0) % n;
  }
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

const put = (frame: Uint8Array, at: number, bytes: readonly number[] | Uint8Array): Uint8Array => {
  if (at < 0 || at + bytes.length > frame.length) return frame;
  const copy = frame.slice();
  copy.set(bytes, at);
  return copy;
};
const insert = (frame: Uint8Array, at: number, bytes: readonly number[]): Uint8Array =>
  at > frame.length ? frame : Uint8Array.from([...frame.subarray(0, at), ...bytes, ...frame.subarray(at)]);
const word = (n: number): number[] => [(n >> 8) & 255, n & 255];

/** Where the type stands behind the tags, as an attacker would count. */
function typeAt(frame: Uint8Array): number {
  let at = 12;
  while (at + 4 < frame.length && [0x81, 0x88, 0x91].includes(frame[at] as number)) at += 4;
  return at;
}

const addresses = [ip4(1), ip4(2), ip4(3), Uint8Array.of(0, 0, 0, 0), Uint8Array.of(224, 0, 0, 1)];
const addresses6 = [
  linkLocalOf(own),
  ...others.map(linkLocalOf),
  victimUla,
  new Uint8Array(16),
  Uint8Array.of(0xfd, ...new Array<number>(14).fill(0), 9),
];
const macs = [own, ...others];
const types = [0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8, 0x9100, 0x8035, 0x88b5, 0x0040];
const nexts = [0, 6, 17, 43, 44, 50, 51, 58, 59, 60, 135, 139, 140, 41, 253];

const extension = (dice: Dice, next: number): number[] => {
  const words = dice.below(3);
  return [
    next,
    dice.of([words, words, 0, 255]),
    ...new Array<number>(6 + 8 * words).fill(0).map(() => dice.of([0, 1, 0, 5, 0xc9])),
  ];
};

/** Ways to change a frame: each what an attacker may try. */
const changes: readonly ((frame: Uint8Array, dice: Dice) => Uint8Array)[] = [
  // Tags, of every type, some of a VLAN, some cut.
  (f, d) =>
    insert(
      f,
      12,
      Array.from({ length: 1 + d.below(4) }, () => [
        ...word(d.of([0x8100, 0x8100, 0x88a8, 0x9100])),
        ...word(d.of([0, 0, 0xe000, 5])),
      ]).flat(),
    ),
  (f, d) => put(f, typeAt(f), word(d.of(types))),
  // Extension headers, with the chain mended.
  (f, d) => {
    const at = typeAt(f);
    if (f[at] !== 0x86 || at + 42 > f.length) return f;
    const kind = d.of([0, 43, 60, 51, 44, 135, 139, 140]);
    const header =
      kind === 44
        ? [f[at + 8] as number, 0, ...word(d.of([0, 1, 8, 9])), 0, 0, 0, d.below(4)]
        : extension(d, f[at + 8] as number);
    const longer = insert(f, at + 42, header);
    const size = ((f[at + 6] as number) << 8) | (f[at + 7] as number);
    return put(put(longer, at + 8, [kind]), at + 6, word(size + header.length));
  },
  (f, d) => put(f, typeAt(f) + 8, [d.of(nexts)]),
  // Lengths.
  (f, d) => put(f, typeAt(f) + d.of([4, 6]), word(d.of([0, 8, 20, f.length - 14, f.length, d.below(200)]))),
  (f, d) => f.slice(0, 12 + d.below(f.length)),
  (f, d) => Uint8Array.from([...f, ...new Array<number>(d.below(20)).fill(d.below(3))]),
  // Addresses where addresses are.
  (f, d) => put(f, typeAt(f) + d.of([10, 10, 16, 26]), d.of(macs)),
  (f, d) => put(f, typeAt(f) + d.of([14, 16]), d.of(addresses)),
  (f, d) => put(f, typeAt(f) + d.of([10, 10, 50, 58]), d.of(addresses6)),
  // Options of neighbour discovery.
  (f, d) => {
    const at = typeAt(f);
    const option = [d.of([1, 2, 14]), d.of([1, 1, 1, 2, 0]), ...d.of(macs)];
    const size = ((f[at + 6] as number) << 8) | (f[at + 7] as number);
    return f[at] === 0x86 ? put(Uint8Array.from([...f, ...option]), at + 6, word(size + 8)) : f;
  },
  // LLC.
  (f, d) =>
    insert(f, 12, [
      ...word(f.length),
      ...d.of([
        [0xaa, 0xaa, 3, 0, 0, 0],
        [0xaa, 0xaa, 3, 0, 0, 0xf8],
        [0xab, 0xaa, 3, 0, 0, 0],
        [6, 6, 3],
        [0x98, 0x98, 3],
      ]),
    ]),
  // Ports, types, protocols, and any byte.
  (f, d) => put(f, typeAt(f) + d.of([22, 24, 42, 44]), word(d.of([67, 68, 546, 547, 9]))),
  (f, d) => put(f, typeAt(f) + 11, [d.of([1, 2, 6, 17, 47, 51])]),
  (f, d) => put(f, typeAt(f) + d.of([22, 42, 50]), [d.of([5, 8, 9, 133, 134, 135, 136, 137])]),
  (f, d) => put(f, 12 + d.below(80), [d.below(256)]),
  (f, d) => put(f, 12 + d.below(80), [d.below(256)]),
];

describe('the guard', () => {
  const members = new MemberTable();
  members.replace([1, 2, 3].map((n) => ({ ip: ipOf(n), mac: macOf(n) })));
  const subjectOf = (n: number): GuardSubject => {
    const view = new DataView(macOf(n).buffer);
    return { macHigh: view.getUint16(0), macLow: view.getInt32(2), ip: ipOf(n), bridge: false };
  };
  const attacker = subjectOf(1);
  const claim = ipv6Frame(macOf(2), macOf(3), victimUla, linkLocalOf(macOf(2)), 59, []);

  function freshGuard(salt: number): Guard {
    const keys = Int32Array.from({ length: ownerKeys }, (_, i) => Math.imul(i + salt, 0x9e3779b1));
    const guard = new Guard(members, new AddressOwners(keys));
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
    const seeds = [...honest, ...hostile].map(({ frame }) => frame).filter((frame) => frame.length >= 14);
    const ended = performance.now() + limitMs;
    const verdicts = new Array<number>(8).fill(0);
    const passed = new Map<string, number>();
    let guard = freshGuard(seed);
    let tried = 0;
    for (; tried < frames && (tried % 1_000 !== 0 || performance.now() < ended); tried++) {
      // So that its share of addresses is never used up.
      if (tried % 2_000 === 0) guard = freshGuard(seed + tried);
      let frame = dice.of(seeds);
      for (let n = 1 + dice.below(4); n > 0; n--) frame = dice.of(changes)(frame, dice);
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

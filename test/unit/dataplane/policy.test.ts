/** A policy where it stands: in the packet loop, behind the guard, for what comes and what goes. */
import { describe, expect, it } from 'vitest';
import { OwnFlows } from '../../../src/core/switch/own-flows.js';
import { policyCounts } from '../../../src/core/switch/policy-filter.js';
import { dropReasons, type DropReason } from '../../../src/core/dataplane/plane/plane.js';
import { PeerField, peerStride } from '../../../src/core/dataplane/plane/shared.js';
import { compilePolicy } from '../../../src/core/policy/compile.js';
import type { Subject } from '../../../src/core/policy/evaluate.js';
import { parsePolicy } from '../../../src/core/policy/parse.js';
import { Kind } from '../../../src/core/wire/packet.js';
import { arpFrame, buildTcp, neighbourBody, linkLocalOf, plainFrame, tagged } from '../../support/frames.js';
import { floodOf } from '../../support/floods.js';
import {
  endpointOf,
  envelope,
  fromDevice,
  ipOf,
  macOf,
  makeRig,
  sealFor,
  slotOf,
  type Rig,
} from '../../support/loop-rig.js';
import { echo, echoBody, Flag, ipv4, ipv6, tcp, tcpBody, udp, udpBody } from '../../support/policy-frames.js';

/** Tags of the members: 1 is web, 3 a guest, 4 a guest with the bridge right. */
const tagsOf: Readonly<Record<number, readonly string[]>> = { 1: ['web'], 3: ['guest'], 4: ['guest'] };
const subject = (n: number): Subject => ({
  id: n.toString(16).padStart(32, '0'),
  name: `n${n}`,
  ip: ipOf(n),
  role: 'switch',
  tags: tagsOf[n] ?? [],
});

class Receiver {
  readonly rig: Rig;
  rules = 0;
  #flows: OwnFlows | undefined;
  sequence = 1;

  constructor(text?: string) {
    const rig = makeRig(2);
    this.rig = rig;
    for (const n of [1, 3, 4]) rig.meet(n, { bridge: n === 4 });
    const neighbours = [1, 2, 3, 4].map((n) => ({ ip: ipOf(n), mac: macOf(n) }));
    rig.loop.command({ type: 'set-neighbours', neighbours });
    if (text !== undefined) this.set(text);
  }

  set(text: string, known = [1, 3, 4], fresh = true): void {
    const parsed = parsePolicy(text);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
    const senders = known.map((n) => ({ slot: slotOf(n), subject: subject(n) }));
    const policy = compilePolicy(parsed.policy, subject(2), senders, 4_096);
    this.rules = parsed.policy.rules.length;
    if (!this.#flows) {
      this.#flows = new OwnFlows(Int32Array.of(0x1234_5678, 0x7654_3210));
      // The minute in which connections are taken on is over, but for the test of it.
      this.#flows.begin(-1_000);
    }
    this.rig.loop.command({ type: 'set-policy', policy, fresh, flows: this.#flows.buffer });
  }

  get flows(): OwnFlows {
    return this.#flows as OwnFlows;
  }

  /** Gives a frame that came from `from`. 'passed', or the reason for which it was dropped. */
  give(from: number, frame: Uint8Array): string {
    return this.packet(from, sealFor(from, 2, Uint8Array.of(Kind.frame, ...frame)));
  }

  packet(link: number, ...packets: Uint8Array[]): string {
    const { rig } = this;
    const before = dropReasons.map((reason) => rig.drops(reason));
    for (const bytes of packets) rig.io.netIn.push({ bytes, from: endpointOf(link), segment: 0 });
    rig.run();
    rig.io.netOut.length = 0;
    const got = rig.io.deviceOut.splice(0).length;
    const dropped = dropReasons.filter((reason: DropReason, i) => rig.drops(reason) > (before[i] as number));
    return [...new Array<string>(got).fill('passed'), ...dropped].join();
  }

  flood(from: number, link: number, frame: Uint8Array): string {
    const plain = Uint8Array.of(Kind.frame, ...frame);
    return this.packet(link, sealFor(link, 2, floodOf(from, this.sequence++, plain)));
  }

  /** The host of node 2 sends a frame. */
  send(frame: Uint8Array): void {
    this.rig.io.deviceIn.push(fromDevice(frame));
    this.rig.run();
    this.rig.io.netOut.length = 0;
  }

  /** Lets time pass, in seconds. */
  wait(seconds: number): void {
    this.rig.time.now += seconds * 1_000;
  }

  count(name: (typeof policyCounts)[number]): number {
    return this.rig.shared.policy[this.rules + policyCounts.indexOf(name)] as number;
  }

  hits(rule: number): number {
    return this.rig.shared.policy[rule] as number;
  }

  peer(n: number, field: (typeof PeerField)['denied' | 'probes' | 'spoofed' | 'replayed']): number {
    return this.rig.shared.peers[slotOf(n) * peerStride + field] as number;
  }
}

const guests = 'allow tag:web -> * tcp 80,443\ndeny tag:guest -> * tcp 1-1023\ndeny tag:guest -> * udp,icmp';
const to2 = (from: number, dport: number) => ({ from, to: 2, dport });
const from2 = (to: number, sport: number, dport: number) => ({ from: 2, to, sport, dport });

describe('a policy in the packet loop', () => {
  it('lets everything pass when there is none', () => {
    const r = new Receiver();
    expect(r.give(3, tcp(to2(3, 22)))).toBe('passed');
    r.set(guests);
    expect(r.give(3, tcp(to2(3, 22)))).toBe('policy');
    r.rig.loop.command({ type: 'set-policy', policy: null, fresh: true, flows: r.flows.buffer });
    expect(r.give(3, tcp(to2(3, 22)))).toBe('passed');
  });

  it('decides by sender, protocol and port, and counts by rule', () => {
    const r = new Receiver(guests);
    expect(r.give(1, tcp(to2(1, 80)))).toBe('passed');
    expect(r.give(1, tcp(to2(1, 22)))).toBe('passed');
    expect(r.give(3, tcp(to2(3, 80)))).toBe('policy');
    expect(r.give(3, tcp(to2(3, 1_023)))).toBe('policy');
    expect(r.give(3, tcp(to2(3, 1_024)))).toBe('passed');
    expect(r.give(3, udp(to2(3, 53)))).toBe('policy');
    expect(r.give(3, echo({ from: 3, to: 2 }, 8))).toBe('policy');
    expect(r.give(3, ipv4({ from: 3, to: 2 }, 132, [0, 0, 0, 22]))).toBe('passed');
    expect([0, 1, 2].map((rule) => r.hits(rule))).toEqual([1, 2, 2]);
    expect(r.count('default')).toBe(3);
    expect(r.peer(3, PeerField.denied)).toBe(4);
    expect(r.peer(1, PeerField.denied)).toBe(0);
    // The same rules for other members keep their counts, other rules do not.
    r.set(guests, [1], false);
    expect(r.hits(1)).toBe(2);
    r.set('deny * -> * tcp 1');
    expect(r.hits(1)).toBe(0);
  });

  it('decides for super-frames once, and for what comes through others or by flood as for the rest', () => {
    const r = new Receiver(guests);
    const segment = (from: number, sequence: number, dport: number): Uint8Array =>
      buildTcp(
        {
          ...{
            destination: macOf(2),
            source: macOf(from),
            vlans: [],
            v6: false,
            tos: 0,
            hopLimit: 64,
            id: 0,
          },
          sourceAddress: Uint8Array.of(10, 144, 0, from),
          destinationAddress: Uint8Array.of(10, 144, 0, 2),
          ...{ dontFragment: true, sourcePort: 40_000, destinationPort: dport, sequence, acknowledgement: 1 },
          ...{ flags: 16, window: 9, options: new Uint8Array(0), payload: new Uint8Array(100) },
        },
        'partial',
      ).bytes;
    const train = (from: number, dport: number): Uint8Array[] =>
      [0, 1, 2, 3].map((i) =>
        sealFor(from, 2, Uint8Array.of(Kind.frameChecksum, ...segment(from, i * 100, dport))),
      );
    expect(r.packet(1, ...train(1, 443))).toBe('passed');
    expect(r.hits(0)).toBe(1);
    expect(r.packet(3, ...train(3, 443))).toBe('policy');
    expect(r.hits(1)).toBe(4);
    const inner = sealFor(3, 2, Uint8Array.of(Kind.frame, ...tcp(to2(3, 22))));
    expect(r.packet(1, sealFor(1, 2, envelope(2, inner)))).toBe('policy');
    for (const link of [3, 1]) expect(r.flood(3, link, udp(to2(3, 5_353)))).toBe('policy');
    expect(r.flood(1, 3, udp(to2(1, 5_353)))).toBe('passed');
  });

  it('lets answers pass to what this node began, by protocol, from both ports and no others', () => {
    const r = new Receiver('default deny');
    expect(r.give(3, tcp({ from: 3, to: 2, sport: 80, dport: 50_000 }, Flag.syn | Flag.ack))).toBe('policy');
    r.send(tcp(from2(3, 50_000, 80)));
    const answer = { from: 3, to: 2, sport: 80, dport: 50_000 };
    expect(r.give(3, tcp(answer, Flag.syn | Flag.ack))).toBe('passed');
    for (const wrong of [{ sport: 81 }, { dport: 50_001 }])
      expect(r.give(3, tcp({ ...answer, ...wrong }, Flag.ack))).toBe('policy');
    expect(r.give(1, tcp({ ...answer, from: 1 }, Flag.ack))).toBe('policy');
    expect(r.give(3, udp(answer))).toBe('policy');
    r.send(udp(from2(1, 5_000, 53)));
    expect(r.give(1, udp({ from: 1, to: 2, sport: 53, dport: 5_000 }))).toBe('passed');
    expect(r.give(1, udp({ from: 1, to: 2, sport: 53, dport: 5_001 }))).toBe('policy');
    r.send(echo({ from: 2, to: 1 }, 8, 5));
    expect(r.give(1, echo({ from: 1, to: 2 }, 0, 5))).toBe('passed');
    expect(r.give(1, echo({ from: 1, to: 2 }, 0, 6))).toBe('policy');
    expect(r.give(1, echo({ from: 1, to: 2 }, 8, 5))).toBe('policy');
    r.send(ipv4({ from: 2, to: 1 }, 47, [0, 0, 8, 0]));
    expect(r.give(1, ipv4({ from: 1, to: 2 }, 47, [0, 0, 8, 0]))).toBe('passed');
    r.send(ipv6({ from: 2, to: 1 }, 6, tcpBody(50_000, 80, Flag.syn)));
    expect(r.give(1, ipv6({ from: 1, to: 2 }, 6, tcpBody(80, 50_000, Flag.ack)))).toBe('passed');
    expect(r.give(1, ipv6({ from: 1, to: 2 }, 6, tcpBody(80, 50_002, Flag.ack)))).toBe('policy');
    expect(r.count('established')).toBe(5);
    // Another LAN has other flows.
    const tag = (frame: Uint8Array): Uint8Array => tagged(frame, [0x8100, 7]);
    expect(r.give(4, tag(tcp({ ...answer, from: 4 }, Flag.ack)))).toBe('policy');
  });

  it('does not take an answer of this node for a beginning', () => {
    const r = new Receiver('default deny\nallow * -> * tcp 80');
    expect(r.give(3, tcp(to2(3, 80)))).toBe('passed');
    r.send(tcp(from2(3, 80, 40_000), Flag.syn | Flag.ack));
    r.send(tcp(from2(3, 80, 40_000), Flag.ack));
    r.send(udp(from2(3, 80, 40_000)));
    r.set('default deny');
    // Cut at once, as nobody here began it; UDP that was under way is asked anew.
    expect(r.give(3, tcp({ from: 3, to: 2, sport: 40_000, dport: 80 }, Flag.ack))).toBe('policy');
    expect(r.give(3, udp({ from: 3, to: 2, sport: 40_000, dport: 80 }))).toBe('policy');
    r.send(echo({ from: 2, to: 3 }, 0, 9));
    expect(r.give(3, echo({ from: 3, to: 2 }, 0, 9))).toBe('policy');
  });

  it('keeps a connection that this node began when the policy changes', () => {
    const r = new Receiver('default deny');
    r.send(tcp(from2(3, 50_000, 80)));
    r.send(tcp(from2(3, 50_000, 80), Flag.ack));
    r.set('default deny\nallow tag:web -> *');
    expect(r.give(3, tcp({ from: 3, to: 2, sport: 80, dport: 50_000 }, Flag.ack))).toBe('passed');
  });

  it('takes on connections that are under way when the first policy comes, for a minute', () => {
    const r = new Receiver('default deny');
    const answer = (): string => r.give(3, tcp({ from: 3, to: 2, sport: 80, dport: 50_000 }, Flag.ack));
    r.send(tcp(from2(3, 50_000, 80), Flag.ack));
    expect(answer()).toBe('policy');
    r.flows.begin(r.rig.time.now / 1_000);
    r.send(tcp(from2(3, 50_000, 80), Flag.ack));
    expect(answer()).toBe('passed');
    r.wait(61);
    r.send(tcp(from2(3, 50_001, 80), Flag.ack));
    expect(r.give(3, tcp({ from: 3, to: 2, sport: 80, dport: 50_001 }, Flag.ack))).toBe('policy');
  });

  it('forgets flows after their time, which the other side cannot prolong', () => {
    const r = new Receiver('default deny');
    const tcpAnswer = (dport: number): string =>
      r.give(3, tcp({ from: 3, to: 2, sport: 80, dport }, Flag.ack));
    const udpAnswer = (): string => r.give(3, udp({ from: 3, to: 2, sport: 53, dport: 5_000 }));
    r.send(udp(from2(3, 5_000, 53)));
    r.send(echo({ from: 2, to: 3 }, 8, 5));
    for (const port of [1, 2, 3]) r.send(tcp(from2(3, port, 80)));
    for (const port of [2, 3]) r.send(tcp(from2(3, port, 80), Flag.ack));
    r.send(tcp(from2(3, 3, 80), Flag.ack | Flag.fin));
    // The last acknowledgement of a connection that ends does not revive it.
    r.send(tcp(from2(3, 3, 80), Flag.ack));
    r.wait(59);
    expect(r.give(3, echo({ from: 3, to: 2 }, 0, 5))).toBe('passed');
    r.wait(2);
    expect(r.give(3, echo({ from: 3, to: 2 }, 0, 5))).toBe('policy');
    r.wait(178);
    expect([1, 2, 3].map(tcpAnswer)).toEqual(['passed', 'passed', 'passed']);
    r.wait(2);
    expect([1, 2, 3].map(tcpAnswer)).toEqual(['policy', 'passed', 'policy']);
    r.wait(58);
    expect(udpAnswer()).toBe('passed');
    r.wait(2);
    expect(udpAnswer()).toBe('policy');
    r.wait(7_440 - 302);
    expect(tcpAnswer(2)).toBe('passed');
    r.wait(2);
    expect(tcpAnswer(2)).toBe('policy');
  });

  it('lets nobody fill the table of flows by asking', () => {
    const r = new Receiver('default deny\nallow tag:guest -> * udp 53\nallow * -> * icmp');
    const entries = (): number =>
      r.flows.words.subarray(4).reduce((n, word, i) => n + (i % 3 === 2 && word !== 0 ? 1 : 0), 0);
    for (let port = 1_000; port < 1_200; port++) {
      expect(r.give(3, udp({ from: 3, to: 2, sport: port, dport: 53 }))).toBe('passed');
      r.send(udp(from2(3, 53, port)));
      r.send(echo({ from: 2, to: 3 }, 0, port));
      // Port unreachable, and a reset.
      r.send(ipv4({ from: 2, to: 3 }, 1, [3, 3, 0, 0, ...echoBody(0)]));
      r.send(tcp(from2(3, 22, port), Flag.rst | Flag.ack));
    }
    expect(entries()).toBe(0);
    r.send(udp(from2(1, 5_000, 53)));
    expect(entries()).toBe(1);
  });

  it('lets pass what no network can do without', () => {
    const r = new Receiver('default deny');
    const sender = { mac: macOf(3), ip: ipOf(3) };
    expect(r.give(3, arpFrame(macOf(2), macOf(3), 1, sender, { mac: macOf(2), ip: ipOf(2) }))).toBe('passed');
    const solicitation = neighbourBody(135, linkLocalOf(macOf(2)));
    expect(r.give(3, ipv6({ from: 3, to: 2 }, 58, solicitation))).toBe('passed');
    for (const type of [3, 11, 12]) expect(r.give(3, echo({ from: 3, to: 2 }, type))).toBe('passed');
    for (const type of [1, 2, 3, 4, 131, 143])
      expect(r.give(3, ipv6({ from: 3, to: 2 }, 58, echoBody(type)))).toBe('passed');
    for (const type of [4, 8, 13]) expect(r.give(3, echo({ from: 3, to: 2 }, type))).toBe('policy');
    // ICMP of the other family is none.
    expect(r.give(3, ipv4({ from: 3, to: 2 }, 58, echoBody(1)))).toBe('policy');
    expect(r.count('arp')).toBe(1);
    expect(r.count('essential')).toBe(10);
    expect(r.give(3, plainFrame(macOf(2), macOf(3)))).toBe('policy');
    r.set('deny tag:guest -> * arp');
    expect(r.give(3, arpFrame(macOf(2), macOf(3), 1, sender, { mac: macOf(2), ip: ipOf(2) }))).toBe('policy');
    expect(r.give(3, plainFrame(macOf(2), macOf(3)))).toBe('passed');
  });

  it('is not dodged by extension headers, tags or tiny packets', () => {
    const r = new Receiver('deny * -> * tcp 22\ndeny * -> * udp 53');
    const ssh = tcpBody(40_000, 22, Flag.syn);
    const v6 = (next: number, body: readonly number[]): string =>
      r.give(3, ipv6({ from: 3, to: 2 }, next, body));
    const options = (next: number): number[] => [next, 0, 1, 4, 0, 0, 0, 0];
    expect(v6(6, ssh)).toBe('policy');
    expect(v6(60, [...options(6), ...ssh])).toBe('policy');
    expect(v6(0, [...options(60), ...options(43), ...[6, 0, 0, 0, 0, 0, 0, 0], ...ssh])).toBe('policy');
    // An authentication header of 16 bytes, and a Fragment header of a packet that is whole.
    expect(v6(51, [...[6, 2, 0, 0], ...new Array<number>(12).fill(0), ...ssh])).toBe('policy');
    expect(v6(44, [...[6, 0, 0, 0, 0, 0, 0, 9], ...ssh])).toBe('policy');
    expect(v6(60, [...options(6), ...tcpBody(40_000, 23, Flag.syn)])).toBe('passed');
    // A member with the bridge right is asked no less: the guard does not read its frames.
    for (const tags of [1, 2]) {
      const frame = tagged(tcp(to2(4, 22)), ...new Array<[number, number]>(tags).fill([0x8100, 0]));
      expect(r.give(4, frame)).toBe('policy');
    }
    const three = tagged(tcp(to2(4, 23)), [0x8100, 0], [0x8100, 0], [0x8100, 0]);
    expect(r.give(4, three)).toBe('policy');
    // Flags in the second fragment (RFC 1858), no ports at all, a header that does not end.
    expect(r.give(3, ipv4({ from: 3, to: 2 }, 6, tcpBody(1, 23, 2).slice(0, 8), { fragment: 0x2000 }))).toBe(
      'policy',
    );
    expect(r.give(3, ipv4({ from: 3, to: 2 }, 6, tcpBody(1, 23, 2), { fragment: 1 }))).toBe('policy');
    expect(r.give(4, ipv4({ from: 4, to: 2 }, 17, [0, 1]))).toBe('policy');
    expect(r.count('unreadable')).toBe(4);
  });

  it('does not let a checksum be written over what it has seen', () => {
    const r = new Receiver('deny * -> * tcp 22');
    const at = (start: number, offset: number): string => {
      const frame = tcp(to2(3, 23));
      return r.packet(3, sealFor(3, 2, Uint8Array.of(Kind.frameChecksumAt, start, 0, offset, 0, ...frame)));
    };
    expect(at(34, 2)).toBe('policy');
    expect(at(34, 12)).toBe('policy');
    expect(at(34, 16)).toBe('passed');
  });

  it('lets fragments follow their first, and drops those whose first was not seen', () => {
    const r = new Receiver('allow * -> * udp 53\ndeny * -> * udp');
    const first = (from: number, dport: number, id: number): Uint8Array =>
      ipv4({ from, to: 2 }, 17, udpBody(9, dport, 24), { fragment: 0x2000, id });
    const later = (from: number, id: number): Uint8Array =>
      ipv4({ from, to: 2 }, 17, new Array<number>(32).fill(1), { fragment: 4, id });
    expect(r.give(3, later(3, 1))).toBe('policy');
    expect(r.give(3, first(3, 53, 1))).toBe('passed');
    expect([r.give(3, later(3, 1)), r.give(3, later(3, 2)), r.give(1, later(1, 1))]).toEqual([
      'passed',
      'policy',
      'policy',
    ]);
    expect(r.give(3, first(3, 54, 3))).toBe('policy');
    expect(r.give(3, later(3, 3))).toBe('policy');
    // Another member's pieces push out nobody else's.
    for (let id = 100; id < 200; id++) r.give(1, first(1, 53, id));
    expect(r.give(3, later(3, 1))).toBe('passed');
    r.wait(31);
    expect(r.give(3, later(3, 1))).toBe('policy');
    const v6first = [...[17, 0, 0, 1, 0, 0, 0, 5], ...udpBody(9, 53, 24)];
    const v6later = [...[17, 0, 0, 0x20, 0, 0, 0, 5], ...new Array<number>(32).fill(1)];
    expect(r.give(3, ipv6({ from: 3, to: 2 }, 44, v6later))).toBe('policy');
    expect(r.give(3, ipv6({ from: 3, to: 2 }, 44, v6first))).toBe('passed');
    expect(r.give(3, ipv6({ from: 3, to: 2 }, 44, v6later))).toBe('passed');
    // Where all ports are allowed there is nothing to follow.
    r.set('allow * -> * udp\ndeny * -> *');
    expect(r.give(3, later(3, 77))).toBe('passed');
    // Of an answer, too.
    r.set('default deny');
    r.send(udp(from2(3, 5_000, 53)));
    expect(r.give(3, ipv4({ from: 3, to: 2 }, 17, udpBody(53, 5_000, 24), { fragment: 0x2000, id: 9 }))).toBe(
      'passed',
    );
    expect(r.give(3, later(3, 9))).toBe('passed');
  });

  it("knows nothing of a peer that takes another's slot, until the policy is set again", () => {
    const text = 'default deny\nallow tag:web -> *';
    const r = new Receiver(text);
    expect(r.give(1, udp(to2(1, 5)))).toBe('passed');
    r.rig.meet(1);
    expect(r.give(1, udp(to2(1, 5)))).toBe('policy');
    r.set(text, undefined, false);
    expect(r.give(1, udp(to2(1, 5)))).toBe('passed');
    // Not known: what denies some is about it.
    r.set('deny tag:guest -> *', []);
    expect(r.give(1, udp(to2(1, 5)))).toBe('policy');
  });

  it('keeps everything of a member in quarantine away from the host', () => {
    const r = new Receiver('');
    r.rig.loop.command({ type: 'set-quarantine', slot: slotOf(3), on: true });
    const arp = arpFrame(
      macOf(2),
      macOf(3),
      1,
      { mac: macOf(3), ip: ipOf(3) },
      { mac: macOf(2), ip: ipOf(2) },
    );
    for (const frame of [tcp(to2(3, 80)), arp, plainFrame(macOf(2), macOf(3))])
      expect(r.give(3, frame)).toBe('quarantined');
    for (const link of [1, 3]) expect(r.flood(3, link, udp(to2(3, 9)))).toBe('quarantined');
    expect(r.give(1, tcp(to2(1, 80)))).toBe('passed');
    r.set('', undefined, false);
    expect(r.give(3, tcp(to2(3, 80)))).toBe('quarantined');
    r.rig.loop.command({ type: 'set-quarantine', slot: slotOf(3), on: false });
    expect(r.give(3, tcp(to2(3, 80)))).toBe('passed');
  });

  it('tells of conduct that is worth a look, once a second', () => {
    const r = new Receiver('deny * -> * tcp');
    const suspects = (): number => r.rig.events.splice(0).filter(({ type }) => type === 'conduct').length;
    for (let port = 0; port < 40; port++) r.give(3, tcp(to2(3, port)));
    for (let i = 0; i < 40; i++) r.give(1, tcp(to2(1, 22)));
    expect(suspects()).toBe(2);
    expect(r.peer(3, PeerField.probes)).toBeGreaterThan(25);
    expect(r.peer(3, PeerField.probes)).toBeLessThanOrEqual(40);
    expect(r.peer(1, PeerField.probes)).toBe(1);
    r.wait(11);
    r.give(1, tcp(to2(1, 22)));
    expect(r.peer(1, PeerField.probes)).toBe(2);
    expect(r.give(3, ipv4({ from: 1, to: 2 }, 17, udpBody(1, 2)))).toBe('guard-mac');
    expect(r.peer(3, PeerField.spoofed)).toBe(1);
    const packet = sealFor(1, 2, Uint8Array.of(Kind.frame, ...udp(to2(1, 9))));
    expect([r.packet(1, packet), r.packet(1, packet)]).toEqual(['passed', 'replayed']);
    expect(r.peer(1, PeerField.replayed)).toBe(1);
    expect(suspects()).toBe(2);
  });
});

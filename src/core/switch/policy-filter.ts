/**
 * Whether the policy lets a frame through to this node. Asked behind the guard, so a frame's addresses are its sender's.
 *
 *   frame ─▶ class of its sender ─▶ rule by protocol and port ─┬─▶ allows: passes
 *                                                              └─▶ denies: passes if this node began the flow, else dropped
 *
 * What a network cannot do without passes whatever the rules say: ARP (unless a rule names it), neighbour discovery and
 * MLD (ICMPv6 130 to 137, 143), IGMP, and ICMP errors (3, 11, 12; ICMPv6 1 to 4). A later fragment shares the fate of its
 * first; where that was not seen it passes only if all ports do. What cannot be read to its end is denied.
 *
 * Allocates nothing after construction.
 */
import { Protocol, TcpFlag } from '../wire/ip.js';
import { Dissection, Piece } from './dissection.js';
import { Fingerprint } from './fingerprint.js';
import { Fragments } from './fragments.js';
import { FlowSeconds, type OwnFlows } from './own-flows.js';
import { RecentFlows } from './recent-flows.js';
import { ruleOfPort, ruleOfType, type CompiledPolicy, type SenderClass } from './policy-table.js';

export const Ruling = { pass: 0, denied: 1, quarantined: 2 } as const;
export type Ruling = (typeof Ruling)[keyof typeof Ruling];

/** Counters of what passed or not by no rule, behind those of the rules. */
export const policyCounts = [
  'default',
  'arp',
  'established',
  'essential',
  'fragments',
  'unreadable',
] as const;
export type PolicyCount = (typeof policyCounts)[number];

const echoRequest = 8;
const echoReply = 0;
const echoRequest6 = 128;
const echoReply6 = 129;

/** Denied probes of a member are told apart for this long: 64 of them. */
const probeSeconds = 10;
const probeStride = 3;

export class PolicyFilter {
  /** Offset in the frame judged last behind what the ruling rests on. */
  examined = 0;
  /** The packet denied last was aimed where its sender's others were not, within some seconds. */
  freshProbe = false;
  #policy: CompiledPolicy;
  #second = 0;
  readonly #flows: OwnFlows;
  readonly #counts: Float64Array;
  readonly #key: Fingerprint;
  readonly #found = new RecentFlows();
  readonly #noted = new RecentFlows();
  readonly #fragments: Fragments;
  readonly #frame = new Dissection();
  readonly #quarantined: Uint8Array;
  /** By slot: the second in which the count began, and a bit for each target. */
  readonly #probes: Int32Array;

  /** @param counts one for each rule, then `policyCounts` @param slots how many peers there can be */
  constructor(policy: CompiledPolicy, flows: OwnFlows, counts: Float64Array, slots: number) {
    this.#policy = policy;
    this.#flows = flows;
    this.#counts = counts;
    this.#key = new Fingerprint(flows.words);
    this.#fragments = new Fragments(slots);
    this.#quarantined = new Uint8Array(slots);
    this.#probes = new Int32Array(slots * probeStride);
  }

  /** Another policy, or the same for other members. The filter keeps its `classOf`. */
  set(policy: CompiledPolicy): void {
    this.#policy = policy;
    this.#found.clear();
    this.#noted.clear();
  }

  /** Tells the time, in ms: once a round is enough. */
  setTime(now: number): void {
    this.#second = Math.floor(now / 1_000) | 0;
  }

  /** The slot is another member's, or nobody's: nothing is known of it until the policy is set again. */
  forget(slot: number): void {
    this.#policy.classOf[slot] = 0;
    this.#quarantined[slot] = 0;
    this.#probes.fill(0, slot * probeStride, (slot + 1) * probeStride);
  }

  quarantine(slot: number, on: boolean): void {
    this.#quarantined[slot] = on ? 1 : 0;
  }

  /** Rules on the frame at `at` of `length` bytes from the peer in `slot`; -1: from somebody who is no peer. */
  judge(view: DataView, at: number, length: number, slot: number): Ruling {
    this.freshProbe = false;
    if (slot >= 0 && this.#quarantined[slot] === 1) return Ruling.quarantined;
    const frame = this.#frame;
    const sender = this.#class(slot);
    if (!frame.read(view, at, length)) {
      this.examined = length;
      if (sender.unlimited) return Ruling.pass;
      return this.#deny(slot, this.#policy.allows.length + Count.unreadable, 0, 0);
    }
    this.examined = frame.examined;
    if (!frame.ip) return this.#byRule(slot, ruleOfType(sender, frame.type), frame.type, -1);
    const { protocol } = frame;
    if (frame.piece === Piece.later) return this.#later(view, slot, sender);
    if (isEssential(frame)) {
      this.#count(this.#policy.allows.length + Count.essential);
      return Ruling.pass;
    }
    const rule = this.#rule(sender, protocol, frame.destinationPort);
    if (this.#policy.allows[rule] === 1) {
      this.#count(rule);
      if (frame.piece === Piece.first) this.#firstPassed(view, slot);
      return Ruling.pass;
    }
    if (this.#isAnswer(view)) {
      this.#count(this.#policy.allows.length + Count.established);
      if (frame.piece === Piece.first) this.#firstPassed(view, slot);
      return Ruling.pass;
    }
    return this.#deny(slot, rule, protocol, frame.destinationPort);
  }

  /** Notes what this node sends to the peer in `slot` (-1: nobody knows whom): the answer is to come through. */
  sent(view: DataView, at: number, length: number, slot: number): void {
    const sender = this.#class(slot);
    if (sender.unlimited) return;
    const frame = this.#frame;
    if (!frame.read(view, at, length) || !frame.ip || frame.piece === Piece.later) return;
    const { protocol, sourcePort, destinationPort, icmpType } = frame;
    // Who may ask us anyway needs no leave to answer.
    if (this.#policy.allows[this.#rule(sender, protocol, sourcePort)] === 1) return;
    const icmp = protocol === Protocol.icmp || protocol === Protocol.icmpv6;
    if (icmp && icmpType !== (frame.v6 ? echoRequest6 : echoRequest)) return;
    const key = this.#key;
    const count = icmp
      ? this.#flow(view, true, sourcePort, 0)
      : this.#flow(view, true, destinationPort, sourcePort);
    const plain = (frame.tcpFlags & (TcpFlag.syn | TcpFlag.fin | TcpFlag.rst)) === 0;
    if (plain && this.#noted.has(key.words, count, this.#second)) return;
    key.of(count);
    if (protocol !== Protocol.tcp) {
      this.#flows.sent(key, icmp ? FlowSeconds.echo : FlowSeconds.datagram, this.#second);
    } else if (!this.#flows.sentTcp(key, frame.tcpFlags, this.#second)) {
      return;
    }
    if (plain) this.#noted.remember(key.words, count, this.#second);
  }

  #class(slot: number): SenderClass {
    const { classes, classOf } = this.#policy;
    return classes[slot < 0 ? 0 : (classOf[slot] as number)] as SenderClass;
  }

  #rule(sender: SenderClass, protocol: number, port: number): number {
    if (protocol === Protocol.tcp) return ruleOfPort(sender.tcp, port);
    if (protocol === Protocol.udp) return ruleOfPort(sender.udp, port);
    return sender.protocols[protocol] as number;
  }

  /** A fragment that shows no ports. */
  #later(view: DataView, slot: number, sender: SenderClass): Ruling {
    const { protocol } = this.#frame;
    let rule = sender.protocols[protocol] as number;
    if (protocol === Protocol.tcp) rule = sender.tcp.uniform;
    else if (protocol === Protocol.udp) rule = sender.udp.uniform;
    if (rule >= 0 && this.#policy.allows[rule] === 1) {
      this.#count(rule);
      return Ruling.pass;
    }
    this.#hashDatagram(view);
    const fragments = this.#policy.allows.length + Count.fragments;
    if (slot < 0 || !this.#fragments.has(slot, this.#key, this.#second))
      return this.#deny(slot, rule < 0 ? fragments : rule, protocol, 0);
    this.#count(fragments);
    return Ruling.pass;
  }

  #firstPassed(view: DataView, slot: number): void {
    if (slot < 0) return;
    this.#hashDatagram(view);
    this.#fragments.passed(slot, this.#key, this.#second);
  }

  /** The packet belongs to a flow that this node began. */
  #isAnswer(view: DataView): boolean {
    const { protocol, sourcePort, destinationPort, icmpType, v6 } = this.#frame;
    const icmp = protocol === Protocol.icmp || protocol === Protocol.icmpv6;
    if (icmp && icmpType !== (v6 ? echoReply6 : echoReply)) return false;
    const key = this.#key;
    const count = this.#flow(view, false, sourcePort, icmp ? 0 : destinationPort);
    if (this.#found.has(key.words, count, this.#second)) return true;
    key.of(count);
    if (!this.#flows.has(key, this.#second)) return false;
    this.#found.remember(key.words, count, this.#second);
    return true;
  }

  #byRule(slot: number, rule: number, type: number, port: number): Ruling {
    if (this.#policy.allows[rule] !== 1) return this.#deny(slot, rule, type, port);
    this.#count(rule);
    return Ruling.pass;
  }

  #deny(slot: number, rule: number, protocol: number, port: number): Ruling {
    this.#count(rule);
    if (slot >= 0) this.#probe(slot, protocol, port);
    return Ruling.denied;
  }

  #count(counter: number): void {
    this.#counts[counter] = (this.#counts[counter] as number) + 1;
  }

  /** Notes where a member knocked: two targets may share a bit, so that they are rather too few than too many. */
  #probe(slot: number, protocol: number, port: number): void {
    const p = this.#probes;
    const at = slot * probeStride;
    if (this.#second - (p[at] as number) >= probeSeconds) {
      p[at] = this.#second;
      p[at + 1] = p[at + 2] = 0;
    }
    const target = Math.imul((protocol << 16) ^ port, 0x9e3779b1) >>> 26;
    const word = at + 1 + (target >>> 5);
    const bit = 1 << (target & 31);
    this.freshProbe = ((p[word] as number) & bit) === 0;
    p[word] = (p[word] as number) | bit;
  }

  /** Words of a flow: protocol, the other side's port and ours, its address and ours. Returns how many. */
  #flow(view: DataView, outward: boolean, theirs: number, ours: number): number {
    const { words } = this.#key;
    const { lan, protocol, v6, addresses } = this.#frame;
    words[0] = (lan << 8) ^ protocol;
    words[1] = (theirs << 16) | ours;
    const size = v6 ? 16 : 4;
    this.#address(view, 2, addresses + (outward ? size : 0), v6);
    this.#address(view, v6 ? 6 : 3, addresses + (outward ? 0 : size), v6);
    return v6 ? 10 : 4;
  }

  /** Fingerprint of a datagram in pieces. */
  #hashDatagram(view: DataView): void {
    const { words } = this.#key;
    const { lan, protocol, v6, addresses, identification } = this.#frame;
    words[0] = (lan << 8) ^ protocol;
    words[1] = identification;
    // Another domain than that of flows, whatever the words are.
    words[2] = -1;
    this.#address(view, 3, addresses, v6);
    this.#address(view, v6 ? 7 : 4, addresses + (v6 ? 16 : 4), v6);
    this.#key.of(v6 ? 11 : 5);
  }

  #address(view: DataView, word: number, at: number, v6: boolean): void {
    const { words } = this.#key;
    words[word] = view.getInt32(at);
    if (!v6) return;
    words[word + 1] = view.getInt32(at + 4);
    words[word + 2] = view.getInt32(at + 8);
    words[word + 3] = view.getInt32(at + 12);
  }
}

/** Places of `policyCounts` behind `allows`, which has one for the default and one for ARP itself. */
const Count = { established: 0, essential: 1, fragments: 2, unreadable: 3 } as const;

function isEssential({ protocol, icmpType, v6 }: Dissection): boolean {
  if (protocol === Protocol.igmp) return true;
  if (protocol === Protocol.icmp && !v6) return icmpType === 3 || icmpType === 11 || icmpType === 12;
  if (protocol !== Protocol.icmpv6 || !v6) return false;
  return (icmpType >= 1 && icmpType <= 4) || (icmpType >= 130 && icmpType <= 137) || icmpType === 143;
}

/**
 * What an authentic frame has to pass before it reaches the interface: the guard (who sends it), the limit of broadcasts, the
 * policy (whether it may come in). What passes is counted, and teaches where a source behind a bridge is.
 */
import { Verdict } from '../../switch/guard.js';
import { clampMss } from '../../switch/mss.js';
import { Ruling } from '../../switch/policy-filter.js';
import { isGroup, macHigh, macLow } from '../../wire/ethernet.js';
import { DeviceField, drop, Drop, PeerField } from '../plane/shared.js';
import type { Broadcast } from './broadcast.js';
import type { LoopContext } from './context.js';
import { misconduct } from './misconduct.js';
import { stir } from './stir.js';
import type { PeerEntry } from './table.js';
import { dropOf, dropOfRuling, isSpoof } from './verdict.js';

export class Admission {
  readonly #c: LoopContext;
  readonly #broadcast: Broadcast;

  constructor(context: LoopContext, broadcast: Broadcast) {
    this.#c = context;
    this.#broadcast = broadcast;
  }

  /**
   * Guard, learning and counting. False when the frame must not reach the interface. `checksum`: where in the frame one will
   * be written that the guard cannot expect (kind 0x02), else the frame's length.
   */
  admit(peer: PeerEntry, frame: number, length: number, checksum = length): boolean {
    const c = this.#c;
    const { view } = c.arena;
    const verdict = c.guard.judge(view, frame, length, peer, true);
    if (verdict !== Verdict.pass) {
      drop(c.shared, dropOf(verdict));
      if (isSpoof(verdict)) misconduct(c, peer, PeerField.spoofed);
      return false;
    }
    if (checksum < c.guard.examined) {
      drop(c.shared, Drop['guard-unreadable']);
      return false;
    }
    const high = macHigh(view, frame + 6);
    const low = macLow(view, frame + 6);
    if (high === c.options.macHigh && low === c.options.macLow) {
      drop(c.shared, Drop['guard-mac']);
      return false;
    }
    if (isGroup(macHigh(view, frame)) && !this.#broadcast.admits(peer)) {
      drop(c.shared, Drop['flood-limited']);
      misconduct(c, peer, PeerField.floodLimited);
      return false;
    }
    if (c.policy !== null && !this.permits(peer, frame, length, checksum)) return false;
    // What the guard passes with another MAC lies behind a bridge, or is a pod.
    if (high !== peer.macHigh || low !== peer.macLow) c.learning.learn(high, low, peer.slot, c.now);
    this.count(peer, length);
    return true;
  }

  /** The policy's word on a frame of this origin, null: who is no peer. `checksum` as for `admit`. */
  permits(origin: PeerEntry | null, frame: number, length: number, checksum: number): boolean {
    const c = this.#c;
    const { policy } = c;
    if (policy === null) return true;
    const ruling = policy.judge(c.arena.view, frame, length, origin === null ? -1 : origin.slot);
    if (ruling === Ruling.pass) {
      if (checksum >= policy.examined) return true;
      // It would be written over what the policy has seen.
      drop(c.shared, Drop.policy);
      return false;
    }
    drop(c.shared, dropOfRuling(ruling));
    if (ruling === Ruling.denied && origin !== null) {
      misconduct(c, origin, PeerField.denied);
      if (policy.freshProbe) misconduct(c, origin, PeerField.probes);
    }
    return false;
  }

  /**
   * A frame of the peer came by this way. What is refused after that counts, too: the peer is told how many came directly,
   * and a path by which too few come is left (path/prober.ts).
   */
  arrived(peer: PeerEntry, direct: boolean): void {
    const { peers } = this.#c.shared;
    const way = peer.counters + (direct ? PeerField.rxDirect : PeerField.rxRelayed);
    peers[way] = (peers[way] as number) + 1;
  }

  /** What the frame offers is how long segments may be that this host sends the peer; what the path there carries is known here. */
  clamp({ route }: PeerEntry, frame: number, length: number, transport: number, summed: boolean): void {
    const { arena, options } = this.#c;
    clampMss(arena.view, frame, length, transport, options.mtu, route.frame, summed);
  }

  /** Counts a frame of the peer that is delivered, and tells when traffic begins. */
  count(peer: PeerEntry, bytes: number): void {
    this.#ofPeer(peer, bytes);
    if (this.#c.stirred !== peer) stir(this.#c, peer);
    this.#delivered(bytes);
  }

  /** Counts a flood that is delivered; `origin` is null when it is no peer. */
  flooded(origin: PeerEntry | null, bytes: number): void {
    if (origin !== null) this.#ofPeer(origin, bytes);
    this.#delivered(bytes);
  }

  #ofPeer({ counters }: PeerEntry, bytes: number): void {
    const { peers } = this.#c.shared;
    peers[counters + PeerField.rxFrames] = (peers[counters + PeerField.rxFrames] as number) + 1;
    peers[counters + PeerField.rxBytes] = (peers[counters + PeerField.rxBytes] as number) + bytes;
  }

  #delivered(bytes: number): void {
    const { device } = this.#c.shared;
    device[DeviceField.rxFrames] = (device[DeviceField.rxFrames] as number) + 1;
    device[DeviceField.rxBytes] = (device[DeviceField.rxBytes] as number) + bytes;
  }
}

/**
 * The UDP side of our link to one relay: keeps our association bound, measures it, and says when UDP is blocked.
 *
 * A machine without I/O. The WebSocket (relays/net/relay-client.ts) brings the association; this machine sends `bind`
 * packets by the same socket that carries data, so a `bound` answer also tells our reflexive address.
 *
 *   down ──up──▶ settling ──bound──▶ bound ──dead (peer/liveness.ts)──▶ blocked ──bound──▶ bound
 *
 * A relay may have several addresses, and UDP may pass to another one than that which TCP took: IPv4 where a firewall knows no IPv6.
 * Whatever is unanswered at one address is asked at the next.
 */
import { sameEndpoint, type Endpoint } from '../lib/endpoint.js';
import { relayDeadAt } from '../peer/liveness.js';
import { measured, type RoundTrip } from '../peer/round-trip.js';
import type { HeldRelayLink } from './held.js';
import { encodeBind, openBound, parseUnbound, peekAssociation } from '../wire/relay.js';

/** Retry while nobody answers: fast at first; once it is dead soon again, in case the line was, and then ever more seldom, in case a firewall opens. */
const retryMs = 250;
const deadRetryMs = { first: 1_000, last: 15_000 };
/** So many unanswered binds go to one address of the relay before the next is tried. */
const bindsEach = 3;
/** So long the answer is waited for where UDP to this relay passed before: where it does not any more, the WebSocket carries this much later. */
const expectedMs = 800;
/** Keeps NAT mappings alive: RFC 4787 REQ-5 lets them go after 2 minutes, many go after 30 s. */
const keepaliveMs = 15_000;
/** While packets come through it, its round trip is measured this often, and it counts as in use for so long after one. */
const measureMs = 5_000;
const usedMs = 5_000;
/** Binds whose time is remembered: an answer to an older one, which may be a replay, says nothing. */
const remembered = 64;
/** Least time between a hint (unbound, suspicion) and the next. */
const nudgeGapMs = 200;

export interface RelayLinkPorts {
  sendBind(packet: Uint8Array, relay: Endpoint): void;
  /** UDP through the relay works (route) or does not (null), also where it was expected to and nothing was said before. */
  route(route: { endpoint: Endpoint; association: number } | null): void;
  reflexive(server: Endpoint, observed: Endpoint): void;
  /** When something of a member came through the relay by UDP last, ms of the clock. */
  heardAt(): number;
}

export class RelayLink {
  readonly #ports: RelayLinkPorts;
  #association: { readonly index: number; readonly key: Uint8Array } | undefined;
  /** Where binds go, one of `#addresses`. */
  #endpoint: Endpoint | undefined;
  /** Of the relay, the one that TCP took last first. */
  #addresses: readonly Endpoint[] = [];
  /** Binds in a row that nothing answered. */
  #unanswered = 0;
  #counter = 0;
  /** Of the last binds, by counter. */
  readonly #sentTimes = new Float64Array(remembered).fill(-Infinity);
  /** Counter of the newest bind that was answered, or that has no time of ours. */
  #answered = 0;
  /** When the first bind went out that nothing answered. */
  #askedAt: number | undefined;
  /** Nobody answers. */
  #dead = false;
  /** While it is dead: until all addresses are asked again, ms. */
  #pauseMs = deadRetryMs.first;
  /** UDP to the endpoint was answered, and has not gone unanswered since, though the relay may have gone. */
  #passes = false;
  /** When that is given up; Infinity while nobody is asked or all is answered. */
  #expectedUntil = Infinity;
  #answeredAt = -Infinity;
  /** It is not dead before, whatever goes unanswered. */
  #patientUntil = -Infinity;
  readonly #trip: RoundTrip = { rttMs: null, rttVarMs: 0 };
  #sentAt = -Infinity;
  #nextAt = Infinity;
  /** The association by which data goes now. */
  #routed: number | undefined;

  constructor(ports: RelayLinkPorts) {
    this.#ports = ports;
  }

  /** True while data may go through the relay by UDP. */
  get bound(): boolean {
    return this.#routed !== undefined;
  }

  /** True when the relay is up but UDP to it goes unanswered. */
  get blocked(): boolean {
    return this.#association !== undefined && !this.bound && this.#dead;
  }

  /** True until UDP either answered or was found blocked. */
  get settling(): boolean {
    return this.#association !== undefined && !this.bound && !this.#dead;
  }

  /** True while UDP will most likely answer in a moment, as it did before the relay went: no other way is worth taking. */
  get expected(): boolean {
    return this.#passes && !this.bound;
  }

  /** When `tick` has something to do, ms of the clock; Infinity for never. Every call may change it. */
  get dueAt(): number {
    return Math.min(this.#nextAt, this.#expectedUntil);
  }

  get rttMs(): number | null {
    return this.#trip.rttMs;
  }

  get trip(): RoundTrip {
    return this.#trip;
  }

  /** When it last answered, or carried something to us: ms of the clock. */
  get aliveAt(): number {
    return Math.max(this.#answeredAt, this.#ports.heardAt());
  }

  get endpoint(): Endpoint | undefined {
    return this.#endpoint;
  }

  /**
   * A new association: from now on binds go to the relay that TCP reached at `endpoint`. `dateMs` seeds the counter, so it rises over
   * restarts too.
   */
  up(now: number, dateMs: number, endpoint: Endpoint | undefined, index: number, key: Uint8Array): void {
    const before = this.#addresses;
    const same =
      endpoint && (before.length === 0 || before.some((address) => sameEndpoint(address, endpoint)));
    // What goes by the association of before goes on until the new one is bound: the relay serves both for a while.
    if (!same || !this.#endpoint) {
      this.#passes = false;
      this.down();
      this.#endpoint = endpoint;
      this.#addresses = [];
    }
    this.#addresses = endpoint ? unique([endpoint, ...this.#addresses]) : [];
    this.#askedAt = undefined;
    this.#unanswered = 0;
    this.#association = { index, key };
    this.#counter = Math.max(this.#counter, Math.floor(dateMs));
    this.#answered = this.#counter;
    // Nobody can be asked: UDP is as good as blocked.
    this.#dead = endpoint === undefined;
    this.#nextAt = endpoint ? now : Infinity;
    this.#expectedUntil = this.expected ? now + expectedMs : Infinity;
    this.tick(now);
  }

  /** What addresses the relay's name has now. */
  known(addresses: readonly Endpoint[]): void {
    this.#addresses = unique([...this.#addresses.slice(0, 1), ...addresses]);
  }

  down(): void {
    this.#association = undefined;
    this.#nextAt = Infinity;
    this.#expectedUntil = Infinity;
    this.#askedAt = undefined;
    this.#dead = false;
    this.#setBound(false);
  }

  /** For the process that goes on with it; undefined while it is not bound. */
  held(): HeldRelayLink | undefined {
    const association = this.#association;
    const endpoint = this.#endpoint;
    if (!association || !endpoint || this.#routed !== association.index) return undefined;
    const { index, key } = association;
    return { endpoint, association: index, key, counter: this.#counter, ...this.#trip };
  }

  /** Goes on with what the process before had bound, and asks at once whether it still is. */
  adopt(now: number, held: HeldRelayLink): void {
    this.#association = { index: held.association, key: held.key };
    this.#endpoint = held.endpoint;
    this.#counter = this.#answered = held.counter;
    this.#trip.rttMs = held.rttMs;
    this.#trip.rttVarMs = held.rttVarMs;
    this.#answeredAt = this.#nextAt = now;
    this.#setBound(true);
  }

  /** Something is odd (silence, a new address): bind at once, whatever the schedule. */
  nudge(now: number): void {
    if (!this.#association || !this.#endpoint || now - this.#sentAt < nudgeGapMs) return;
    if (this.#dead) this.#unanswered = 0;
    this.#nextAt = now;
    this.tick(now);
  }

  tick(now: number): void {
    if (now >= this.#expectedUntil) {
      this.#passes = false;
      this.#expectedUntil = Infinity;
      this.#ports.route(null);
    }
    if (!this.#association || !this.#endpoint || now < this.#nextAt) return;
    // For so long it was we who were late, and the answer may wait for us.
    if (this.#askedAt !== undefined) this.#askedAt += Math.max(0, now - this.#nextAt);
    if (this.#askedAt !== undefined && now >= this.#deadAt(this.#askedAt) && !this.#dead) {
      this.#dead = true;
      this.#passes = false;
      this.#setBound(false);
      this.#elsewhere();
      this.#unanswered = 0;
      this.#pauseMs = deadRetryMs.first;
    }
    const each = this.#dead ? 1 : bindsEach;
    if (this.#unanswered > 0 && this.#unanswered % each === 0) this.#elsewhere();
    this.#unanswered++;
    this.#counter++;
    this.#askedAt ??= now;
    this.#sentAt = now;
    this.#sentTimes[this.#counter % remembered] = now;
    const allAsked = this.#dead && this.#unanswered % Math.max(1, this.#addresses.length) === 0;
    this.#nextAt = now + (allAsked ? this.#pauseMs : retryMs);
    if (allAsked) this.#pauseMs = Math.min(deadRetryMs.last, 2 * this.#pauseMs);
    this.#ports.sendBind(
      encodeBind(this.#association.index, this.#counter, this.#association.key),
      this.#endpoint,
    );
  }

  /** The next address; all are asked by turns. */
  #elsewhere(): void {
    const at = this.#addresses.findIndex((address) => sameEndpoint(address, this.#endpoint as Endpoint));
    const next = this.#addresses[(at + 1) % this.#addresses.length];
    if (!this.bound && next) this.#endpoint = next;
  }

  #deadAt(askedAt: number): number {
    return Math.max(this.#patientUntil, relayDeadAt(askedAt, this.#ports.heardAt(), this.#trip));
  }

  /** Another process of the relay goes on, which may take a moment: what is sent until this time waits for it. */
  patient(until: number): void {
    this.#patientUntil = until;
  }

  /** A bound or unbound packet from `from`. False when it is not about this link. */
  receive(now: number, packet: Uint8Array, from: Endpoint): boolean {
    const association = this.#association;
    if (!association || !this.#endpoint || !this.#asked(from)) return false;
    if (parseUnbound(packet) === association.index) {
      this.nudge(now);
      return true;
    }
    const head = peekAssociation(packet);
    if (head?.association !== association.index || head.counter > this.#counter) return false;
    if (head.counter <= this.#answered || head.counter <= this.#counter - remembered) return false;
    const observed = openBound(packet, association.key);
    if (!observed) return false;
    measured(this.#trip, now - (this.#sentTimes[head.counter % remembered] as number));
    this.#answered = head.counter;
    this.#answeredAt = now;
    this.#askedAt = undefined;
    this.#unanswered = 0;
    this.#dead = false;
    this.#passes = true;
    this.#expectedUntil = Infinity;
    this.#nextAt = now + (now < this.#ports.heardAt() + usedMs ? measureMs : keepaliveMs);
    if (!sameEndpoint(from, this.#endpoint)) {
      // Late, from an address that was asked before. The relay sends to us by the one that it was asked at last.
      this.#endpoint = { ...from };
      this.#nextAt = now;
    }
    this.#setBound(true);
    this.#ports.reflexive(from, observed);
    return true;
  }

  /** Whether binds go to this address, or went while nothing was bound. */
  #asked(address: Endpoint): boolean {
    if (this.#endpoint && sameEndpoint(address, this.#endpoint)) return true;
    return !this.bound && this.#addresses.some((other) => sameEndpoint(address, other));
  }

  #setBound(bound: boolean): void {
    const endpoint = this.#endpoint;
    const association = bound && endpoint ? this.#association?.index : undefined;
    if (association === this.#routed) return;
    this.#routed = association;
    this.#ports.route(endpoint && association !== undefined ? { endpoint, association } : null);
  }
}

function unique(addresses: readonly Endpoint[]): Endpoint[] {
  const first = (address: Endpoint): Endpoint | undefined =>
    addresses.find((other) => sameEndpoint(address, other));
  return addresses.filter((address) => first(address) === address);
}

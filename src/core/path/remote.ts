/** An address at which a peer may be reached, what is known of it, and when it is asked. Plain data for the prober. */
import type { Endpoint } from '../lib/endpoint.js';
import type { RoundTrip } from '../peer/round-trip.js';
import type { CandidateKind } from '../wire/candidate.js';
import type { PathMtu } from './mtu.js';

/**
 * When a candidate is pinged in a burst, ms after its start: both sides burst together, so holes meet in the NATs.
 * The first ping dies behind our own router. A router that takes an early ping of the peer for local input would map
 * our own packets to another port from then on, so both sides open their own NAT before anything reaches the other's;
 * the pause is there for offers that cross at different times.
 */
export const burstMs = [0, 150, 250, 400, 700, 1_100, 1_700, 2_500, 4_000] as const;
/** Routers that the first ping passes: our own, not the peer's. */
export const openingHops = 2;
/** Remote candidates kept, offered and observed ones together. */
export const maxRemotes = 32;

export type RemoteState = 'waiting' | 'probing' | 'answering' | 'usable' | 'narrow' | 'failed';

export interface Remote extends RoundTrip {
  readonly key: string;
  readonly endpoint: Endpoint;
  kind: CandidateKind | 'peer-reflexive';
  state: RemoteState;
  burstAt: number;
  burstStep: number;
  /** What it carries; none as long as it has not answered. */
  mtu: PathMtu | undefined;
  lastPingAt: number;
  lastPongAt: number;
  missed: number;
  offered: boolean;
  /** The peer offered it, and does not any more: it moved away, and whatever else works is better. */
  withdrawn: boolean;
  /** Not to be chosen before: it answered pings and ate payload, or died each time it was taken. */
  shunnedUntil: number;
  /** When it became the path in use. */
  takenAt: number;
  /** How often in a row it died soon after it was taken. */
  flaps: number;
}

/** A path that lives for less long was not fit to be taken, ms. */
const shortLifeMs = 30_000;
/** After the second short life it is left alone for so long, after each further one for twice as long. */
const firstShunMs = 4_000;
const longestShunMs = 600_000;

/** A candidate that was never asked. */
export function newRemote(key: string, endpoint: Endpoint, kind: Remote['kind']): Remote {
  return {
    key,
    endpoint,
    kind,
    state: 'waiting',
    rttMs: null,
    rttVarMs: 0,
    burstAt: 0,
    burstStep: burstMs.length,
    mtu: undefined,
    lastPingAt: -Infinity,
    lastPongAt: -Infinity,
    missed: 0,
    offered: false,
    withdrawn: false,
    shunnedUntil: -Infinity,
    takenAt: -Infinity,
    flaps: 0,
  };
}

/**
 * The path in use is dead. One that answers as long as it carries nothing (a tunnel inside the network itself, a filter that
 * counts) would be taken again at once, and die again: it is damped as routes are (RFC 2439).
 */
export function died(remote: Remote, now: number): void {
  remote.flaps = now - remote.takenAt < shortLifeMs ? remote.flaps + 1 : 0;
  if (remote.flaps < 2) return;
  const shunMs = Math.min(firstShunMs * 2 ** (remote.flaps - 2), longestShunMs);
  remote.shunnedUntil = Math.max(remote.shunnedUntil, now + shunMs);
}

/**
 * A direct path is left for another one only where that is clearly better: by round trip, so that two alike do not take
 * turns. Between a host candidate and one that a router made (RFC 8445 section 5.1.2.2 ranks them so) it need only be
 * no worse: what hairpins through the router of a LAN loads the router, and may be cut off by it. The same goes for one that
 * carries full-size packets, against one that needs pieces.
 */
export function beats(remote: Remote, active: Remote): boolean {
  const rtt = remote.rttMs ?? Infinity;
  const other = active.rttMs ?? Infinity;
  const wide = remote.mtu?.full === true;
  if (wide !== (active.mtu?.full === true)) return wide ? rtt <= other * 1.3 + 1 : rtt < other * 0.5 - 1;
  if (remote.kind === 'host' && active.kind !== 'host') return rtt <= other * 1.3 + 1;
  return rtt < other * 0.7 - 1;
}

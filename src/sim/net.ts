/**
 * The internet between the nodes: how long a datagram takes, whether it is lost, and who can reach whom directly.
 *
 * Nodes live in regions on a plane whose unit is a millisecond one way; each has an access delay of its own
 * (lognormal), so round trips lie between 5 and 200 ms. Jitter is exponential. Nothing here knows the overlay.
 */
import type { SeededRandom } from './random.js';

/** NAT behaviour of a node in the words of RFC 4787. */
export const natKinds = [
  'public',
  'endpoint-independent',
  'address-and-port-dependent',
  'udp-blocked',
] as const;
export type NatKind = (typeof natKinds)[number];
/** Shares of `natKinds`, in that order; they sum up to one. */
export type NatMix = readonly [number, number, number, number];

/** As the field has it, roughly: measurements of hole punching succeed for about two pairs of three. */
export const fieldNatMix: NatMix = [0.1, 0.6, 0.22, 0.08];

/** Where a node is, and what stands between it and the others. */
export interface Place {
  readonly x: number;
  readonly y: number;
  /** One way, ms. */
  readonly accessMs: number;
  readonly nat: NatKind;
  /** Filtering of the NAT goes by address or by nothing, not by port: punching works from any mapping. */
  readonly open: boolean;
  /** Half of the network that it falls to when the network is cut in two. */
  readonly side: 0 | 1;
}

/** Centres of the regions, ms one way, and their share of the nodes. */
const regions = [
  { x: 0, y: 0, share: 0.35 },
  { x: 38, y: 0, share: 0.25 },
  { x: 66, y: -6, share: 0.15 },
  { x: 52, y: 42, share: 0.05 },
  { x: -30, y: 32, share: 0.1 },
  { x: -22, y: 58, share: 0.1 },
] as const;
const regionSpreadMs = 4;
const accessMedianMs = 3;
const accessSigma = 0.6;
const accessLimitMs = 30;
const leastOneWayMs = 2.5;
const mostOneWayMs = 100;
/** Half of the endpoint-independent NATs filter by address and port, as Linux does. */
const openShare = 0.5;

export interface NetOptions {
  /** Share of control datagrams that are lost. */
  readonly loss: number;
  readonly natMix: NatMix;
}

export class Underlay {
  readonly #random: SeededRandom;
  readonly #options: NetOptions;
  readonly relay: Place = { x: 5, y: 0, accessMs: 0.5, nat: 'public', open: true, side: 0 };
  /** Cut in two: nothing passes between sides. */
  split = false;

  constructor(random: SeededRandom, options: NetOptions) {
    this.#random = random;
    this.#options = options;
  }

  /** A place drawn from the stream of one node. */
  place(random: SeededRandom): Place {
    let share = random.unit();
    const region = regions.find((r) => (share -= r.share) < 0) ?? regions[0];
    let mix = random.unit();
    const nat =
      natKinds[this.#options.natMix.findIndex((part) => (mix -= part) < 0)] ?? 'endpoint-independent';
    return {
      x: region.x + regionSpreadMs * random.normal(),
      y: region.y + regionSpreadMs * random.normal(),
      accessMs: Math.min(accessLimitMs, accessMedianMs * Math.exp(accessSigma * random.normal())),
      nat,
      open: random.unit() < openShare,
      side: random.unit() < 0.5 ? 0 : 1,
    };
  }

  /** Delay between two places without jitter, one way, ms. */
  oneWay(a: Place, b: Place): number {
    const way = Math.hypot(a.x - b.x, a.y - b.y) + a.accessMs + b.accessMs;
    return Math.min(mostOneWayMs, Math.max(leastOneWayMs, way));
  }

  /** Delay of one datagram. */
  jittered(oneWayMs: number): number {
    return oneWayMs + this.#random.exponential(0.3 + 0.03 * oneWayMs);
  }

  /** One datagram is lost. */
  loses(): boolean {
    return this.#random.unit() < this.#options.loss;
  }

  /** Something passes between the two now, NATs aside. */
  joined(a: Place, b: Place): boolean {
    return !this.split || a.side === b.side;
  }
}

/**
 * Whether two can have a direct path: one is public, or both keep their mapping, or one keeps it and does not ask
 * from which port the other comes.
 */
export function canPunch(a: Place, b: Place): boolean {
  if (a.nat === 'udp-blocked' || b.nat === 'udp-blocked') return false;
  if (a.nat === 'public' || b.nat === 'public') return true;
  const [independentA, independentB] = [a, b].map((place) => place.nat === 'endpoint-independent');
  if (independentA && independentB) return true;
  return (independentA === true && a.open) || (independentB === true && b.open);
}

/**
 * Long links: drawn by Symphony's harmonic density, kept while the network stays about as large as it was when they
 * were drawn, replaced before they are given up.
 */
import type { Random } from '../lib/env.js';
import { Claim } from '../wire/ring.js';
import { stands, type Link } from './link.js';
import { clockwise, positionOfText, ringSize } from './position.js';
import type { Place } from './ring.js';
import { drawPosition, inDegreeCap, longLinkCount, meshEnd } from './symphony.js';

/** An answer to a draw comes within this time, or it is drawn again. */
const answerMs = 3_000;
/** Draws at once, and ms until one more: most draws of a small network hit somebody who is linked already. */
const drawsAtOnce = 4;
const drawEveryMs = 75;
/** A long link is drawn anew when the network has grown or shrunk by this factor. */
const driftFactor = 2.5;
/** Share of the mean gap, in multiples, within which a named member answers to a draw. */
const answerGaps = 12;

interface Draw {
  readonly position: number;
  readonly at: number;
}

export class Shortcuts {
  readonly #self: Place;
  readonly #random: Random;
  readonly #base: 'ln' | 'log10';
  /** Ids of the long links that we drew, and the size of the network then. */
  readonly #drawn = new Map<string, number>();
  #draws: Draw[] = [];
  #tokens = drawsAtOnce;
  #tokensAt = 0;

  constructor(self: Place, random: Random, base: 'ln' | 'log10') {
    this.#self = self;
    this.#random = random;
    this.#base = base;
  }

  /** Positions to look for members at, now. */
  draw(now: number, size: number): number[] {
    const wanted = longLinkCount(size);
    const unlinked = wanted - this.#fresh(size);
    if (unlinked <= 0) return [];
    this.#draws = this.#draws.filter((draw) => now - draw.at < answerMs);
    const missing = unlinked - this.#draws.length;
    const limit = drawsAtOnce + wanted;
    this.#tokens = Math.min(limit, this.#tokens + (now - this.#tokensAt) / drawEveryMs);
    this.#tokensAt = now;
    const count = Math.min(missing, Math.floor(this.#tokens));
    if (count <= 0) return [];
    this.#tokens -= count;
    const positions: number[] = [];
    for (let i = 0; i < count; i++) {
      const position = drawPosition(this.#self.position, size, this.#random.unit(), this.#base);
      positions.push(position);
      this.#draws.push({ position, at: now });
    }
    return positions;
  }

  /** Those of the named members that answer to a draw of ours; the draws are done then. */
  match(ids: readonly string[], size: number): string[] {
    if (this.#draws.length === 0) return [];
    const out: string[] = [];
    const near = Math.min(ringSize, (answerGaps * ringSize) / Math.max(1, size));
    this.#draws = this.#draws.filter((draw) => {
      let best: string | undefined;
      let bestWay = near;
      for (const id of ids) {
        const position = positionOfText(id);
        const way = Math.min(clockwise(draw.position, position), clockwise(position, draw.position));
        if (way >= bestWay) continue;
        best = id;
        bestWay = way;
      }
      if (best === undefined) return true;
      if (best !== this.#self.id && !out.includes(best)) out.push(best);
      return false;
    });
    return out;
  }

  /** The link is a long one of ours. */
  has(id: string): boolean {
    return this.#drawn.has(id);
  }

  /** A link answers to a draw of ours. */
  adopt(id: string, size: number): void {
    this.#drawn.set(id, size);
  }

  /** The link is no long one of ours any more: it is gone, is a leaf's, which shortens nobody's way, or is not to be one. */
  forget(id: string): void {
    this.#drawn.delete(id);
  }

  clear(): void {
    this.#drawn.clear();
  }

  /** Gives up long links of ours beyond what the size asks for: those drawn for quite another size first. */
  prune(size: number, links: { get(id: string): Link | undefined }): void {
    const drawn: { readonly id: string; readonly drift: number }[] = [];
    for (const [id, then] of this.#drawn) {
      const link = links.get(id);
      if (link && stands(link)) drawn.push({ id, drift: driftOf(size, then) });
    }
    const surplus = drawn.length - longLinkCount(size);
    if (surplus <= 0) return;
    drawn.sort((a, b) => b.drift - a.drift);
    for (const { id, drift } of drawn.slice(0, surplus)) {
      // One more or less is noise of the estimate: not worth a link.
      if (drift > driftFactor || surplus > 2) this.#drawn.delete(id);
    }
  }

  /** True when others drew more long links to us than we should hold, this one counted. */
  overCap(link: Link, size: number, links: Iterable<Link>): boolean {
    if (size <= 2 * meshEnd || this.#drawn.has(link.id)) return false;
    let theirs = 0;
    for (const other of links) {
      if (other !== link && (other.theirs & Claim.long) !== 0 && !this.#drawn.has(other.id)) theirs++;
    }
    return theirs >= inDegreeCap(size);
  }

  /** When drawing makes sense again; Infinity when nothing is missing. */
  dueAt(now: number, size: number): number {
    const missing = longLinkCount(size) - this.#fresh(size);
    if (missing <= 0) return Infinity;
    if (this.#draws.length >= missing) return (this.#draws[0] as Draw).at + answerMs;
    return now + drawEveryMs;
  }

  #fresh(size: number): number {
    let count = 0;
    for (const then of this.#drawn.values()) if (driftOf(size, then) <= driftFactor) count++;
    return count;
  }
}

/** By which factor the network differs from what it was when a link was drawn. */
function driftOf(size: number, then: number): number {
  return size > then ? size / then : then / size;
}

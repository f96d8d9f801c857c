/** A way that needs no probing (a relay, a call, members), and what is known of it. Plain data for the prober. */
import type { Origin, Path } from '../dataplane/plane/plane.js';
import type { HeldPath } from '../peer/held.js';
import { wayPace, type PingedPath } from '../peer/liveness.js';
import { measured } from '../peer/round-trip.js';
import type { PathMtu, Use } from './mtu.js';
import { hasWidth, type RelayChoice } from './path.js';

export class Way implements PingedPath {
  /** Another one of the same label takes its place. */
  choice: RelayChoice;
  rttMs: number | null = null;
  rttVarMs = 0;
  lastPingAt = -Infinity;
  lastPongAt = -Infinity;
  missed = 0;
  /** What it carries; known once the peer answered by it. */
  mtu: PathMtu | undefined;

  constructor(choice: RelayChoice) {
    this.choice = choice;
  }

  get label(): string {
    return this.choice.label;
  }

  get path(): Path {
    const { path } = this.choice;
    return path.kind !== 'overlay' && hasWidth(this.choice) ? { ...path, ...this.mtu?.width } : path;
  }

  /**
   * There was no way to the peer meanwhile: what it was asked just before says nothing. What it carries is known, where that was found
   * out; else it is asked at once.
   */
  back(now: number, choice: RelayChoice): this {
    this.choice = choice;
    this.missed = 0;
    if (hasWidth(choice) && this.mtu?.back(now, this.lastPongAt) !== true) {
      this.mtu = undefined;
      this.lastPingAt = -Infinity;
    }
    return this;
  }

  asked(now: number): void {
    this.lastPingAt = now;
    this.missed++;
  }

  answered(now: number, rttMs: number): void {
    measured(this, rttMs);
    this.lastPongAt = now;
    this.missed = 0;
  }

  /** For the process that goes on with it. */
  get held(): Omit<HeldPath, 'joins'> {
    // Its socket stays behind: there it goes on by another way.
    if (this.choice.kind === 'direct') return { endpoint: null, rttMs: null, rttVarMs: 0, proven: 0 };
    const { rttMs, rttVarMs, mtu } = this;
    return { endpoint: null, rttMs, rttVarMs, proven: mtu?.proven ?? 0 };
  }

  /** It is that of the process before. */
  adopt({ rttMs, rttVarMs }: HeldPath, mtu: PathMtu | undefined): void {
    this.rttMs = rttMs;
    this.rttVarMs = rttVarMs;
    this.mtu = mtu;
  }

  /** A ping of this size was answered; `begin`: of the first. What it carries now, in words; undefined: as before. */
  carried(now: number, size: number, begin: () => PathMtu): string | undefined {
    if (!hasWidth(this.choice)) return undefined;
    const mtu = (this.mtu ??= begin());
    if (!mtu.answered(now, size)) return undefined;
    return `${this.label} answers ${mtu.full ? 'full-size packets' : `packets of ${mtu.proven} bytes`}`;
  }

  /** Sends what is due to find out what it carries, while it is in use. In words what that is now; undefined: as before. */
  tryWidth(now: number, use: Use, send: (size: number) => void): string | undefined {
    const { mtu } = this;
    if (!mtu) return undefined;
    const before = mtu.proven;
    for (const size of mtu.tick(now, use)) send(size);
    if (mtu.proven === before) return undefined;
    return `${this.label} answers packets of ${mtu.proven} bytes, and none of ${before}`;
  }

  /** When it is to be pinged while it is the one in use. */
  pingAt(used: boolean, waitingSince: number, doubted: boolean): number {
    return wayPace(this, used, waitingSince, doubted);
  }

  /** Whether what has this origin came by it. */
  brought(origin: Origin): boolean {
    const { path } = this.choice;
    if (origin.kind === 'relay') return path.kind === 'relay' && path.relay === origin.relay;
    if (origin.kind === 'carrier') return path.kind === 'carrier' && path.carrier === origin.carrier;
    return origin.kind === path.kind;
  }
}

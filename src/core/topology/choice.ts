/**
 * Who our links should be: those around us, all where we are few, long links, those that traffic or the operator wants.
 * It is reviewed a moment after news of it, so that a burst of them is looked at once.
 */
import { Claim } from '../wire/ring.js';
import { claimsOf } from './claims.js';
import { Demand } from './demand.js';
import type { LinkTable } from './link-table.js';
import type { Link } from './link.js';
import { aloneMs, type Neighbourhood } from './neighbourhood.js';
import type { OverlayOptions, OverlayPorts } from './overlay-ports.js';
import type { Place } from './ring.js';
import type { Seeker } from './seek.js';
import { Shortcuts } from './shortcut.js';

/** How long news are gathered, before and after we have our place. */
const gatherMs = 20;
const settledGatherMs = 80;
/** How often the rendezvous is asked whether our place on the ring is still right. */
const auditMs = 30_000;

export interface ChoiceParts {
  readonly self: Place;
  /** We are on nobody's way: no long links. */
  readonly leaf: boolean;
  readonly ports: Pick<OverlayPorts, 'env' | 'locate' | 'send'>;
  readonly links: LinkTable;
  readonly around: Neighbourhood;
  readonly seeker: Seeker;
}

export class Choice {
  readonly #parts: ChoiceParts;
  readonly #shortcuts: Shortcuts;
  readonly #demand: Demand;
  #fixed: ReadonlySet<string> = new Set();
  #reviewAt = Infinity;
  #auditAt = Infinity;

  constructor(parts: ChoiceParts, { drawBase = 'ln', demandLimit, demandIdleMs }: OverlayOptions) {
    this.#parts = parts;
    this.#shortcuts = new Shortcuts(parts.self, parts.ports.env.random, drawBase);
    this.#demand = new Demand(demandLimit, demandIdleMs);
  }

  start(now: number): void {
    this.#auditAt = now + auditMs * (0.5 + this.#parts.ports.env.random.unit());
    this.soon(now + aloneMs);
  }

  /** When `review` has something to do. */
  get reviewAt(): number {
    return this.#reviewAt;
  }

  /** When `review` or `audit` has. */
  get dueAt(): number {
    return Math.min(this.#reviewAt, this.#auditAt);
  }

  /** News at this time are to be looked at. */
  soon(at: number): void {
    this.#reviewAt = Math.min(this.#reviewAt, at + (this.#parts.around.settled ? settledGatherMs : gatherMs));
  }

  /** Links that the operator wants whatever the ring says. */
  setFixed(now: number, ids: readonly string[]): void {
    this.#fixed = new Set(ids);
    this.soon(now);
  }

  /** Traffic wants a link with this member. */
  demand(now: number, id: string): void {
    this.#demand.expire(now);
    const known = this.#demand.has(id);
    const evicted = this.#demand.use(now, id);
    this.#parts.links.begin(now, id);
    if (!known || evicted !== undefined) this.soon(now);
  }

  /** Members were named: some of them may answer to a draw for long links. */
  named(now: number, ids: readonly string[]): void {
    const { links, around } = this.#parts;
    for (const id of this.#shortcuts.match(ids, around.size)) {
      if (links.get(id)) continue;
      links.begin(now, id);
      if (links.get(id)) this.#shortcuts.adopt(id, around.size);
    }
    this.soon(now);
  }

  /** A link that the process before drew. */
  keepLong(id: string): void {
    this.#shortcuts.adopt(id, this.#parts.around.size);
  }

  /** A link is no long one of ours: it is gone, or a leaf's, which shortens nobody's way. */
  notLong(link: Link): void {
    this.#shortcuts.forget(link.id);
  }

  /** The other side will not have a link for a long one. */
  refused(now: number, link: Link): void {
    this.notLong(link);
    this.soon(now);
  }

  /** The other side of a link says what it needs it for. It is refused for a long one where others drew too many to us. */
  claimed(now: number, link: Link, claims: number): void {
    const { links, around, ports } = this.#parts;
    if (link.leaf) this.notLong(link);
    const news = claims !== link.theirs;
    const long = (claims & Claim.long) !== 0;
    if (!news && !long) return;
    links.claimed(now, link, claims);
    if (long && this.#shortcuts.overCap(link, around.size, links)) {
      links.refuse(link);
      ports.send(link.id, { type: 'refuse' });
    }
    if (news) this.soon(now);
  }

  /** Asks the rendezvous who is where we are, if that is due. */
  audit(now: number): void {
    if (now < this.#auditAt) return;
    this.#auditAt = now + auditMs;
    this.#parts.ports.locate([this.#parts.self.position]);
  }

  clear(): void {
    this.#shortcuts.clear();
  }

  /** Begins the links that we should have and do not, and claims those that we need. Returns whether other ones than before. */
  review(now: number): boolean {
    this.#reviewAt = Infinity;
    const { self, leaf, links, around } = this.#parts;
    const pool = around.look(now, links);
    const { mesh, size } = around;
    for (const { id } of pool.ahead) links.begin(now, id);
    for (const { id } of pool.behind) links.begin(now, id);
    if (mesh) for (const { id } of pool.approachable) links.begin(now, id);
    for (const id of this.#fixed) links.begin(now, id);
    this.soon(around.settle(now, pool, links));
    const { settled } = around;
    const draws = settled && !mesh && !leaf;
    if (draws) this.#draw(now, size);
    this.#shortcuts.prune(size, links);
    this.#demand.expire(now);
    const { ahead, behind } = pool;
    const wanted = { drawn: this.#shortcuts, demanded: this.#demand, fixed: this.#fixed };
    const claims = claimsOf(links, { self, leaf, settled, mesh, ahead, behind, ...wanted });
    if (draws) this.soon(this.#shortcuts.dueAt(now, size));
    this.#reviewAt = Math.min(this.#reviewAt, this.#demand.dueAt);
    return links.claim(now, claims);
  }

  #draw(now: number, size: number): void {
    const { ports, seeker } = this.#parts;
    const positions = this.#shortcuts.draw(now, size);
    if (positions.length > 0 && !ports.locate(positions)) seeker.positions(now, positions);
  }
}

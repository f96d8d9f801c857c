/**
 * The overlay of one member: which links it keeps, and what goes where over them. A machine without I/O.
 *
 *   links ───────┐  who is around us ──▶ who our links should be ──▶ what we need each for ─┬─▶ what we tell links
 *   rendezvous ──┼▶ (neighbourhood.ts)   (choice.ts)                 (claims.ts)            │   (tables.ts)
 *   connections ─┤                                                                          └─▶ forwarding table
 *   traffic ─────┘  which there are, and whether they live: link-table.ts                       (routes.ts)
 *
 * Links tell each other whom they are linked with. Whoever is nearer on the ring than a neighbour we have becomes the
 * neighbour, met through the link that named it: joining, healing, and the merging of two rings are this one rule
 * (T-Man: Jelasity, Montresor, Babaoglu 2009). A new link is up before an old one goes.
 */
import { Claim, encodeRing, parseRing, type RingMessage, type TableMessage } from '../wire/ring.js';
import { Choice } from './choice.js';
import type { HeldOverlay } from './held.js';
import { LinkTable } from './link-table.js';
import { isNeeded, type Link } from './link.js';
import { Neighbourhood } from './neighbourhood.js';
import type { LinkReport, OverlayOptions, OverlayPorts, OverlaySelf, RingReport } from './overlay-ports.js';
import { positionOfText } from './position.js';
import { linkReports, ringReport } from './report.js';
import type { Place } from './ring.js';
import { Routes } from './routes.js';
import { Seeker } from './seek.js';
import { Tables } from './tables.js';

export class Overlay {
  readonly #self: Place;
  readonly #ports: OverlayPorts;
  readonly #links: LinkTable;
  readonly #around: Neighbourhood;
  readonly #choice: Choice;
  readonly #tables: Tables;
  readonly #routes: Routes;
  readonly #seeker: Seeker;
  #running = false;

  constructor({ id, role }: OverlaySelf, ports: OverlayPorts, options: OverlayOptions = {}) {
    const leaf = role === 'leaf';
    const self = (this.#self = { id, position: positionOfText(id) });
    const links = (this.#links = new LinkTable(id, ports));
    const around = (this.#around = new Neighbourhood(self, leaf));
    const seeker = (this.#seeker = new Seeker(self, ports, links));
    this.#choice = new Choice({ self, leaf, ports, links, around, seeker }, options);
    this.#tables = new Tables(self, leaf, ports);
    this.#routes = new Routes(leaf);
    this.#ports = ports;
  }

  start(now: number): void {
    this.#running = true;
    this.#around.start(now);
    this.#choice.start(now);
  }

  /** For the process that goes on with the links. */
  held(): HeldOverlay {
    return {
      settled: this.settled,
      version: this.#tables.version,
      size: this.size,
      links: [...this.#links].flatMap(({ up, table, id, indirect, leaf, mine, theirs }) =>
        up && table ? [{ id, indirect, leaf, mine, theirs, table: encodeRing(table) }] : [],
      ),
    };
  }

  /**
   * Goes on with the links of the process before, without a word to anybody. Each is with a peer that is connected, or its
   * owner tells of that soon.
   */
  adopt(now: number, held: HeldOverlay): void {
    this.#tables.countFrom(held.version);
    for (const link of held.links) {
      const table = parseRing(link.table);
      if (table?.type !== 'table' || link.id === this.#self.id) continue;
      const { id, mine } = this.#links.adopt(now, link, table);
      if ((mine & Claim.long) !== 0) this.#choice.keepLong(id);
      this.#around.appeared(id, false);
    }
    if (held.settled) this.#around.adopt(held.size);
    this.#review(now);
  }

  /** Forgets every link without a word; the owner ends the connections. */
  stop(): void {
    this.#running = false;
    for (const part of [this.#links, this.#around, this.#choice, this.#tables]) part.clear();
  }

  /** Links that the operator wants whatever the ring says. */
  setFixed(now: number, ids: readonly string[]): void {
    this.#choice.setFixed(now, ids);
  }

  /** Traffic to this member wants a link with it. Call it again while the traffic lasts. */
  demand(now: number, id: string): void {
    if (this.#running && id !== this.#self.id) this.#choice.demand(now, id);
  }

  /** The rendezvous counted the members that are online. */
  sized(now: number, members: number): void {
    this.#around.counted(members);
    if (!this.settled) this.#choice.soon(now);
  }

  /** The rendezvous named members that are online: neighbours, or answers to `locate`. */
  found(now: number, ids: readonly string[]): void {
    for (const id of ids) {
      this.#around.named(id, this.#links.shuns(now, id));
      this.#links.forgive(id);
    }
    this.#choice.named(now, ids);
  }

  /** The rendezvous says that a member went offline: a hint, which a link that lives contradicts. */
  gone(now: number, id: string): void {
    this.#around.gone(id);
    const link = this.#links.get(id);
    if (link?.up) {
      this.#links.doubt(now, link);
      this.#tables.beat(now, link, true);
    } else if (link) {
      this.#ports.disconnect(id);
      this.unreachable(now, id);
    }
  }

  /**
   * A link stands, whoever asked for it. `indirect`: its packets go through other members. `leaf`: its certificate says
   * so; else a leaf would be told of as a neighbour, and sought by others, until its first table comes.
   */
  connected(now: number, id: string, indirect: boolean, leaf = false): void {
    const known = this.#links.get(id)?.up === true;
    if (known) this.moved(id, indirect);
    if (known || !this.#running || id === this.#self.id) return;
    this.#around.appeared(id, this.#links.shuns(now, id));
    const link = this.#links.came(now, id, indirect, leaf);
    this.#review(now);
    this.#tables.tell(now, link);
  }

  /** The packets of a link go through other members from now on, or do not any more. */
  moved(id: string, indirect: boolean): void {
    const link = this.#links.get(id);
    if (!link?.up || link.indirect === indirect) return;
    this.#links.moved(link, indirect);
    this.#route();
    this.#choice.soon(this.#ports.env.clock.now());
  }

  /** The other side of a link is another process now, and knows nothing of us. */
  restarted(now: number, id: string): void {
    const link = this.#links.get(id);
    if (!link?.up) return;
    this.#links.restarted(now, link);
    this.#around.renew();
    this.#tables.tell(now, link);
    this.#choice.soon(now);
  }

  /** A link is no more: the other side closed it, or its session ended. */
  disconnected(now: number, id: string): void {
    const link = this.#links.get(id);
    if (!link) return;
    this.#links.lost(now, link, link.up && (link.claims & Claim.ring) !== 0);
    this.#forget(link);
    this.#review(now);
  }

  /** Packets begin to go out to this member with nothing coming back (`waiting` of the ports). */
  unanswered(now: number, id: string): void {
    if (this.#links.get(id)?.up) this.#links.unanswered(now);
  }

  /** What `connect` asked for did not come about. */
  unreachable(now: number, id: string): void {
    const link = this.#links.get(id);
    if (!link || link.up) return;
    this.#links.failed(now, link);
    this.#forget(link);
    this.#choice.soon(now);
  }

  #forget(link: Link): void {
    this.#around.gone(link.id, isNeeded(link));
    this.#choice.notLong(link);
    this.#tables.forget(link);
  }

  /** A link of ours sent this. Meetings and introductions are about certificates and addresses: the owner's business. */
  receive(now: number, id: string, message: RingMessage): void {
    const link = this.#links.get(id);
    if (!link?.up) return;
    if (message.type === 'table') this.#take(now, link, message);
    else if (message.type === 'beat') {
      this.#choice.claimed(now, link, message.claims);
      this.#tables.heard(now, link, message);
    } else if (message.type === 'refuse') this.#choice.refused(now, link);
    else if (message.type === 'seek') this.#seeker.seek(now, link, message);
    else if (message.type === 'sought' && this.#seeker.sought(now, link, message))
      this.found(now, [message.id]);
  }

  #take(now: number, link: Link, table: TableMessage): void {
    const first = link.table === undefined;
    const { settled } = link;
    this.#links.take(now, link, table);
    const news = this.#around.heard(link.names, link.positions);
    this.#choice.claimed(now, link, table.claims);
    // Most tables tell only of members far away from us, which matters to the packet path alone.
    if (first || news || link.settled !== settled || !this.settled) this.#choice.soon(now);
    else this.#routes.soon(now);
    if (first && (link.claims & Claim.ring) === 0) this.#seeker.ownPlace(now, link);
  }

  /** Members that there are, this one counted, as far as can be told from here. */
  get size(): number {
    return this.#around.size;
  }

  /** True when this member has found its place on the ring. */
  get settled(): boolean {
    return this.#around.settled;
  }

  /** A link of ours that can pass packets on to this member, because it is linked with it. */
  friendOf(id: string): string | undefined {
    return this.#links.friendOf(id);
  }

  /** Looks through the links for the members nearest to these positions, whom `received` then names. */
  seek(now: number, positions: readonly number[]): void {
    this.#seeker.positions(now, positions);
  }

  /** Gives the forwarding table again. */
  reroute(): void {
    this.#routes.again();
    this.#route();
  }

  report(): RingReport {
    return ringReport(this.#self, this.#links, this.size);
  }

  links(): LinkReport[] {
    return linkReports(this.#self, this.#links);
  }

  /** When `tick` has something to do. */
  get dueAt(): number {
    if (!this.#running) return Infinity;
    return Math.min(this.#links.dueAt, this.#choice.dueAt, this.#routes.dueAt, this.#tables.dueAt);
  }

  /** Does what is due. Returns when it wants to be called again. */
  tick(now: number): number {
    if (now < this.dueAt) return this.dueAt;
    if (now >= this.#links.lookAt) this.#look(now);
    this.#choice.audit(now);
    this.#links.beginAgain(now);
    if (now >= this.#choice.reviewAt) this.#review(now);
    if (now >= this.#routes.dueAt) this.#route();
    if (now >= this.#tables.dueAt) this.#tables.tick(now, this.#links);
    return Math.max(now + 1, this.dueAt);
  }

  #look(now: number): void {
    this.#links.look(now, this.#tables, (link, sight) => {
      if (sight === 'suspect') this.#around.changed(link.id);
      if (sight === 'suspect' || sight === 'retiring') this.#route();
      else this.#forget(link);
      if (sight === 'dead') this.#review(now);
      else if (sight !== 'suspect') this.#choice.soon(now);
    });
  }

  #review(now: number): void {
    if (!this.#running) return;
    if (this.#choice.review(now)) this.#tables.claimed(now);
    this.#tables.list(now, this.#links, this.settled);
    this.#route();
  }

  #route(): void {
    const routes = this.#routes.update(this.#links);
    if (routes) this.#ports.routes(routes);
  }
}

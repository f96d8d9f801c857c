/**
 * The overlay of one member: which links it keeps, and what goes where over them. A machine without I/O; the engine
 * and the simulator carry it.
 *
 *   tables of links ─┐                            ┌─▶ ring neighbours, 3 on each side     (ring.ts)
 *   rendezvous ──────┼─▶ everybody known ─review──┼─▶ long links, log2 N in all           (shortcut.ts)
 *   traffic ─────────┘                            ├─▶ links on demand, least recent goes  (demand.ts)
 *                                                 └─▶ forwarding table for the packet path
 *
 * Links tell each other whom they are linked with. Whoever is nearer on the ring than a neighbour we have becomes the
 * neighbour, met through the link that named it: joining, healing, and the merging of two rings are this one rule
 * (T-Man: Jelasity, Montresor, Babaoglu 2009). A new link is up before an old one goes.
 */
import { Claim, type RingMessage, type TableMessage } from '../wire/ring.js';
import { Demand } from './demand.js';
import { Link } from './link.js';
import type { LinkRole, LinkRoute, OverlayPorts, RingReport, Role } from './overlay-ports.js';
import { clockwise, positionOfText, ringSize } from './position.js';
import { Retry } from './retry.js';
import { Nearby, predecessorsOf, sizeAround, successorsOf, type Place } from './ring.js';
import { Seeker } from './seek.js';
import { Shortcuts } from './shortcut.js';
import { inDegreeCap, meshEnd, meshLimit, neighbourCount } from './symphony.js';

/** Links are looked at this often at least, and beats go out so much early to go together. */
const watchMs = 500;
const beatSlackMs = 250;
/** What is known of our neighbourhood is gathered again after this time even without news of it. */
const poolMs = 1_000;
/** A burst of news is looked at once: of our neighbourhood, before and after we have our place, and of where else links lead. */
const reviewAfterMs = 20;
const settledReviewAfterMs = 80;
const routeAfterMs = 500;
/** Tables go out this long after a change. */
const tableAfterMs = 60;
/** Those that tell nothing new of our neighbours go no more often: who routes by an old table takes a detour at worst. */
const tableEveryMs = 2_000;
/** Where many join at once everybody's table changes all the time: each member sends so few of them a second. */
const tableShareMs = 200;
const tableSlackMs = 500;
/** A table that the other side does not have yet is sent again no sooner. */
const tableAgainMs = 900;
/** The first one of a new link that does not come is asked for after this time: nobody has a place without it. */
const firstTableMs = 300;
/** A link that nobody needs is kept this long: roles move while the ring settles. Before it goes, nothing takes it any more. */
const unclaimedMs = 10_000;
const retireMs = 8_000;
/** A connection that does not come about. */
const connectMs = 10_000;
const maxConnecting = 32;
/** A member without any answer takes itself for alone after this time. */
const aloneMs = 1_500;
/** How often the rendezvous is asked whether our place on the ring is still right. */
const auditMs = 30_000;
/** Neighbours known on each side that the size is estimated from. */
const sampled = 2 * neighbourCount;
/** Up to this many known members are taken for all that there are. */
const countedLimit = 32;
/** Members named by the rendezvous that are remembered. */
const maxKnown = 64;
/** Ring neighbours that a leaf anchors to, on each side. */
const anchorCount = 2;

export interface OverlaySelf {
  /** 32 hexadecimal characters. */
  readonly id: string;
  readonly role: Role;
}

export interface OverlayOptions {
  /** The published Evio drew long links with log10; for comparison only. */
  readonly drawBase?: 'ln' | 'log10';
  /** Links on demand, and ms without traffic after which one goes. */
  readonly demandLimit?: number;
  readonly demandIdleMs?: number;
}

/** One link, as reports show it. */
export interface LinkReport {
  readonly id: string;
  readonly role: LinkRole;
  readonly up: boolean;
}

/** Our neighbourhood, as far as it is known. */
interface Pool {
  /** Everybody in it. */
  readonly ids: ReadonlySet<string>;
  /** Those with whom something may be begun, and who of them should be our neighbours on each side, nearest first. */
  readonly approachable: readonly Place[];
  readonly ahead: readonly Place[];
  readonly behind: readonly Place[];
  /** Members that there are, judged by it. */
  readonly size: number;
}

/** Whom our table names. */
type Listing = Pick<TableMessage, 'successors' | 'predecessors' | 'others' | 'indirect'>;

export class Overlay {
  readonly #self: Place & OverlaySelf;
  readonly #ports: OverlayPorts;
  readonly #links = new Map<string, Link>();
  /** Members that the rendezvous named, least recent first. */
  readonly #known = new Map<string, Place>();
  readonly #retry: Retry;
  readonly #shortcuts: Shortcuts;
  readonly #demand: Demand;
  readonly #seeker: Seeker;
  #running = false;
  #startedAt = 0;
  #size = 1;
  /** Size that the rendezvous told. */
  #toldSize = 1;
  /** The rendezvous has answered: who it did not name is not there. */
  #answered = false;
  #settled = false;
  #mesh = true;
  #version = 1;
  /** When our table changed, and when its neighbours did. */
  #changedAt = -Infinity;
  #ringChangedAt = -Infinity;
  /** Links that our table lists, and whether it says that we are settled: to see whether the next one says anything new. */
  #listed = 0;
  #listedSettled = false;
  #listing: Listing = { successors: [], predecessors: [], others: [], indirect: [] };
  /** Links in the forwarding table; undefined: it must be given again. */
  #routed: number | undefined;
  /** When links are looked at, tables are sent, the choice of links is reviewed. */
  #watchAt = 0;
  #tellAt = 0;
  #reviewAt = Infinity;
  #routeAt = Infinity;
  /** Those around us, until news of them come. */
  #pool: Pool | undefined;
  #poolUntil = 0;
  /** How far our neighbourhood reaches: news from beyond do not move our place. */
  #reach = { ahead: Infinity, behind: Infinity };
  #auditAt = Infinity;
  #fixed: ReadonlySet<string> = new Set();

  constructor(self: OverlaySelf, ports: OverlayPorts, options: OverlayOptions = {}) {
    this.#self = { ...self, position: positionOfText(self.id) };
    this.#ports = ports;
    this.#retry = new Retry(ports.env.random);
    this.#shortcuts = new Shortcuts(this.#self, ports.env.random, options.drawBase ?? 'ln');
    this.#demand = new Demand(options.demandLimit, options.demandIdleMs);
    this.#seeker = new Seeker(this.#self, ports);
  }

  /** Members that there are, this one counted, as far as can be told from here. */
  get size(): number {
    return this.#size;
  }

  /** True when this member has found its place on the ring. */
  get settled(): boolean {
    return this.#settled;
  }

  start(now: number): void {
    this.#running = true;
    this.#answered = false;
    this.#startedAt = now;
    this.#auditAt = now + auditMs * (0.5 + this.#ports.env.random.unit());
    this.#review(now + aloneMs);
  }

  /** Forgets every link without a word; the owner ends the connections. */
  stop(): void {
    this.#running = false;
    this.#links.clear();
    this.#known.clear();
    this.#retry.clear();
    this.#settled = false;
  }

  /** Links that the operator wants whatever the ring says. */
  setFixed(now: number, ids: readonly string[]): void {
    this.#fixed = new Set(ids);
    this.#review(now);
  }

  /** The rendezvous counted the members that are online. */
  sized(now: number, members: number): void {
    this.#toldSize = members;
    this.#answered = true;
    if (!this.#settled) this.#review(now);
  }

  /** The rendezvous named members that are online: neighbours, or answers to `locate`. */
  found(now: number, ids: readonly string[]): void {
    for (const id of ids) {
      if (id === this.#self.id) continue;
      if (!this.#pool?.ids.has(id) || this.#retry.shuns(now, id)) this.#changed(id);
      this.#known.delete(id);
      this.#known.set(id, { id, position: positionOfText(id) });
      this.#retry.forgive(id);
    }
    for (const id of this.#known.keys()) {
      if (this.#known.size <= maxKnown) break;
      this.#known.delete(id);
    }
    this.#adoptDrawn(now, ids);
    this.#review(now);
  }

  /** The rendezvous says that a member went offline: a hint, which a link that lives contradicts. */
  gone(now: number, id: string): void {
    this.#changed(id);
    this.#known.delete(id);
    const link = this.#links.get(id);
    if (link?.up) {
      link.doubt(now);
      link.watchAt = this.#watchAt = now;
      this.#beat(now, link, true);
    } else if (link) {
      this.#ports.disconnect(id);
      this.unreachable(now, id);
    }
  }

  /** A link of ours that can pass packets on to this member, because it is linked with it. */
  friendOf(id: string): string | undefined {
    for (const link of this.#links.values()) {
      if (link.id === id || !link.up || link.tunnel || link.suspect || link.leaf) continue;
      if (link.reaches(id)) return link.id;
    }
    return undefined;
  }

  /** Gives the forwarding table again. */
  reroute(): void {
    this.#routed = undefined;
    this.#route();
  }

  /** Looks through the links for the members nearest to these positions, whom `received` then names. */
  seek(now: number, positions: readonly number[]): void {
    for (const position of positions) this.#seeker.position(now, position, this.#upLinks());
  }

  /**
   * A link stands, whoever asked for it. `tunnel`: its packets go through other members. `leaf`: its certificate says
   * so; else a leaf would be told of as a neighbour, and sought by others, until its first table comes.
   */
  connected(now: number, id: string, tunnel: boolean, leaf = false): void {
    if (!this.#running || id === this.#self.id) return;
    let link = this.#links.get(id);
    if (link?.up) {
      this.moved(id, tunnel);
      return;
    }
    if (!link) this.#links.set(id, (link = new Link(id, now, undefined)));
    if (!this.#pool?.ids.has(id) || this.#retry.shuns(now, id)) this.#changed(id);
    link.certifiedLeaf = leaf;
    link.came(now, tunnel);
    this.#retry.forgive(id);
    this.#reviewNow(now);
    this.#tell(now, link);
  }

  /** The packets of a link go through other members from now on, or do not any more. */
  moved(id: string, tunnel: boolean): void {
    const link = this.#links.get(id);
    if (!link?.up || link.tunnel === tunnel) return;
    link.tunnel = tunnel;
    this.#route();
    this.#review(this.#ports.env.clock.now());
  }

  /** The other side of a link is another process now, and knows nothing of us. */
  restarted(now: number, id: string): void {
    const link = this.#links.get(id);
    if (!link?.up) return;
    link.table = undefined;
    link.names = [];
    link.positions = [];
    this.#pool = undefined;
    link.neighbours = [];
    link.theirs = 0;
    link.came(now, link.tunnel);
    this.#tell(now, link);
    this.#review(now);
  }

  /** A link is no more: the other side closed it, or its session ended. */
  disconnected(now: number, id: string): void {
    const link = this.#links.get(id);
    if (!link) return;
    this.#drop(now, link, link.up && (link.claims & Claim.ring) !== 0);
  }

  /** What `connect` asked for did not come about. */
  unreachable(now: number, id: string): void {
    const link = this.#links.get(id);
    if (!link || link.up) return;
    this.#changed(id);
    this.#known.delete(id);
    this.#links.delete(id);
    this.#retry.failed(now, id);
    this.#review(now);
  }

  /** Traffic to this member wants a direct tunnel. Call it again while the traffic lasts. */
  demand(now: number, id: string): void {
    if (id === this.#self.id || !this.#running) return;
    this.#demand.expire(now);
    const known = this.#demand.wants(id);
    const evicted = this.#demand.use(now, id);
    this.#want(now, id);
    if (!known || evicted !== undefined) this.#review(now);
  }

  receive(now: number, id: string, message: RingMessage): void {
    const link = this.#links.get(id);
    if (!link?.up) return;
    switch (message.type) {
      case 'table':
        this.#takeTable(now, link, message);
        return;
      case 'beat':
        this.#takeClaims(now, link, message.claims);
        if (
          message.seen !== link.toldVersion &&
          now - link.toldAt > (message.seen === 0 ? firstTableMs / 2 : tableAgainMs)
        ) {
          link.toldVersion = -1;
          this.#tellAt = now;
        }
        if (message.answer) this.#beat(now, link, false);
        return;
      case 'refuse':
        link.drawnFor = undefined;
        this.#review(now);
        return;
      case 'seek':
        this.#seeker.seek(now, link, message, this.#upLinks());
        return;
      case 'sought':
        if (this.#seeker.sought(now, message, this.#links)) this.found(now, [message.id]);
        return;
      case 'meet':
      case 'introduce':
        // About certificates and addresses: the owner's business.
        return;
    }
  }

  /** Does what is due. Returns when it wants to be called again. */
  tick(now: number): number {
    if (now < this.dueAt) return this.dueAt;
    if (now >= this.#watchAt) this.#watchAll(now);
    if (now >= this.#auditAt) {
      this.#auditAt = now + auditMs;
      this.#ports.locate([this.#self.position]);
    }
    for (const id of this.#retry.due(now)) this.#want(now, id);
    if (now >= this.#reviewAt) this.#reviewNow(now);
    if (now >= this.#routeAt) this.#route();
    if (now >= this.#tellAt) this.#tellAt = this.#tellTables(now);
    return Math.max(now + 1, this.dueAt);
  }

  /** When `tick` has something to do. */
  get dueAt(): number {
    const soon = Math.min(this.#watchAt, this.#tellAt, this.#reviewAt, this.#routeAt);
    return this.#running ? Math.min(soon, this.#auditAt, this.#retry.nextAt) : Infinity;
  }

  report(): RingReport {
    const links = this.links().filter((link) => link.up);
    const ofRole = (role: LinkRole): string[] =>
      links.filter((link) => link.role === role).map(({ id }) => id);
    const { successors, predecessors } = this.#neighbours();
    return {
      sizeEstimate: Math.round(this.#size),
      predecessor: predecessors[0]?.id ?? null,
      successors: successors.map(({ id }) => id),
      longLinks: ofRole('long'),
      onDemand: ofRole('on-demand'),
    };
  }

  links(): LinkReport[] {
    const { successors, predecessors } = this.#neighbours();
    const roleOf = (link: Link): LinkRole => {
      if (link.fixed) return 'static';
      if (successors.includes(link)) return 'successor';
      if (predecessors.includes(link)) return 'predecessor';
      if ((link.claims & Claim.ring) !== 0) {
        const ahead = clockwise(this.#self.position, link.position);
        return ahead <= clockwise(link.position, this.#self.position) ? 'successor' : 'predecessor';
      }
      return (link.claims & Claim.long) !== 0 ? 'long' : 'on-demand';
    };
    return [...this.#links.values()].map((link) => ({ id: link.id, up: link.up, role: roleOf(link) }));
  }

  /** The nearest links that are up, on both sides. */
  #neighbours(): { successors: Link[]; predecessors: Link[] } {
    const places = [...this.#links.values()].filter((link) => link.up && !link.leaf);
    return {
      successors: successorsOf(this.#self, places, neighbourCount),
      predecessors: predecessorsOf(this.#self, places, neighbourCount),
    };
  }

  /* ---- links ---- */

  #upLinks(): Link[] {
    return [...this.#links.values()].filter((link) => link.up);
  }

  /** Begins a link, unless there is one. Who named it introduces us, if that is a link of ours. */
  #want(now: number, id: string): Link | undefined {
    const known = this.#links.get(id);
    if (known) return known;
    if (id === this.#self.id || this.#retry.shuns(now, id)) return undefined;
    let connecting = 0;
    for (const link of this.#links.values()) if (!link.up) connecting++;
    if (connecting >= maxConnecting) return undefined;
    const via = this.friendOf(id);
    const link = new Link(id, now, via);
    this.#links.set(id, link);
    this.#watchAt = Math.min(this.#watchAt, now + watchMs);
    this.#ports.connect(id, via);
    return link;
  }

  #drop(now: number, link: Link, again: boolean): void {
    this.#changed(link.id);
    this.#links.delete(link.id);
    if (link.claims !== 0 || !link.up) {
      // A link that neither side needed says nothing against its member.
      this.#known.delete(link.id);
      this.#retry.lost(now, link.id, again);
    }
    this.#reviewNow(now);
  }

  #watchAll(now: number): void {
    // Packets may begin to go out unanswered at any time: that is seen before it has lasted long.
    let next = now + watchMs;
    for (const link of this.#links.values()) {
      const look = now >= link.watchAt - beatSlackMs || link.suspect || this.#ports.waiting(link.id) > 0;
      if (look) link.watchAt = this.#watch(now, link);
      next = Math.min(next, link.watchAt);
    }
    this.#watchAt = Math.max(next, now + beatSlackMs);
  }

  /** Judges a link and beats. Returns when that is due again. */
  #watch(now: number, link: Link): number {
    if (!link.up) {
      if (now - link.since >= connectMs) {
        this.#ports.disconnect(link.id);
        this.unreachable(now, link.id);
        return Infinity;
      }
      return link.since + connectMs;
    }
    const silence = this.#ports.silence(link.id);
    const before = link.suspect;
    const verdict = link.judge(now, silence, this.#ports.waiting(link.id));
    if (verdict === 'dead') {
      this.#ports.disconnect(link.id);
      this.#drop(now, link, (link.claims & (Claim.ring | Claim.fixed)) !== 0);
      return Infinity;
    }
    if (verdict === 'ask') this.#beat(now, link, true);
    else if (link.table === undefined && now - Math.max(link.since, link.beatAt) >= firstTableMs)
      this.#beat(now, link, false);
    // A little early, so that one waking serves many links.
    else if (now - link.beatAt >= link.beatMs - beatSlackMs) this.#beat(now, link, false);
    if (link.suspect !== before) {
      this.#changed(link.id);
      this.#route();
    }
    const untold = link.table === undefined ? now + firstTableMs : Infinity;
    return Math.min(link.dueAt(now, silence), this.#retire(now, link), untold);
  }

  /** Both sides count how long nobody needs a link, so that neither has anything under way on it when it is closed. */
  #retire(now: number, link: Link): number {
    const before = link.retiring;
    this.#countUnclaimed(now, link);
    if (link.unclaimedSince === undefined) {
      link.retiring = false;
    } else {
      const passed = now - link.unclaimedSince;
      if (passed >= unclaimedMs) {
        this.#ports.disconnect(link.id);
        this.#links.delete(link.id);
        this.#changed(link.id);
        this.#review(now);
        return Infinity;
      }
      link.retiring = passed >= retireMs;
      if (link.retiring) link.listed = false;
    }
    if (link.retiring !== before) {
      this.#route();
      this.#review(now);
    }
    if (link.unclaimedSince === undefined) return Infinity;
    return link.unclaimedSince + (link.retiring ? unclaimedMs : retireMs);
  }

  /** Notes since when nobody needs the link: as soon as that changes, for the other side counts too. */
  #countUnclaimed(now: number, link: Link): void {
    if (link.claims !== 0) {
      link.unclaimedSince = undefined;
    } else if (link.unclaimedSince === undefined) {
      link.unclaimedSince = now;
      link.watchAt = Math.min(link.watchAt, now + retireMs);
    }
  }

  /* ---- what links tell each other ---- */

  #beat(now: number, link: Link, answer: boolean): void {
    link.beatAt = now;
    link.toldClaims = link.mine;
    this.#ports.send(link.id, {
      type: 'beat',
      seen: link.table?.version ?? 0,
      claims: link.mine,
      answer,
    });
  }

  /** Sends our table. */
  #tell(now: number, link: Link): void {
    link.beatAt = link.toldAt = now;
    link.toldVersion = this.#version;
    link.toldClaims = link.mine;
    const { successors, predecessors, others, indirect } = this.#listing;
    // The same for all: that it names its receiver too costs less than to sort that out.
    this.#ports.send(link.id, {
      type: 'table',
      version: this.#version,
      claims: link.mine,
      leaf: this.#self.role === 'leaf',
      settled: this.#settled,
      successors,
      predecessors,
      others,
      indirect,
    });
  }

  #list(up: readonly Link[]): Listing {
    const places = up.filter((link) => !link.tunnel);
    const near = new Set<Link>();
    const idsOf = (links: readonly Link[]): string[] => {
      const fresh = links.filter((link) => !near.has(link));
      for (const link of fresh) near.add(link);
      return fresh.map(({ id }) => id);
    };
    return {
      successors: idsOf(successorsOf(this.#self, places, neighbourCount + 1)),
      predecessors: idsOf(predecessorsOf(this.#self, places, neighbourCount + 1)),
      others: idsOf(places),
      indirect: idsOf(up),
    };
  }

  /** Sends tables and claims that are due. Returns when the next are. */
  #tellTables(now: number): number {
    let next = Infinity;
    const everyMs = Math.max(tableEveryMs, tableShareMs * this.#links.size);
    for (const link of this.#links.values()) {
      if (!link.up) continue;
      if (link.toldVersion !== this.#version) {
        const near = (link.claims & (Claim.ring | Claim.anchor)) !== 0 && link.toldAt < this.#ringChangedAt;
        const due = near
          ? this.#ringChangedAt + tableAfterMs
          : Math.max(this.#changedAt + tableAfterMs, link.toldVersion < 0 ? 0 : link.toldAt + everyMs);
        // A little early, so that one waking serves many links.
        const early = near ? due : Math.max(this.#changedAt + tableAfterMs, due - tableSlackMs);
        if (now >= early) this.#tell(now, link);
        else next = Math.min(next, due);
      }
      if (link.toldClaims !== link.mine) this.#beat(now, link, false);
    }
    return next;
  }

  #takeTable(now: number, link: Link, table: Extract<RingMessage, { type: 'table' }>): void {
    const first = link.table === undefined;
    const settled = link.settled;
    link.take(table);
    this.#countUnclaimed(now, link);
    const news = this.#came(link.names, link.positions);
    // A leaf shortens nobody's way.
    if (link.leaf) link.drawnFor = undefined;
    this.#takeClaims(now, link, table.claims);
    // Most tables tell only of members far away from us, which matters to the packet path alone.
    if (first || news || link.settled !== settled || !this.#settled) this.#review(now);
    else this.#routeAt = Math.min(this.#routeAt, now + routeAfterMs);
    if (first && (link.claims & Claim.ring) === 0) this.#seeker.ownPlace(now, link);
  }

  #isNear(position: number): boolean {
    const ahead = clockwise(this.#self.position, position);
    return ahead <= this.#reach.ahead || ringSize - ahead <= this.#reach.behind;
  }

  /** Some of these members are in our neighbourhood, and not in the pool: it is old. */
  #came(ids: readonly string[], positions: readonly number[]): boolean {
    const pool = this.#pool;
    if (!pool) return true;
    for (let i = 0; i < ids.length; i++) {
      if (!this.#isNear(positions[i] as number) || pool.ids.has(ids[i] as string)) continue;
      if (ids[i] === this.#self.id) continue;
      this.#pool = undefined;
      return true;
    }
    return false;
  }

  /** A member of our neighbourhood went, is to be left alone, or is not any more: the pool is old. */
  #changed(id: string): void {
    if (this.#pool && this.#isNear(positionOfText(id))) this.#pool = undefined;
  }

  #takeClaims(now: number, link: Link, claims: number): void {
    if (claims === link.theirs && !(claims & Claim.long)) return;
    const news = claims !== link.theirs;
    link.theirs = claims;
    this.#countUnclaimed(now, link);
    if ((claims & Claim.long) !== 0 && this.#overCap(link)) {
      link.theirs &= ~Claim.long;
      this.#ports.send(link.id, { type: 'refuse' });
    }
    if (news) this.#review(now);
  }

  /** True when others drew more long links to us than we should hold, this one counted. */
  #overCap(link: Link): boolean {
    if (link.drawnFor !== undefined || this.#size <= 2 * meshEnd) return false;
    let drawn = 0;
    for (const other of this.#links.values()) {
      if (other !== link && other.drawnFor === undefined && (other.theirs & Claim.long) !== 0) drawn++;
    }
    return drawn >= inDegreeCap(this.#size);
  }

  /* ---- who our links should be ---- */

  #review(at: number): void {
    this.#reviewAt = Math.min(this.#reviewAt, at + (this.#settled ? settledReviewAfterMs : reviewAfterMs));
  }

  #reviewNow(now: number): void {
    this.#reviewAt = Infinity;
    if (!this.#running) return;
    const pool = this.#gather(now);
    this.#size = this.#estimate(now, pool);
    const mesh = this.#self.role === 'switch' && this.#size <= (this.#mesh ? meshEnd : meshLimit);
    this.#mesh = mesh;
    for (const { id } of pool.ahead) this.#want(now, id);
    for (const { id } of pool.behind) this.#want(now, id);
    if (mesh) for (const { id } of pool.approachable) this.#want(now, id);
    for (const id of this.#fixed) this.#want(now, id);
    this.#settle(now, pool);
    const draws = !mesh && this.#settled && this.#self.role === 'switch';
    if (draws) this.#draw(now);
    this.#demand.expire(now);
    this.#claim(now, pool, mesh);
    if (draws) this.#review(this.#shortcuts.dueAt(now, this.#size, this.#links.values()));
    this.#reviewAt = Math.min(this.#reviewAt, this.#demand.dueAt);
  }

  /** Those known who may be ring neighbours, the nearest on each side: everybody where there are not many. */
  #gather(now: number): Pool {
    if (this.#pool && now < this.#poolUntil) return this.#pool;
    const count = this.#size > 2 * countedLimit ? sampled + 2 : countedLimit;
    const everybody = new Nearby(this.#self, count, (id) => this.#links.get(id)?.leaf !== true);
    const approachable = new Nearby(this.#self, count, (id) => {
      const link = this.#links.get(id);
      return link?.up === true ? !link.leaf : !this.#retry.shuns(now, id);
    });
    const offer = (id: string, position: number): void => {
      everybody.offer(id, position);
      approachable.offer(id, position);
    };
    for (const link of this.#links.values()) {
      offer(link.id, link.position);
      if (!link.up || link.suspect) continue;
      const { names, positions } = link;
      for (let i = 0; i < names.length; i++) offer(names[i] as string, positions[i] as number);
    }
    for (const { id, position } of this.#known.values()) offer(id, position);
    this.#reach = approachable.reach;
    this.#poolUntil = now + poolMs;
    const all = everybody.places();
    const near = approachable.places();
    // With few members we know all of them, and a density says little.
    const counted = everybody.whole ? all.length + 1 : Infinity;
    this.#pool = {
      ids: new Set(all.map(({ id }) => id)),
      approachable: near,
      ahead: successorsOf(this.#self, near, this.#perSide),
      behind: predecessorsOf(this.#self, near, this.#perSide),
      size: counted <= countedLimit ? counted : Math.max(countedLimit, sizeAround(this.#self, all, sampled)),
    };
    return this.#pool;
  }

  get #perSide(): number {
    return this.#self.role === 'leaf' ? anchorCount : neighbourCount;
  }

  #estimate(now: number, pool: Pool): number {
    const early = !this.#settled || now - this.#startedAt < 2_000;
    return early ? Math.max(pool.size, this.#toldSize) : pool.size;
  }

  /** We have our place once the nearest on both sides are linked and told us whom they know. */
  #settle(now: number, pool: Pool): void {
    if (this.#settled) return;
    const [ahead] = pool.ahead;
    const [behind] = pool.behind;
    const stands = (place: Place | undefined): boolean =>
      place !== undefined && this.#links.get(place.id)?.table !== undefined;
    const alone = !ahead && !behind && (this.#answered || now - this.#startedAt >= aloneMs);
    if (alone || (stands(ahead) && stands(behind))) this.#settled = true;
    else if (!ahead && !behind) this.#review(this.#startedAt + aloneMs);
  }

  #draw(now: number): void {
    const positions = this.#shortcuts.draw(now, this.#size, this.#links.values());
    if (positions.length === 0 || this.#ports.locate(positions)) return;
    for (const position of positions) this.#seeker.position(now, position, this.#upLinks());
  }

  /** Takes those of the named that answer to a draw for long links. */
  #adoptDrawn(now: number, ids: readonly string[]): void {
    for (const id of this.#shortcuts.match(ids, this.#size)) {
      if (this.#links.has(id)) continue;
      const link = this.#want(now, id);
      if (link) link.drawnFor = this.#size;
    }
  }

  /** What we need every link for from now on. */
  #claim(now: number, pool: Pool, mesh: boolean): void {
    const up: Link[] = [];
    for (const link of this.#links.values()) if (link.up && !link.leaf && !link.retiring) up.push(link);
    // Until the wanted ones are up, the nearest that are stay.
    const near = new Set([
      ...successorsOf(this.#self, up, this.#perSide),
      ...predecessorsOf(this.#self, up, this.#perSide),
    ]);
    for (const { id } of [...pool.ahead, ...pool.behind]) {
      const link = this.#links.get(id);
      if (link && !link.leaf) near.add(link);
    }
    const apart = this.#self.role === 'leaf' || !this.#settled;
    const anchor = apart
      ? predecessorsOf(
          this.#self,
          up.filter((link) => link.settled && !link.suspect),
          1,
        )[0]
      : undefined;
    this.#shortcuts.prune(this.#size, up);
    for (const link of this.#links.values()) {
      link.fixed = this.#fixed.has(link.id);
      let claims = 0;
      if (near.has(link)) claims |= Claim.ring;
      if (link.drawnFor !== undefined || (mesh && !link.leaf)) claims |= Claim.long;
      if (this.#demand.wants(link.id)) claims |= Claim.demand;
      if (link.fixed) claims |= Claim.fixed;
      if (link === anchor) claims |= Claim.anchor;
      link.mine = claims;
      if (link.up) this.#countUnclaimed(now, link);
      if (link.up && claims !== link.toldClaims) this.#tellAt = now;
      if (link.retiring && claims !== 0) link.watchAt = this.#watchAt = now;
    }
    let changed = this.#settled !== this.#listedSettled || up.length !== this.#listed;
    for (const link of up) {
      changed ||= !link.listed || link.listedTunnel !== link.tunnel;
      link.listed = true;
      link.listedTunnel = link.tunnel;
    }
    if (changed) {
      const before = this.#listing;
      this.#listing = this.#list(up);
      const { successors, predecessors } = this.#listing;
      if (
        this.#settled !== this.#listedSettled ||
        !same(successors, before.successors) ||
        !same(predecessors, before.predecessors)
      ) {
        this.#ringChangedAt = now;
      }
      this.#listed = up.length;
      this.#listedSettled = this.#settled;
      this.#version++;
      this.#changedAt = this.#tellAt = now;
    }
    this.#route();
  }

  /** Tells the packet path, if anything changed for it. */
  #route(): void {
    this.#routeAt = Infinity;
    const leaf = this.#self.role === 'leaf';
    const routes: LinkRoute[] = [];
    let changed = false;
    for (const link of this.#links.values()) {
      if (!link.up) continue;
      const usable = link.settled && !link.suspect && !link.retiring;
      const forwards = usable && !link.tunnel;
      const anchors = (link.mine & Claim.anchor) !== 0;
      const covers = usable && (!leaf || anchors);
      const copies = !link.settled && (link.theirs & Claim.anchor) !== 0 && !leaf;
      const flood = covers ? 'range' : copies ? 'copy' : 'none';
      const { route, neighbours } = link;
      const same = link.routedTunnel === link.tunnel && route?.neighbours === neighbours;
      if (same && route.forwards === forwards && route.flood === flood) {
        routes.push(route);
        continue;
      }
      changed = true;
      link.routedTunnel = link.tunnel;
      routes.push((link.route = { id: link.id, forwards, flood, neighbours }));
    }
    if (!changed && routes.length === this.#routed) return;
    this.#routed = routes.length;
    this.#ports.routes(routes);
  }
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

/**
 * Subnets of members in a running node: what others announce and what we do, whose each one is, and what follows for the
 * guard and for the routes of this machine.
 *
 *   control socket ──▶ own ─┐                      ┌──▶ rules of the guard
 *                           ├─▶ book ──▶ rulings ──┼──▶ routes of the machine, by what it accepts
 *   other members ─▶ spread ┘                      └──▶ reports, events
 *
 * A machine: time is told, and what it wants done goes through its ports.
 */
import type { Keys } from '../identity/keys.js';
import type { Clock } from '../lib/env.js';
import { EvioError } from '../lib/errors.js';
import { formatIpv4 } from '../lib/ipv4.js';
import { Paced } from '../lib/paced.js';
import { containsPrefix, formatPrefix, prefixesOverlap, type Prefix } from '../lib/prefix.js';
import type { SubnetRule } from '../switch/subnet-table.js';
import type { SubnetsMessage } from '../wire/subnets.js';
import { Acceptance } from './acceptance.js';
import {
  mayAnnounce,
  SubnetBook,
  type Announcer,
  type KeptAnnouncement,
  type Refusal,
  type SubnetRuling,
} from './book.js';
import { exitRules, isExit } from './exits.js';
import { OwnSubnets, renewAfterMs } from './own.js';
import { planRoutes, type RoutePlan } from './route-plan.js';
import type { RouteReport, RouteState } from './route-report.js';
import type { RouteTable } from './route-table.js';
import { RouterWatch, type RouterWatchPorts } from './router-watch.js';
import type { RouteSettings } from './settings.js';
import { Spread, type SpreadPorts } from './spread.js';

/** What follows from a change follows at once, and from the next after so long: rulings cost work for each claim. */
const followEveryMs = 200;
/** One member's refusal is told this often. */
const refusedEveryMs = 60_000;
/** Routes are put right this often, whoever took them away. */
const lookEveryMs = 30_000;

export interface SubnetsPorts extends Pick<SpreadPorts, 'send' | 'links'>, RouterWatchPorts {
  readonly clock: Clock;
  /** The other member of a credential that `from` passed on; undefined when it is not valid. */
  memberOf(credential: Uint8Array, from: string): Announcer | undefined;
  /** This node as a member. */
  self(): Announcer;
  setRules(rules: readonly SubnetRule[]): void;
  /** Id of the member that this machine uses as a way out. */
  exit(): string | undefined;
  /** Routes of this machine, where it has any that may be set. */
  readonly table: RouteTable | undefined;
  /** The ranges of the network: packets for them must not leave otherwise. None where this machine has use for them itself. */
  readonly guarded: readonly Prefix[];
  /** Routes that could not be set, as a sentence. */
  failed(reason: string): void;
  /** What is kept on disk has changed. */
  keep(): void;
  /** What reports tell has changed. */
  changed(): void;
  /** A claim was refused that was not before. */
  refused(refusal: Refusal): void;
}

export class Subnets {
  readonly #ports: SubnetsPorts;
  readonly #settings: RouteSettings;
  readonly #self: string;
  readonly #network: readonly Prefix[];
  readonly #book: SubnetBook;
  readonly #spread: Spread;
  readonly #own: OwnSubnets;
  readonly #told = new Paced(refusedEveryMs);
  #acceptance: Acceptance;
  readonly #watch: RouterWatch;
  #plan: RoutePlan = { wanted: [], states: new Map(), watched: new Set() };
  #lookAt = Infinity;
  #followAt = Infinity;
  #followedAt = -Infinity;
  #running = false;
  /** The report that was told of last, as text. */
  #reported = '[]';

  /** @param network ranges that no subnet may overlap */
  constructor(network: readonly Prefix[], keys: Keys, settings: RouteSettings, ports: SubnetsPorts) {
    this.#ports = ports;
    this.#settings = settings;
    this.#self = ports.self().idText;
    this.#network = network;
    this.#book = new SubnetBook(network);
    this.#own = new OwnSubnets(keys, settings.announced);
    this.#acceptance = new Acceptance(settings.accepted);
    this.#watch = new RouterWatch(ports);
    this.#spread = new Spread(this.#self, this.#book, {
      send: (id, message) => {
        ports.send(id, message);
      },
      links: () => ports.links(),
      date: () => ports.clock.date(),
      memberOf: (credential, from) => ports.memberOf(credential, from),
      changed: () => {
        ports.keep();
        this.#changed();
      },
      outdone: (serial) => {
        this.#own.outdone(serial);
        this.#publish();
      },
      refused: () => {
        this.#changed();
      },
    });
  }

  /** @param kept what was held when the node stopped last, as it was kept: not verified */
  start(kept: readonly (KeptAnnouncement & { readonly member: Announcer })[]): void {
    this.#running = true;
    const dateMs = this.#ports.clock.date();
    for (const { member, document, ranks } of kept)
      this.#book.take(member, document, { dateMs, rankOf: (prefix, since) => ranks[prefix] ?? since });
    if (this.#own.list.length > 0) this.#publish();
    // The guard knows them before the first packet: of a node that goes on in the place of another, some are on their way.
    this.#ports.setRules(this.#rules());
    this.#changed();
  }

  stop(): void {
    this.#running = false;
  }

  /* ---- peers ---- */

  connected(now: number, idText: string): void {
    this.#spread.connected(now, idText);
  }

  lost(idText: string): void {
    this.#spread.lost(idText);
    if (this.#watch.lost(this.#now, idText)) this.#changed();
  }

  receive(now: number, from: string, message: SubnetsMessage): void {
    this.#spread.receive(now, from, message);
  }

  memberChanged(member: Announcer): void {
    if (this.#book.serialOf(member.idText) < 0) return;
    this.#book.update(member);
    this.#spread.changed(this.#now);
    this.#changed();
  }

  memberRemoved(idText: string): void {
    this.#book.remove(idText);
    this.#spread.changed(this.#now);
    this.#changed();
  }

  /* ---- what a person or a program wants ---- */

  /**
   * Passes what this node may announce.
   *
   * @throws EvioError EVIO_NO_RIGHT, EVIO_SUBNET_TAKEN
   */
  check(prefix: Prefix, shared: boolean): void {
    if (!mayAnnounce(this.#ports.self())) {
      throw new EvioError('EVIO_NO_RIGHT', 'This machine may not announce subnets.', [
        'It needs the right "route", which the token gives that it joins by: "evio token create --right route"',
      ]);
    }
    const held = this.#book
      .rulings()
      .find(
        ({ claim, fault }) =>
          fault === null &&
          claim.id !== this.#self &&
          prefixesOverlap(claim.prefix, prefix) &&
          !(shared && claim.shared && claim.prefix.length === prefix.length),
      );
    if (!held) return;
    const { name } = held.claim.member;
    throw new EvioError(
      'EVIO_SUBNET_TAKEN',
      `${name} announces ${formatPrefix(held.claim.prefix)} already.`,
      [
        `Withdraw it there first: "evio route withdraw ${formatPrefix(held.claim.prefix)}"`,
        'Two members that lead to one subnet both announce it with --shared.',
      ],
    );
  }

  /** The settings were changed. */
  reconfigured(): void {
    this.#acceptance = new Acceptance(this.#settings.accepted);
    if (this.#settings.announced !== this.#own.list) {
      this.#own.replace(this.#settings.announced);
      this.#publish();
    }
    this.#changed();
  }

  /** Members that offer a way out, this one included. */
  exits(): { id: string; name: string; ip: number; mac: Uint8Array; own: boolean }[] {
    return this.#book.rulings().flatMap(({ claim: { id, prefix, member }, fault }) => {
      const { name, ip, mac } = member;
      return fault === null && isExit(prefix) ? [{ id, name, ip, mac, own: id === this.#self }] : [];
    });
  }

  /** Ranges that this machine accepted, and subnets that it sends to members. */
  accepted(): Prefix[] {
    return this.#plan.wanted.map(({ prefix }) => prefix);
  }

  /** Id of the member that holds the address; undefined: nobody announced it, or nobody who may have it. */
  holderOf(address: Prefix): string | undefined {
    return this.#book
      .rulings()
      .find(({ claim, fault }) => fault === null && containsPrefix(claim.prefix, address))?.claim.id;
  }

  /* ---- reports ---- */

  report(): RouteReport[] {
    const known = this.#book
      .rulings()
      .filter(({ claim }) => !isExit(claim.prefix))
      .map((ruling) => this.#describe(ruling));
    const refused = this.#book.refusals().filter(({ fault }) => fault === 'right');
    return [
      ...known,
      ...refused.map(({ id, name, cidr, fault, holder, ip }) => ({
        cidr,
        via: formatIpv4(ip),
        active: false,
        state: 'refused' as const,
        peer: id,
        name,
        own: id === this.#self,
        shared: false,
        fault,
        holder,
      })),
    ];
  }

  refusals(): Refusal[] {
    return this.#book.refusals();
  }

  /** What goes to disk. */
  kept(): KeptAnnouncement[] {
    return this.#book.kept(this.#self);
  }

  /** Routes and addresses of this machine may have changed. */
  moved(): void {
    this.#changed();
  }

  #describe({ claim, fault, holder }: SubnetRuling): RouteReport {
    const { member, prefix, shared } = claim;
    const own = claim.id === this.#self;
    const state: RouteState =
      fault !== null ? 'refused' : (this.#plan.states.get(claim) ?? (own ? 'announced' : 'available'));
    return {
      cidr: formatPrefix(prefix),
      via: formatIpv4(member.ip),
      active: state === 'announced' || state === 'active',
      state,
      peer: claim.id,
      name: member.name,
      own,
      shared,
      fault,
      holder: holder === null ? null : (this.#book.get(holder)?.member.name ?? null),
    };
  }

  /* ---- time ---- */

  get dueAt(): number {
    if (!this.#running) return Infinity;
    const { dueAt } = this.#spread;
    return Math.min(this.#followAt, this.#lookAt, dueAt, this.#watch.dueAt, this.#renewAt, this.#expireAt);
  }

  tick(now: number): void {
    const dateMs = this.#ports.clock.date();
    if (now >= this.#expireAt) {
      this.#book.expire(dateMs);
      this.#spread.changed(now);
      this.#changed();
    }
    if (now >= this.#renewAt) this.#publish();
    this.#spread.tick(now);
    if (now >= this.#watch.dueAt && this.#watch.tick(now)) this.#changed();
    if (now >= this.#lookAt) this.#changed();
    if (now >= this.#followAt) this.#follow(now);
  }

  /** Dates as times of the clock: of what is looked at when it is due. */
  get #renewAt(): number {
    const { signedAt, list } = this.#own;
    return list.length === 0 ? Infinity : this.#timeOf(signedAt + renewAfterMs);
  }

  get #expireAt(): number {
    return this.#timeOf(this.#book.expiresAt);
  }

  #timeOf(dateMs: number): number {
    const { clock } = this.#ports;
    return dateMs - clock.date() + clock.now();
  }

  get #now(): number {
    return this.#ports.clock.now();
  }

  /** Signs what we announce, and tells everybody. */
  #publish(): void {
    const document = this.#own.sign(this.#ports.clock.date());
    const verdict = this.#book.take(this.#ports.self(), document, {
      dateMs: this.#ports.clock.date(),
      rankOf: (_, since) => since,
    });
    if (verdict === 'new') this.#spread.tell(this.#now, this.#self);
    this.#changed();
  }

  #changed(): void {
    this.#followAt = Math.min(this.#followAt, Math.max(this.#now, this.#followedAt + followEveryMs));
  }

  #follow(now: number): void {
    this.#followAt = Infinity;
    this.#followedAt = now;
    this.#ports.setRules(this.#rules());
    this.#route(now);
    for (const refusal of this.#book.refusals())
      if (this.#told.due(`${refusal.id} ${refusal.cidr}`, now)) this.#ports.refused(refusal);
    const report = JSON.stringify(this.report());
    if (report !== this.#reported) this.#ports.changed();
    this.#reported = report;
  }

  /** Makes the routes of this machine what they should be. */
  #route(now: number): void {
    const { table, guarded } = this.#ports;
    this.#plan = planRoutes({
      self: this.#self,
      rulings: this.#book.rulings().filter(({ claim }) => !isExit(claim.prefix)),
      acceptance: this.#acceptance,
      alive: (id) => this.#watch.alive(id),
      reaches: (prefix) => table?.reaches(prefix) ?? false,
      network: guarded,
      inside: (prefix) => this.#isInside(prefix),
    });
    this.#watch.watch(now, this.#plan.watched);
    if (!table) return;
    this.#lookAt = now + lookEveryMs;
    for (const reason of table.set(this.#plan.wanted)) this.#ports.failed(reason);
  }

  #rules(): SubnetRule[] {
    const used = this.#ports.exit();
    return this.#book.rulings().flatMap(({ claim: { id, prefix, member }, fault }) => {
      if (isExit(prefix)) return fault === null && id === used ? exitRules(member.mac) : [];
      // In the ranges of the network everybody is believed, as its members are.
      const trusted = this.#acceptance.trusts(prefix) || this.#isInside(prefix);
      const holds = fault === null && (id === this.#self || trusted);
      return holds ? [{ words: prefix.words, length: prefix.length, mac: member.mac }] : [];
    });
  }

  #isInside(prefix: Prefix): boolean {
    return this.#network.some((range) => containsPrefix(range, prefix));
  }
}

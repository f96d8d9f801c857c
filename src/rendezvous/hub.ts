/** Where connections, registry, presence and UDP meet: admits members, gives them up, and has the others told. */
import type { Keys } from '../core/identity/keys.js';
import { verifyFarewell } from '../core/identity/farewell.js';
import { fromBase64Url, toBase64Url } from '../core/lib/bytes.js';
import type { Env } from '../core/lib/env.js';
import {
  CloseCode,
  LedgerJoiner,
  ledgerNews,
  type LeaveRequest,
  type LedgerNews,
} from '../core/wire/signal.js';
import { admit, type Admission, type RefusalReason } from './admission.js';
import type { RelayDrop } from './counters.js';
import type { Forwarder } from './forward/forwarder.js';
import type { DoorRefusal } from './door-keeper.js';
import type { Gate } from './gate.js';
import { Introductions } from './introductions.js';
import type { RelayLimits } from './limits.js';
import type { Ledgers, NetworkLedger } from './ledgers.js';
import { begun, LocalNetwork, type LocalMember } from './local-network.js';
import {
  encodeMessage,
  type ConnectionHost,
  type Hello,
  type MemberConnection,
  type Request,
} from './member-connection.js';
import type { KnownMember, NetworkRecord } from './network-record.js';
import { PacketExchange } from './packet-exchange.js';
import type { Presence, PresenceListener } from './presence.js';
import { RefusalLog } from './refusal-log.js';
import type { Registry } from './registry.js';
import { HubMove } from './move/hub-move.js';
import { SeenBook } from './seen-book.js';
import type { StateLog } from './state-log.js';
import type { StateLine } from './state-lines.js';
import { WaitingRoom, type Applicant } from './waiting-room.js';

/** Farewells in a welcome: with them it stays one Noise message. */
const farewellsInWelcome = 64;
/** Who left for good has so long to say it to others, too, ms. */
const leavingMs = 2_000;

export interface HubOptions {
  readonly keys: Keys;
  readonly gate: Gate;
  readonly limits: RelayLimits;
  readonly registry: Registry;
  readonly ledgers: Ledgers;
  readonly store: StateLog;
  readonly env: Env;
  presence(listener: PresenceListener): Presence;
}

/** Characters of statements in a welcome: it stays one Noise message. */
const welcomeLedgerLength = 10_000;

/** What nodes are told of our UDP ports. */
export interface UdpPorts {
  readonly udpPort: number;
  readonly alternatePort: number | null;
}

export type TurnedAway = RefusalReason | DoorRefusal | 'too-much' | 'wrong-key' | 'protocol' | 'silent';

export class Hub implements ConnectionHost, PresenceListener {
  readonly packets: PacketExchange;
  /** Handshakes and hellos refused, by reason. */
  readonly turnedAwayCounts = new Map<TurnedAway, number>();
  readonly #options: HubOptions;
  readonly #introductions: Introductions;
  readonly #presence: Presence;
  readonly #networks = new WeakMap<NetworkRecord, LocalNetwork>();
  readonly #joiners = new WeakMap<MemberConnection, LedgerJoiner>();
  /** Who is admitted and connected. */
  readonly #members = new Map<MemberConnection, LocalMember>();
  readonly #seen = new SeenBook();
  /** Welcomes and withdrawals that wait for the disk. */
  readonly #underWay = new Set<Promise<unknown>>();
  #ports: UdpPorts = { udpPort: 1, alternatePort: null };
  #attached: () => void = () => undefined;
  readonly #ready = new Promise<void>((resolve) => (this.#attached = resolve));
  #stopped = false;
  readonly #waiting: WaitingRoom;
  readonly #refusals: RefusalLog;

  constructor(options: HubOptions) {
    this.#options = options;
    this.packets = new PacketExchange(options.limits, options.env);
    this.#introductions = new Introductions(options.limits, options.env);
    this.#presence = options.presence(this);
    this.#refusals = new RefusalLog(options.env.clock, options.env.log);
    this.#waiting = new WaitingRoom(options.env.clock, (id, news) => {
      const record = this.#stopped ? undefined : options.registry.network(id);
      if (!record) return;
      for (const { connection, admin } of this.#networkOf(record).here.values())
        if (admin()) connection.send(news);
    });
  }

  /** Nodes that are registered and connected. */
  get clients(): number {
    return this.#members.size;
  }

  /** Members of a network that are online. */
  online(network: string): number {
    return this.#presence.of(network).size;
  }

  /** Members of a network that are connected to this relay, by id. */
  readonly here = (record: NetworkRecord): LocalNetwork['here'] => this.#networkOf(record).here;

  /** Nobody is welcomed before this. */
  attach(forwarder: Forwarder, ports: UdpPorts): void {
    this.packets.attach(forwarder);
    this.#ports = ports;
    this.#attached();
  }

  stop(): void {
    this.#stopped = true;
    this.#introductions.stop();
    this.#refusals.stop();
    this.packets.stop();
  }

  /**
   * Forgets members and networks that did not show themselves for long, and writes down who did; a network at a time, so
   * that packets and registrations have their turn between.
   */
  async prune(): Promise<void> {
    const { registry, ledgers, env } = this.#options;
    const dateMs = env.clock.date();
    let changed = false;
    for (const some of registry.pruning(dateMs, this.#presence)) {
      changed ||= some;
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#stopped) return;
    }
    if (changed) this.#introductions.pruned();
    ledgers.prune(registry);
    for (const record of registry.networks) {
      await this.#writeSeen(record, dateMs);
      if (this.#stopped) return;
    }
  }

  /** Forgets passing members that went some minutes ago. Nothing is written: the next start forgets them as well. */
  prunePassing(): void {
    const { registry, env } = this.#options;
    if (registry.pruneEphemeral(env.clock.date(), this.#presence)) this.#introductions.pruned();
  }

  /**
   * Forgets a network: its members are disconnected and told that it is not served.
   *
   * @param refund as if it had never come: its relay invite counts as not used, its claim is free
   */
  async forget(record: NetworkRecord, refund: boolean): Promise<void> {
    const { registry, store } = this.#options;
    registry.forget(record, refund);
    const network = this.#networks.get(record);
    for (const member of [...(network?.here.values() ?? [])]) {
      member.connection.dismiss('network-not-allowed', 'this relay does not serve the network any more');
      this.packets.end(member);
    }
    this.#options.ledgers.forget(record.id);
    await store.append([{ kind: 'forget', network: record.id, refund }], true);
  }

  // Connections

  hello(connection: MemberConnection, hello: Hello, remoteStatic: Uint8Array): void {
    const { keys, gate, registry, ledgers, limits, env } = this.#options;
    const dateMs = env.clock.date();
    const { observed } = connection;
    const verdict = admit(hello, remoteStatic, { keys, gate, registry, ledgers, limits, observed, dateMs });
    if (verdict.ok === 'waiting') {
      this.#wait(
        { network: verdict.record.id, connection, hello, remoteStatic, member: verdict.member },
        verdict,
      );
      return;
    }
    this.#waiting.leave(connection);
    if (!verdict.ok) {
      this.turnedAway(verdict.reason);
      env.log.debug('relay refused a node', { code: verdict.code, reason: verdict.message });
      const tell = (): void => connection.refuse(verdict.code, verdict.message, verdict.detail);
      if (verdict.withdrawn) this.#later(this.forget(verdict.withdrawn, true).then(tell));
      else tell();
      return;
    }
    this.#later(this.#welcome(connection, verdict, hello));
  }

  /** Another process that is to go on waits for it. */
  #later(work: Promise<unknown>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  /** What it knows of connected nodes, for another process. */
  get move(): HubMove {
    const { env, registry, ledgers } = this.#options;
    return new HubMove({
      env,
      registry,
      ledgers,
      presence: this.#presence,
      introductions: this.#introductions,
      packets: this.packets,
      waiting: this.#waiting,
      members: this.#members,
      networkOf: (id) => {
        const record = registry.network(id);
        return record && this.#networkOf(record);
      },
      hello: this.hello.bind(this),
      underWay: this.#underWay,
    });
  }

  /** Admins have to let it in: they hear of it, and it is judged again when they have spoken. */
  #wait(applicant: Applicant, { waiting }: Extract<Admission, { ok: 'waiting' }>): void {
    const { connection, member, network } = applicant;
    const { env } = this.#options;
    const before = this.#waiting.enter(applicant);
    if (before === 'full') {
      this.turnedAway('full-waiting');
      connection.refuse('full', 'too many wait to be let in', 'waiting');
      return;
    }
    before?.close(CloseCode.replaced, 'replaced');
    connection.wait(waiting);
    env.log.info('node waits to be let in', { node: member.idText, name: member.name, network });
  }

  request(connection: MemberConnection, request: Request): void {
    const member = this.#members.get(connection);
    if (!member) return;
    if (request.type === 'locate') this.#introductions.locate(member, request);
    else if (request.type === 'find') this.#introductions.find(member, request);
    else if (request.type === 'placed') this.packets.placed(member, request);
    else this.#leave(member, request);
  }

  /** A member ends its membership: address and name are free, and the others hear it in its own words. */
  #leave({ network, id, connection }: LocalMember, { farewell: text }: LeaveRequest): void {
    const { record } = network;
    const { store, env } = this.#options;
    const farewell = fromBase64Url(text);
    if (record.hasLeft(id) || !farewell || verifyFarewell(farewell, record.id) !== id) return;
    const at = env.clock.date();
    record.bury(id, farewell, at);
    void store.append([{ kind: 'left', network: record.id, id, farewell: text, at }], true);
    this.#introductions.leave(network, id, text);
    env.clock.after(leavingMs, () => {
      connection.close(1000, 'it left the network');
    });
    env.log.info('node left the network', { node: id, network: record.id });
  }

  ledger(connection: MemberConnection, message: LedgerNews): void {
    const member = this.#members.get(connection);
    if (!member) return;
    const { network } = member;
    const ledger = this.#options.ledgers.known(network.record.id);
    if (!ledger) return;
    let joiner = this.#joiners.get(connection);
    if (!joiner) this.#joiners.set(connection, (joiner = new LedgerJoiner()));
    const { taken, gap } = ledger.take(joiner.take(message));
    // Who sends what does not follow from what is here is told what is, and sends the rest.
    if (message.heads ?? gap) {
      for (const answer of ledger.newsFor(message.heads ?? ledger.heads)) connection.send(answer);
    }
    if (taken.length === 0) return;
    // Everybody hears why, those too that have to go.
    const others = [...network.here.values()].filter((other) => other !== member);
    for (const news of ledgerNews(taken)) {
      const plain = encodeMessage(news);
      for (const other of others) other.connection.sendPlain(plain);
    }
    this.#enforce(network, ledger);
  }

  /** Members that the ledger bars: they are forgotten, and their addresses are free. */
  #enforce(network: LocalNetwork, ledger: NetworkLedger): void {
    const { record, here } = network;
    for (const { id, credential } of record.members) {
      if (!ledger.bars(credential)) continue;
      const member = here.get(id);
      record.delete(id);
      if (!member) continue;
      member.connection.dismiss('revoked', 'the member, or what it joined by, was revoked');
      // Nor does anything more go through its association.
      this.packets.end(member);
    }
    for (const { connection, hello, remoteStatic } of this.#waiting.of(record.id)) {
      this.hello(connection, hello, remoteStatic);
    }
  }

  data(connection: MemberConnection, message: Uint8Array, packets: number): void {
    const member = this.#members.get(connection);
    if (member) this.packets.data(member, message, packets);
  }

  dropped(reason: RelayDrop, packets: number): void {
    this.packets.counters.drop(reason, packets);
  }

  turnedAway(reason: TurnedAway): void {
    this.#refusals.note(reason);
    this.turnedAwayCounts.set(reason, (this.turnedAwayCounts.get(reason) ?? 0) + 1);
  }

  closed(connection: MemberConnection): void {
    this.#waiting.leave(connection);
    const member = this.#members.get(connection);
    if (!member) return;
    const { network, id } = member;
    this.#members.delete(connection);
    this.#introductions.forget(member);
    // Otherwise a newer connection of the same member took over.
    if (network.here.get(id) === member) {
      network.here.delete(id);
      const known = network.record.member(id);
      if (known) known.lastSeen = this.#options.env.clock.date();
      this.#presence.leave(network.record.id, id);
    }
    if (!this.#stopped) this.packets.remove(member);
  }

  // Presence

  arrived(networkId: string, known: KnownMember, news: boolean): void {
    const record = this.#options.registry.network(networkId);
    if (record) this.#introductions.arrived(this.#networkOf(record), known, news);
  }

  left(networkId: string, id: string): void {
    const record = this.#options.registry.network(networkId);
    if (record && !this.#stopped) this.#introductions.left(this.#networkOf(record), id);
  }

  async #welcome(
    connection: MemberConnection,
    verdict: Extract<Admission, { ok: true }>,
    { agent, heads, ledger: brought }: Hello,
  ): Promise<void> {
    const { store, ledgers, env } = this.#options;
    const { record, member, known } = verdict;
    await this.#ready;
    // Who is told of it is remembered after a kill; a receipt that left is counted even if the power fails now.
    await store.append(this.#seen.linesFor(verdict), verdict.owed.length > 0);
    if (this.#stopped) return;
    if (this.#options.registry.network(record.id) !== record) {
      connection.refuse('network-not-allowed', 'the network was forgotten meanwhile', undefined);
      return;
    }
    this.#tellEntry(record, verdict.owed, connection.observed);
    const id = member.idText;
    const network = this.#networkOf(record);
    // Whoever lost its address hears so when it comes back.
    for (const loser of verdict.losers)
      network.here.get(loser.id)?.connection.close(CloseCode.displaced, 'displaced');
    const { associations } = this.packets;
    // Whoever takes over was never offline for the others: only the connection goes.
    const before = network.here.get(id);
    network.here.delete(id);
    // Of its associations two are served: the new one, and the last one before, until the node has bound the new one.
    associations.endLingering(network, id);
    if (before?.connection.away === true) before.connection.retire();
    else before?.connection.close(CloseCode.replaced, 'replaced');
    const association = associations.take();
    if (association === undefined) {
      this.#presence.leave(record.id, id);
      this.turnedAway('full-connections');
      connection.refuse('full', 'too many connections', undefined);
      return;
    }
    const key = env.random.fill(new Uint8Array(32));
    this.#introductions.settle(network);
    const introduction = this.#introductions.introduce(network, id);
    const ledger = ledgers.of(verdict.rootKey);
    if (brought) ledger.take(new LedgerJoiner().take(brought));
    // To programs that know no ledger nothing is sent of it.
    const more = heads ? ledger.newsFor(heads) : [];
    // As long as it fits beside the members, it comes before them.
    const fits = more[0] && JSON.stringify(more[0]).length <= welcomeLedgerLength;
    const news = fits ? more.shift() : undefined;
    const welcomed = connection.welcome({
      type: 'welcome',
      association,
      key: toBase64Url(key),
      ...this.#ports,
      observed: connection.observed.slice(0, 64),
      receipt: verdict.receipt && toBase64Url(verdict.receipt),
      ...introduction.first,
      left: record.latestFarewells(farewellsInWelcome).map(toBase64Url),
      date: env.clock.date(),
      ...(news && { ledger: news }),
    });
    if (!welcomed) {
      associations.giveBack(association);
      this.#presence.leave(record.id, id);
      return;
    }
    const admin = (): boolean => ledger.isAdmin(member);
    const local: LocalMember = {
      connection,
      network,
      id,
      idBytes: member.id,
      association,
      admin,
      speaker: member,
      ...begun(env.clock.date()),
    };
    this.#members.set(connection, local);
    network.here.set(id, local);
    this.packets.add(local, key);
    this.#presence.arrive(record.id, known, verdict.news);
    for (const message of more) connection.send(message);
    if (admin() && this.#waiting.of(record.id).length > 0) connection.send(this.#waiting.news(record.id));
    // Last: a node that does not read is dropped in here, and must be known by then.
    this.#introductions.welcomed(local, introduction);
    env.log.info('node registered', { node: id, name: member.name, network: record.id, agent });
  }

  /** Writes down who is here, or was, since it was last written. */
  async #writeSeen(record: NetworkRecord, dateMs: number): Promise<void> {
    const { registry, store } = this.#options;
    const lines = this.#seen.linesOf(record, this.#networks.get(record)?.here ?? new Map(), dateMs);
    if (registry.network(record.id) === record) await store.append(lines, false);
  }

  #tellEntry(record: NetworkRecord, owed: readonly StateLine[], observed: string): void {
    const entry = owed.find((line) => line.kind === 'admit');
    if (!entry) return;
    const message =
      entry.by === 'claim'
        ? 'the first network claimed this relay: from now on others need a relay invite'
        : 'a network came in by a relay invite';
    this.#options.env.log.info(message, { network: record.id, name: record.name, source: observed });
  }

  #networkOf(record: NetworkRecord): LocalNetwork {
    let network = this.#networks.get(record);
    if (!network) this.#networks.set(record, (network = new LocalNetwork(record, this.#presence)));
    return network;
  }
}

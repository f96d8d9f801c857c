/** Where sessions, registry and UDP meet: admits, has members introduced, and carries packets between transports. */
import type { Keys } from '../core/identity/keys.js';
import { toBase64Url } from '../core/lib/bytes.js';
import type { Endpoint } from '../core/lib/endpoint.js';
import type { Env } from '../core/lib/env.js';
import { TokenBucket } from '../core/lib/token-bucket.js';
import { carrierHeaderLength } from '../core/wire/relay.js';
import { CloseCode, type Refusal } from '../core/wire/signal.js';
import { admit, type Admission } from './admission.js';
import { CounterBlock, type RelayDrop } from './counters.js';
import { bindingLifetimeMs } from './forward/forward-core.js';
import { maxSlots } from './forward/forward-table.js';
import type { Forwarder, ForwarderListener } from './forward/forwarder.js';
import { Introductions } from './introductions.js';
import { byteBurst, bytesPerSecond, type RelayLimits } from './limits.js';
import type { NetworkRecord, Registry } from './registry.js';
import { countPackets, type Hello, type Request, type Session, type SessionHost } from './session.js';
import type { StateStore } from './store.js';

/** A node whose WebSocket broke is still served by UDP for this long, so that data flows on while it reconnects, ms. */
const associationGraceMs = 30_000;
/** Data by WebSocket this long after the last sign by UDP means that UDP stopped working for the node, ms. */
const udpDoubtMs = 2_000;
export interface HubOptions {
  readonly keys: Keys;
  readonly allow: ReadonlySet<string>;
  readonly limits: RelayLimits;
  readonly registry: Registry;
  readonly store: StateStore;
  readonly env: Env;
}

/** What nodes are told of our UDP ports. */
export interface UdpPorts {
  readonly udpPort: number;
  readonly alternatePort: number | null;
}

interface Known {
  readonly session: Session;
  readonly record: NetworkRecord;
  readonly id: string;
  readonly idBytes: Uint8Array;
}

export type TurnedAway = Refusal | 'wrong-key' | 'protocol' | 'silent' | 'busy';

export class Hub implements SessionHost, ForwarderListener {
  /** What the main thread forwards and drops. */
  readonly counters = new CounterBlock();
  /** Handshakes and hellos refused, by reason. */
  readonly turnedAwayCounts = new Map<TurnedAway, number>();
  readonly #options: HubOptions;
  readonly #now: () => number;
  readonly #introductions: Introductions;
  /** By association index; also those in grace. */
  readonly #associations = new Map<number, Known>();
  readonly #networkBytes = new WeakMap<NetworkRecord, TokenBucket>();
  readonly #grace = new Map<number, () => void>();
  readonly #slots = new Uint8Array(maxSlots);
  #forwarder: Forwarder | undefined;
  #ports: UdpPorts = { udpPort: 1, alternatePort: null };
  #attached: () => void = () => undefined;
  readonly #ready = new Promise<void>((resolve) => (this.#attached = resolve));
  #nextSlot = 0;
  #clients = 0;
  #restarts = 0;
  #stopped = false;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#now = () => options.env.clock.now();
    this.#introductions = new Introductions(options.limits, options.env);
  }

  /** Nodes that are registered and connected. */
  get clients(): number {
    return this.#clients;
  }

  /** Times the forwarding thread fell. */
  get forwarderRestarts(): number {
    return this.#restarts;
  }

  /** Nobody is welcomed before this. */
  attach(forwarder: Forwarder, ports: UdpPorts): void {
    this.#forwarder = forwarder;
    this.#ports = ports;
    this.#attached();
  }

  stop(): void {
    this.#stopped = true;
    this.#introductions.stop();
    for (const cancel of this.#grace.values()) cancel();
    this.#grace.clear();
  }

  // Sessions

  hello(session: Session, hello: Hello, remoteStatic: Uint8Array): void {
    const { keys, allow, registry, limits, env } = this.#options;
    const dateMs = env.clock.date();
    const { observed } = session;
    const verdict = admit(hello, remoteStatic, { keys, allow, registry, limits, observed, dateMs });
    if (!verdict.ok) {
      this.turnedAway(verdict.code);
      env.log.debug('relay refused a node', { code: verdict.code, reason: verdict.message });
      session.refuse(verdict.code, verdict.message, verdict.detail);
      return;
    }
    void this.#welcome(session, verdict, hello.agent);
  }

  async #welcome(session: Session, verdict: Extract<Admission, { ok: true }>, agent: string): Promise<void> {
    const { store, env } = this.#options;
    const { record, member, known } = verdict;
    const introductions = this.#introductions;
    await this.#ready;
    store.changed();
    // A receipt that left is counted, even if the power fails now.
    if (verdict.counted) await store.append(verdict.counted);
    if (this.#stopped) return;
    const id = member.idText;
    const before = record.online.get(id);
    // Out of the list first: whoever takes over was never offline for the others.
    record.leave(id);
    before?.close(CloseCode.replaced, 'replaced');
    this.#forgetAssociationOf(record, id);
    const association = this.#newAssociation();
    if (association === undefined) {
      if (before) introductions.left(record, id);
      this.turnedAway('full');
      session.refuse('full', 'too many connections', undefined);
      return;
    }
    const key = env.random.fill(new Uint8Array(32));
    const admitted = { record, id, idBytes: member.id, association };
    introductions.settle(record);
    const { first, rest } = introductions.introduce(record, id);
    const welcomed = session.welcome(admitted, {
      type: 'welcome',
      association,
      key: toBase64Url(key),
      ...this.#ports,
      observed: session.observed.slice(0, 64),
      receipt: verdict.receipt && toBase64Url(verdict.receipt),
      ...first,
      date: env.clock.date(),
    });
    if (!welcomed) {
      this.#slots[association & 0xffff] = 0;
      if (before) introductions.left(record, id);
      return;
    }
    this.#associations.set(association, { session, record, id, idBytes: member.id });
    this.#forwarder?.add({ index: association, key, network: record.slot, nodeId: member.id });
    record.arrive(id, session);
    this.#clients++;
    session.later(rest);
    introductions.arrived(record, session, known, first.online, verdict.news);
    env.log.info('node registered', { node: id, name: member.name, network: record.id, agent });
  }

  #newAssociation(): number | undefined {
    for (let tried = 0; tried < maxSlots; tried++) {
      const slot = this.#nextSlot;
      this.#nextSlot = (slot + 1) % maxSlots;
      if (this.#slots[slot] === 1) continue;
      this.#slots[slot] = 1;
      return Math.floor(this.#options.env.random.unit() * 0x1_0000) * 0x1_0000 + slot;
    }
    return undefined;
  }

  #dropAssociation(association: number): void {
    this.#grace.get(association)?.();
    this.#grace.delete(association);
    if (!this.#associations.delete(association)) return;
    this.#slots[association & 0xffff] = 0;
    this.#forwarder?.remove(association);
  }

  #forgetAssociationOf(record: NetworkRecord, id: string): void {
    for (const association of this.#grace.keys()) {
      const known = this.#associations.get(association);
      if (known?.id === id && known.record === record) this.#dropAssociation(association);
    }
  }

  request(session: Session, request: Request): void {
    if (request.type === 'locate') this.#introductions.locate(session, request);
    else this.#introductions.find(session, request);
  }

  /** Members were forgotten. */
  pruned(): void {
    this.#introductions.pruned();
  }

  turnedAway(reason: TurnedAway): void {
    this.turnedAwayCounts.set(reason, (this.turnedAwayCounts.get(reason) ?? 0) + 1);
  }

  closed(session: Session): void {
    const { admitted } = session;
    if (!admitted) return;
    const { record, id, association } = admitted;
    session.udpAt = undefined;
    this.#clients--;
    this.#introductions.forget(record, session);
    if (record.online.get(id) === session) {
      record.leave(id);
      const member = record.member(id);
      if (member) member.lastSeen = this.#options.env.clock.date();
      this.#options.store.changed();
      if (!this.#stopped) this.#introductions.left(record, id);
    }
    if (this.#stopped) return;
    const cancel = this.#options.env.clock.after(associationGraceMs, () =>
      this.#dropAssociation(association),
    );
    this.#grace.set(association, cancel);
  }

  // Packets

  dropped(_session: Session, reason: RelayDrop, packets: number): void {
    this.counters.drop(reason, packets);
  }

  data(session: Session, destination: string, message: Uint8Array, packets: number): void {
    const { admitted } = session;
    if (!admitted) return;
    const batch = message.subarray(carrierHeaderLength);
    const { record } = admitted;
    const now = this.#now();
    if (session.udpAt !== undefined && now - session.udpAt > udpDoubtMs) {
      session.udpAt = undefined;
      this.#forwarder?.release(admitted.association);
    }
    if (!this.#bucketOf(record).take(batch.length, now)) {
      this.counters.drop('network-limit', packets);
      return;
    }
    const target = record.online.get(destination);
    if (!target?.admitted || target === session) {
      this.counters.drop(record.member(destination) ? 'destination-offline' : 'no-destination', packets);
    } else if (target.udpAt !== undefined && now - target.udpAt < bindingLifetimeMs) {
      this.#forwarder?.deliver(target.admitted.association, admitted.idBytes, batch);
    } else if (target.passData(admitted.idBytes, message)) {
      this.counters.forwarded('ws-ws', packets, batch.length);
    } else {
      this.counters.drop('queue-full', packets);
    }
  }

  bound(association: number, endpoint: Endpoint): void {
    const known = this.#associations.get(association);
    if (!known?.session.up) return;
    known.session.udpAt = this.#now();
    this.#options.env.log.debug('node bound its address', { node: known.id, endpoint });
  }

  hand(source: number, destination: number, batch: Uint8Array): void {
    const from = this.#associations.get(source);
    const to = this.#associations.get(destination);
    if (!from || !to?.session.up) this.counters.drop('destination-offline', countPackets(batch));
    else if (to.session.sendData(from.idBytes, batch)) {
      this.counters.forwarded('udp-ws', countPackets(batch), batch.length);
    } else {
      this.counters.drop('queue-full', countPackets(batch));
    }
  }

  restarted(reason: string): void {
    this.#restarts++;
    this.#options.env.log.warn('forwarding thread fell and was started again', { reason });
  }

  failed(error: Error): void {
    this.#options.env.log.error('relay cannot forward by UDP any more', { reason: error.message });
  }

  #bucketOf(record: NetworkRecord): TokenBucket {
    let bucket = this.#networkBytes.get(record);
    if (!bucket) {
      const { networkMbps } = this.#options.limits;
      bucket = new TokenBucket(bytesPerSecond(networkMbps), byteBurst(networkMbps), this.#now());
      this.#networkBytes.set(record, bucket);
    }
    return bucket;
  }
}

/**
 * Carries packets between members of one network, over from one transport to the other: what a node sends by WebSocket,
 * and what comes by UDP for a node that has none. From UDP to UDP the forwarder does it alone (forward/).
 */
import { toHex } from '../core/lib/bytes.js';
import { addressBytes, type Endpoint } from '../core/lib/endpoint.js';
import type { Env } from '../core/lib/env.js';
import { TokenBucket } from '../core/lib/token-bucket.js';
import { carrierHeaderLength, countPackets } from '../core/wire/relay.js';
import type { PlacedRequest } from '../core/wire/signal.js';
import { Associations } from './associations.js';
import { CounterBlock } from './counters.js';
import { bindingLifetimeMs } from './forward/forward-core.js';
import type { Passed } from './forward/forward-table.js';
import type { Forwarder, ForwarderListener } from './forward/forwarder.js';
import { byteBurst, bytesPerSecond, type RelayLimits } from './limits.js';
import type { LocalMember, LocalNetwork } from './local-network.js';

/** For a connection that is gone already. */
const nowhere = new Uint8Array(16);
/** Data by WebSocket this long after the last sign by UDP means that UDP stopped working for the node, ms. */
const udpDoubtMs = 2_000;

export class PacketExchange implements ForwarderListener {
  /** What the main thread forwards and drops. */
  readonly counters = new CounterBlock();
  readonly associations: Associations;
  readonly #limits: RelayLimits;
  readonly #env: Env;
  /** What each network may still send by WebSocket. */
  readonly #bytes = new WeakMap<LocalNetwork, TokenBucket>();
  #forwarder: Forwarder | undefined;
  #restarts = 0;

  constructor(limits: RelayLimits, env: Env) {
    this.#limits = limits;
    this.#env = env;
    this.associations = new Associations(env, (association) => this.#forwarder?.remove(association));
  }

  /** Times the forwarding thread crashed. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Goes on counting where another process stopped. */
  countOn(restarts: number): void {
    this.#restarts += restarts;
  }

  attach(forwarder: Forwarder): void {
    this.#forwarder = forwarder;
  }

  stop(): void {
    this.associations.stop();
  }

  /** A member is connected. `key` proves its binds. */
  add(member: LocalMember, key: Uint8Array): void {
    const { association, network, idBytes, connection } = member;
    this.associations.set(member);
    const observed = addressBytes(connection.observed) ?? nowhere;
    this.#forwarder?.add({
      index: association,
      key,
      network: network.record.slot,
      nodeId: idBytes,
      observed,
    });
  }

  /** The connection of a member is gone. Packets by UDP pass on for a while. */
  remove(member: LocalMember): void {
    member.udpAt = undefined;
    this.associations.linger(member);
  }

  /** Nothing of a member passes any more. */
  end(member: LocalMember): void {
    member.udpAt = undefined;
    this.associations.end(member);
  }

  /** A data message (wire/relay.ts) that came by WebSocket, whole, with so many packets. It is changed or passed on. */
  data(from: LocalMember, message: Uint8Array, packets: number): void {
    const { network } = from;
    const batch = message.subarray(carrierHeaderLength);
    const now = this.#env.clock.now();
    if (from.udpAt !== undefined && now - from.udpAt > udpDoubtMs) {
      from.udpAt = undefined;
      this.#forwarder?.release(from.association);
    }
    if (!this.#bytesOf(network).take(batch.length, now)) {
      this.counters.drop('network-limit', packets);
      return;
    }
    const destination = toHex(message.subarray(1, carrierHeaderLength));
    const to = network.here.get(destination);
    if (!to || to === from) {
      const known = network.record.member(destination) !== undefined;
      this.counters.drop(known ? 'destination-offline' : 'no-destination', packets);
    } else if (this.byUdp(to)) {
      count(from, to, batch);
      this.#forwarder?.deliver(to.association, from.idBytes, batch);
    } else if (to.connection.passData(from.idBytes, message)) {
      this.counters.forwarded('ws-ws', packets, batch.length);
      count(from, to, batch);
    } else {
      this.counters.drop('queue-full', packets);
    }
  }

  /** Packets for it go by UDP; else they take its WebSocket. */
  byUdp({ udpAt }: LocalMember): boolean {
    return udpAt !== undefined && this.#env.clock.now() - udpAt < bindingLifetimeMs;
  }

  /** What was forwarded for a member since it is connected. */
  passed({ association, sentBytes, receivedBytes }: LocalMember): Passed {
    const { sent, received } = this.#forwarder?.passed(association) ?? { sent: 0, received: 0 };
    return { sent: sent + sentBytes, received: received + receivedBytes };
  }

  bound(association: number, endpoint: Endpoint): void {
    const member = this.associations.get(association);
    if (!member?.connection.up) return;
    member.udpAt = this.#env.clock.now();
    member.udpHost = endpoint.host;
    this.#env.log.debug('node bound its address', { node: member.id, endpoint });
  }

  /** Whether another member's UDP comes from where it says that it does. */
  placed({ network, connection }: LocalMember, { id, host }: PlacedRequest): void {
    const other = network.here.get(id);
    const here = other !== undefined && this.byUdp(other) && other.udpHost === host;
    connection.send({ type: 'placed', id, host, here });
  }

  hand(source: number, destination: number, batch: Uint8Array): void {
    const from = this.associations.get(source);
    const named = this.associations.get(destination);
    // The forwarding thread may not have heard yet that the node has another connection.
    const to = named && (named.network.here.get(named.id) ?? named);
    if (!from || !to?.connection.up) this.counters.drop('destination-offline', countPackets(batch));
    else if (to.connection.sendData(from.idBytes, batch)) {
      this.counters.forwarded('udp-ws', countPackets(batch), batch.length);
      count(from, to, batch);
    } else {
      this.counters.drop('queue-full', countPackets(batch));
    }
  }

  restarted(reason: string): void {
    this.#restarts++;
    this.#env.log.warn('forwarding thread crashed and is started again', { reason });
  }

  failed(error: Error): void {
    this.#env.log.error('relay cannot forward by UDP any more', { reason: error.message });
  }

  #bytesOf(network: LocalNetwork): TokenBucket {
    let bucket = this.#bytes.get(network);
    if (!bucket) {
      const { networkMbps } = this.#limits;
      const now = this.#env.clock.now();
      bucket = new TokenBucket(bytesPerSecond(networkMbps), byteBurst(networkMbps), now);
      this.#bytes.set(network, bucket);
    }
    return bucket;
  }
}

function count(from: LocalMember, to: LocalMember, { length }: Uint8Array): void {
  from.sentBytes += length;
  to.receivedBytes += length;
}

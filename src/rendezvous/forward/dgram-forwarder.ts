/** The UDP side on node:dgram, on the main thread: works everywhere, some 50 000 packets a second. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { addressBytes, addressText, type Endpoint } from '../../core/lib/endpoint.js';
import { PacketType, relayHeaderLength } from '../../core/wire/packet.js';
import { batchOf } from '../../core/wire/relay.js';
import { CounterBlock } from '../counters.js';
import { ForwardCore, Verdict } from './forward-core.js';
import { ForwardTable, passedBy, type Association, type Passed } from './forward-table.js';
import type { Forwarder, ForwarderListener } from './forwarder.js';
import type { RelayLimits } from '../limits.js';

/** 16 bytes of address, 2 of port. */
const addressLength = 18;
const addressCacheLimit = 8_192;
const receiveBuffer = 4 * 1024 * 1024;
const sendQueueLimit = 8 * 1024 * 1024;

export interface DgramForwarderOptions {
  readonly limits: RelayLimits;
  /** Milliseconds, monotonic, above 0. */
  readonly now: () => number;
  readonly seed: number;
}

export class DgramForwarder implements Forwarder {
  readonly movable = undefined;
  readonly counters = new CounterBlock();
  readonly #listener: ForwarderListener;
  readonly #now: () => number;
  readonly #table: ForwardTable;
  readonly #core: ForwardCore;
  readonly #addresses = new Map<string, Uint8Array>();
  /** Where to send, by slot: dgram wants text. */
  readonly #endpoints: (Endpoint | undefined)[] = [];
  #socket: Socket | undefined;
  #alternate: Socket | undefined;

  constructor(options: DgramForwarderOptions, listener: ForwarderListener) {
    this.#listener = listener;
    this.#now = options.now;
    this.#table = new ForwardTable(addressLength, options.seed, options.limits);
    this.#core = new ForwardCore(
      this.#table,
      this.counters,
      {
        endpointOf,
        bound: (slot, endpoint) => {
          this.#endpoints[slot] = endpoint;
          listener.bound(this.#table.index[slot] as number, endpoint);
        },
      },
      options.seed,
      options.now(),
    );
  }

  async open(host: string, port: number): Promise<number> {
    const socket = await bindSocket(host, port);
    this.#socket = socket;
    socket.on('message', (message, from) => this.#received(message, from));
    socket.on('error', () => undefined); // such as ICMP answers: the packet is lost, which is all there is to it
    return socket.address().port;
  }

  async openAlternate(host: string, port: number): Promise<number> {
    const socket = await bindSocket(host, port);
    this.#alternate = socket;
    this.#core.hasOther = true;
    socket.on('message', (message, from) => {
      const verdict = this.#core.stun(message, this.#address(from), 0, this.#now());
      if (verdict === Verdict.reply) this.#send(socket, this.#core.answer, from.address, from.port);
    });
    socket.on('error', () => undefined);
    return socket.address().port;
  }

  add(association: Association): void {
    const table = this.#table;
    const slot = table.add(association);
    // Of a node that registers again it is known already.
    const isBound = (table.boundAt[slot] as number) > 0;
    this.#endpoints[slot] = isBound ? endpointOf(table.addressOf(slot), 0) : undefined;
  }

  remove(association: number): void {
    this.#table.remove(association);
  }

  release(association: number): void {
    const slot = this.#table.find(association);
    if (slot >= 0) this.#table.released[slot] = 1;
  }

  deliver(destination: number, sourceId: Uint8Array, batch: Uint8Array): void {
    const slot = this.#table.find(destination);
    const endpoint = this.#endpoints[slot];
    const reachable = slot >= 0 && endpoint !== undefined && this.#core.reachable(slot, this.#now());
    for (let at = 0; at + 2 <= batch.length;) {
      const length = (batch[at] as number) | ((batch[at + 1] as number) << 8);
      at += 2;
      if (!reachable) this.counters.drop('destination-offline');
      else {
        const packet = new Uint8Array(relayHeaderLength + length);
        packet[0] = PacketType.relayDeliver;
        packet.set(sourceId, 8);
        packet.set(batch.subarray(at, at + length), relayHeaderLength);
        this.counters.forwarded('ws-udp', 1, packet.length);
        this.#send(this.#socket, packet, endpoint.host, endpoint.port);
      }
      at += length;
    }
  }

  passed(association: number): Passed {
    return passedBy(this.#table, association);
  }

  async stop(): Promise<void> {
    for (const socket of [this.#socket, this.#alternate]) {
      if (!socket) continue;
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    }
    this.#socket = this.#alternate = undefined;
  }

  #received(message: Buffer, from: RemoteInfo): void {
    const core = this.#core;
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    const verdict = core.handle(message, view, 0, message.length, this.#address(from), 0, this.#now());
    if (verdict >= 0) {
      const to = this.#endpoints[verdict];
      if (to) this.#send(this.#socket, message, to.host, to.port);
    } else if (verdict === Verdict.reply || verdict === Verdict.replyOther) {
      const by = verdict === Verdict.reply ? this.#socket : this.#alternate;
      this.#send(by, core.answer, from.address, from.port);
    } else if (verdict === Verdict.up) {
      const { index } = this.#table;
      const batch = batchOf(message.subarray(relayHeaderLength));
      this.#listener.hand(index[core.source] as number, index[core.target] as number, batch);
    }
  }

  #send(socket: Socket | undefined, bytes: Uint8Array, host: string, port: number): void {
    if (!socket) return;
    if (socket.getSendQueueSize() > sendQueueLimit) {
      this.counters.drop('queue-full');
      return;
    }
    const to = isIPv6(host) || socket.address().family === 'IPv4' ? host : `::ffff:${host}`;
    socket.send(bytes, port, to, (error) => {
      if (error) this.counters.drop('send-failed');
    });
  }

  /** The 18 bytes of a source, remembered so that text is parsed once. */
  #address(from: RemoteInfo): Uint8Array {
    const key = `${from.address}|${from.port}`;
    let bytes = this.#addresses.get(key);
    if (!bytes) {
      if (this.#addresses.size >= addressCacheLimit) this.#addresses.clear();
      bytes = new Uint8Array(addressLength);
      bytes.set(addressBytes(from.address) ?? bytes.subarray(0, 16));
      bytes[16] = from.port >> 8;
      bytes[17] = from.port & 0xff;
      this.#addresses.set(key, bytes);
    }
    return bytes;
  }
}

function endpointOf(bytes: Uint8Array, at: number): Endpoint {
  const port = ((bytes[at + 16] as number) << 8) | (bytes[at + 17] as number);
  return { host: addressText(bytes.subarray(at, at + 16)), port };
}

/** A bound socket; `::` takes IPv4 as well. IP literals are not looked up again at every send. */
async function bindSocket(host: string, port: number): Promise<Socket> {
  const socket = createSocket({
    type: isIPv6(host) ? 'udp6' : 'udp4',
    ipv6Only: false,
    lookup: (name, _options, callback) => callback(null, name, isIPv6(name) ? 6 : 4),
  });
  try {
    const listening = once(socket, 'listening');
    socket.bind({ port, address: host, exclusive: true });
    await listening;
  } catch (thrown) {
    socket.close();
    throw thrown;
  }
  try {
    socket.setRecvBufferSize(receiveBuffer);
    socket.setSendBufferSize(receiveBuffer);
  } catch {
    // The kernel's own sizes then.
  }
  return socket;
}

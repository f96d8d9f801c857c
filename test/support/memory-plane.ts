/**
 * The data plane in one process: real packet layout and real AEAD (node:crypto), no kernel and no thread.
 *
 * Datagrams travel through a `MemoryNet`; the network interface is `transmit` (what the host sends) and
 * `onFrame` (what the host receives). Every event reaches the listener later, through the clock, in order.
 * One frame is one packet here: no GSO, no rate limits but those of the contract's events.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { equalBytes, toHex } from '../../src/core/lib/bytes.js';
import { sameEndpoint, type Endpoint } from '../../src/core/lib/endpoint.js';
import type { Clock } from '../../src/core/lib/env.js';
import {
  dataHeaderLength,
  Kind,
  looksLikeStun,
  PacketType,
  relayHeaderLength,
  Suite,
  tagLength,
  transitHeaderLength,
} from '../../src/core/wire/packet.js';
import { batchOf } from '../../src/core/wire/relay.js';
import {
  dropReasons,
  type DataPlane,
  type DeviceCounters,
  type DropReason,
  type GuardRule,
  type Neighbour,
  type Origin,
  type Path,
  type PeerCounters,
  type PlaneLink,
  type PlaneListener,
  type PlaneOptions,
  type RelayRoute,
  type SessionKeys,
} from '../../src/core/dataplane/plane/plane.js';
import { ReplayWindow } from '../../src/core/dataplane/keys/replay.js';
import { zeroCounters } from '../../src/core/dataplane/plane/shared.js';
import { macOf } from '../../src/core/identity/node-id.js';
import { MemoryOverlay } from './memory-overlay.js';
import type { MemoryNet, MemorySocket } from './memory-net.js';

const holdLimit = 8;
const holdMs = 3_000;
const wantedEveryMs = 1_000;
const unknownMs = 1_000;
const roamedEveryMs = 100;

interface Key {
  readonly slot: number;
  readonly keys: SessionKeys;
  readonly window: ReplayWindow;
  counter: number;
  confirmed: boolean;
}

/** Frames for an address that no peer here has. */
interface Unknown {
  frames: Uint8Array[];
  toldAt: number;
  /** It was not found in time. */
  flooded: boolean;
}

interface Peer {
  readonly nodeId: Uint8Array;
  readonly guard: GuardRule;
  path: Path | null;
  sending: Key | undefined;
  held: { frame: Uint8Array; at: number }[];
  wantedAt: number;
  roamedAt: number;
  readonly counters: PeerCounters;
}

function nonce(counter: number): Uint8Array {
  const out = new Uint8Array(12);
  new DataView(out.buffer).setBigUint64(4, BigInt(counter));
  return out;
}

/** Counter, the first three bytes of the header, the length of the plaintext. */
function associated(counter: number, header: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(13);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, BigInt(counter));
  out.set(header.subarray(0, 3), 8);
  view.setUint16(11, length);
  return out;
}

function sealPacket(keys: SessionKeys, counter: number, plain: Uint8Array): Uint8Array {
  const iv = nonce(counter);
  const cipher =
    keys.suite === Suite.aes256gcm
      ? createCipheriv('aes-256-gcm', keys.sendKey, iv)
      : createCipheriv('chacha20-poly1305', keys.sendKey, iv, { authTagLength: tagLength });
  const out = new Uint8Array(dataHeaderLength + plain.length + tagLength);
  const view = new DataView(out.buffer);
  out[0] = PacketType.data;
  view.setUint32(4, keys.remoteIndex, true);
  view.setBigUint64(8, BigInt(counter));
  cipher.setAAD(associated(counter, out, plain.length));
  out.set(cipher.update(plain), dataHeaderLength);
  cipher.final();
  out.set(cipher.getAuthTag(), dataHeaderLength + plain.length);
  return out;
}

function openPacket(keys: SessionKeys, counter: number, packet: Uint8Array): Uint8Array | undefined {
  const iv = nonce(counter);
  const decipher =
    keys.suite === Suite.aes256gcm
      ? createDecipheriv('aes-256-gcm', keys.receiveKey, iv)
      : createDecipheriv('chacha20-poly1305', keys.receiveKey, iv, { authTagLength: tagLength });
  decipher.setAuthTag(packet.subarray(packet.length - tagLength));
  decipher.setAAD(associated(counter, packet, packet.length - dataHeaderLength - tagLength));
  const plain = decipher.update(packet.subarray(dataHeaderLength, packet.length - tagLength));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return new Uint8Array(plain);
}

const ethernetView = (frame: Uint8Array): DataView =>
  new DataView(frame.buffer, frame.byteOffset, frame.length);

export interface MemoryPlaneHost {
  readonly net: MemoryNet;
  /** Address of the socket on the net; the plane's `bindAddress` when given. */
  readonly host: string;
}

export class MemoryPlane implements DataPlane {
  /** Called for every frame that the host would read from its interface. */
  onFrame: (frame: Uint8Array) => void = () => undefined;
  /** Called for every packet between others that comes by: what a curious member could see. `via` is the link's slot. */
  onTransit: (inner: Uint8Array, via: number) => void = () => undefined;
  readonly deviceName: string;
  readonly #options: PlaneOptions;
  readonly #net: MemoryNet;
  readonly #clock: Clock;
  readonly #host: string;
  readonly #peers = new Map<number, Peer>();
  readonly #keys = new Map<number, Key>();
  readonly #relays = new Map<number, RelayRoute>();
  readonly #drops = Object.fromEntries(dropReasons.map((r) => [r, 0])) as Record<DropReason, number>;
  readonly #learned = new Map<string, number>();
  readonly #pinned = new Set<string>();
  readonly #unknown = new Map<string, Unknown>();
  readonly #overlay: MemoryOverlay;
  #neighbours: readonly Neighbour[] = [];
  #device = { rxFrames: 0, rxBytes: 0, txFrames: 0, txBytes: 0, transitPackets: 0, transitBytes: 0 };
  #listener: PlaneListener | undefined;
  #socket: MemorySocket | undefined;

  constructor(options: PlaneOptions, host: MemoryPlaneHost) {
    this.#options = options;
    this.#net = host.net;
    this.#clock = host.net.clock;
    this.#host = options.bindAddress ?? host.host;
    this.deviceName = options.deviceName.replace('%d', '0');
    // Another beginning for every plane that a node makes in its life.
    const sequence = (Math.floor(this.#clock.now()) * 1_024) >>> 0;
    this.#overlay = new MemoryOverlay(options.nodeId, options.leaf ?? false, sequence, {
      reachable: (slot) => this.#reachable(slot),
      nodeId: (slot) => this.#peers.get(slot)?.nodeId,
      pass: (slot, plain) => {
        this.#pass(slot, plain);
      },
      drop: (reason) => {
        this.#drop(reason);
      },
      transit: (packets, bytes) => {
        this.#device.transitPackets += packets;
        this.#device.transitBytes += bytes;
      },
    });
  }

  get port(): number {
    return this.#socket?.endpoint.port ?? 0;
  }

  /** The endpoint of the socket on the net. */
  get endpoint(): Endpoint {
    return this.#socket?.endpoint ?? { host: this.#host, port: 0 };
  }

  async start(listener: PlaneListener): Promise<void> {
    this.#listener = listener;
    this.#open(this.#options.port);
  }

  async stop(): Promise<void> {
    this.#socket?.close();
    this.#socket = undefined;
    this.#listener = undefined;
    this.#keys.clear();
    this.#peers.clear();
  }

  async rebind(): Promise<void> {
    const port = this.port;
    this.#socket?.close();
    this.#open(port);
  }

  #open(port: number): void {
    this.#socket = this.#net.open(this.#host, port, (bytes, endpoint) => {
      this.#receive(bytes, { kind: 'direct', endpoint });
    });
  }

  addPeer(slot: number, nodeId: Uint8Array, guard: GuardRule): void {
    this.#peers.set(slot, {
      nodeId: nodeId.slice(),
      guard,
      path: null,
      sending: undefined,
      held: [],
      wantedAt: -Infinity,
      roamedAt: -Infinity,
      counters: zeroCounters(),
    });
    const mac = toHex(guard.mac);
    this.#learned.set(mac, slot);
    this.#pinned.add(mac);
    this.#overlay.changed();
    const waiting = this.#unknown.get(mac);
    this.#unknown.delete(mac);
    for (const frame of waiting?.frames ?? []) this.#dispatch(frame);
  }

  removePeer(slot: number): void {
    this.#pinned.delete(toHex(this.#peers.get(slot)?.guard.mac ?? new Uint8Array(0)));
    this.#peers.delete(slot);
    this.#overlay.forget(slot);
    for (const [index, key] of this.#keys) if (key.slot === slot) this.#keys.delete(index);
    for (const [mac, owner] of this.#learned) if (owner === slot) this.#learned.delete(mac);
  }

  setPath(slot: number, path: Path | null): void {
    const peer = this.#peers.get(slot);
    if (!peer) return;
    peer.path = path;
    this.#moved();
  }

  addKey(slot: number, keys: SessionKeys): void {
    const copy = { ...keys, sendKey: keys.sendKey.slice(), receiveKey: keys.receiveKey.slice() };
    this.#keys.set(keys.localIndex, {
      slot,
      keys: copy,
      window: new ReplayWindow(),
      counter: 0,
      confirmed: false,
    });
  }

  useKey(slot: number, localIndex: number): void {
    const peer = this.#peers.get(slot);
    const key = this.#keys.get(localIndex);
    if (!peer || key?.slot !== slot) return;
    peer.sending = key;
    this.#moved();
  }

  removeKey(localIndex: number): void {
    const key = this.#keys.get(localIndex);
    if (!key) return;
    this.#keys.delete(localIndex);
    const peer = this.#peers.get(key.slot);
    if (peer?.sending === key) peer.sending = undefined;
    this.#overlay.changed();
  }

  setRelay(relay: number, route: RelayRoute | null): void {
    if (route) this.#relays.set(relay, route);
    else this.#relays.delete(relay);
  }

  setNeighbours(neighbours: readonly Neighbour[]): void {
    this.#neighbours = neighbours;
  }

  setLinks(links: readonly PlaneLink[], complete: boolean): void {
    this.#overlay.set(links, complete);
    if (complete) for (const mac of [...this.#unknown.keys()]) this.#floodUnknown(mac);
    this.#moved();
  }

  sendControl(slot: number, bytes: Uint8Array, path?: Path): void {
    const peer = this.#peers.get(slot);
    if (!peer?.sending) return this.#drop('no-session');
    const way = path ?? peer.path;
    if (!way || !this.#usable(way)) return this.#drop('no-path');
    const plain = bytes.length === 0 ? bytes : Uint8Array.of(Kind.control, ...bytes);
    this.#sendSealed(peer.sending, plain, way);
  }

  sendPacket(bytes: Uint8Array, path: Path): void {
    if (!this.#usable(path)) return this.#drop('no-path');
    this.#send(bytes, path);
  }

  carried(carrier: number, source: Uint8Array, batch: Uint8Array): void {
    this.#clock.after(0, () => {
      let at = 0;
      while (at + 2 <= batch.length) {
        const length = (batch[at] as number) | ((batch[at + 1] as number) << 8);
        if (at + 2 + length > batch.length) return this.#drop('short');
        this.#receive(batch.slice(at + 2, at + 2 + length), {
          kind: 'carrier',
          carrier,
          source: source.slice(),
        });
        at += 2 + length;
      }
    });
  }

  now(): number {
    return this.#clock.now();
  }

  peerCounters(slot: number): PeerCounters {
    return { ...(this.#peers.get(slot)?.counters ?? zeroCounters()) };
  }

  deviceCounters(): DeviceCounters {
    return { ...this.#device, drops: { ...this.#drops } };
  }

  /** Test hook: the key's next packet counts as the last allowed one. */
  exhaust(localIndex: number): void {
    const key = this.#keys.get(localIndex);
    if (key) this.#tell((l) => l.exhausted(key.slot, localIndex));
  }

  /** Test hook: what a fallen worker would tell. */
  restart(restarts: number, reason: string): void {
    this.#tell((l) => l.restarted(restarts, reason));
  }

  /** The host sends a frame into the interface. */
  transmit(frame: Uint8Array): void {
    if (frame.length < 14) return this.#drop('malformed-frame');
    this.#device.txFrames++;
    this.#device.txBytes += frame.length;
    const answer = this.#answerArp(frame);
    if (answer) {
      this.#clock.after(0, () => {
        this.#toDevice(answer);
      });
      return;
    }
    this.#dispatch(frame);
  }

  #dispatch(frame: Uint8Array): void {
    const mac = toHex(frame.subarray(0, 6));
    const slot = this.#learned.get(mac);
    const peer = slot === undefined ? undefined : this.#peers.get(slot);
    if (slot !== undefined && peer) return this.#sendFrame(slot, peer, frame);
    const group = ((frame[0] as number) & 1) !== 0;
    if (!group && !this.#overlay.complete && this.#holdUnknown(mac, frame)) return;
    this.#flood(frame);
  }

  #flood(frame: Uint8Array): void {
    if (!this.#overlay.send(Uint8Array.of(Kind.frame, ...frame))) this.#drop('no-peer');
  }

  /** Keeps a frame until somebody finds its owner. False when nobody did, so that it is to be flooded. */
  #holdUnknown(mac: string, frame: Uint8Array): boolean {
    const now = this.#clock.now();
    const entry = this.#unknown.get(mac) ?? { frames: [], toldAt: -Infinity, flooded: false };
    this.#unknown.set(mac, entry);
    if (now - entry.toldAt >= wantedEveryMs) {
      entry.toldAt = now;
      const address = frame.slice(0, 6);
      this.#tell((l) => l.unknown(address));
    }
    if (entry.flooded) return false;
    if (entry.frames.length === 0) {
      this.#clock.after(unknownMs, () => {
        if (this.#unknown.get(mac) === entry) this.#floodUnknown(mac);
      });
    }
    if (entry.frames.length < holdLimit) entry.frames.push(frame.slice());
    else this.#drop('no-peer');
    return true;
  }

  #floodUnknown(mac: string): void {
    const entry = this.#unknown.get(mac);
    if (!entry) return;
    entry.flooded = true;
    for (const frame of entry.frames.splice(0)) this.#flood(frame);
  }

  /** Sealed packets for this peer can leave, and not through members. */
  #reachable(slot: number): boolean {
    const peer = this.#peers.get(slot);
    return peer?.sending !== undefined && peer.path !== null && peer.path.kind !== 'overlay';
  }

  #usable(path: Path): boolean {
    return path.kind !== 'overlay' || this.#overlay.has(path.via);
  }

  /** Keys, paths or links changed: what was held may go. */
  #moved(): void {
    this.#overlay.changed();
    for (const peer of this.#peers.values()) if (peer.held.length > 0) this.#flushHeld(peer);
  }

  /** Seals an envelope or a flood for a link. */
  #pass(slot: number, plain: Uint8Array): void {
    const peer = this.#peers.get(slot);
    if (!peer?.sending || !peer.path) return;
    peer.counters.txTransit++;
    peer.counters.lastTxMs = this.#clock.now();
    if (peer.path.kind === 'direct') peer.counters.txDirect++;
    else peer.counters.txRelayed++;
    this.#sendSealed(peer.sending, plain, peer.path);
  }

  #sendFrame(slot: number, peer: Peer, frame: Uint8Array): void {
    const now = this.#clock.now();
    if (!peer.sending || !peer.path || !this.#usable(peer.path)) {
      peer.held = peer.held.filter((h) => now - h.at < holdMs);
      if (peer.held.length < holdLimit) peer.held.push({ frame: frame.slice(), at: now });
      else this.#drop(peer.sending ? 'no-path' : 'no-session');
      if (now - peer.wantedAt >= wantedEveryMs) {
        peer.wantedAt = now;
        this.#tell((l) => l.wanted(slot));
      }
      return;
    }
    peer.counters.txFrames++;
    peer.counters.txBytes += frame.length;
    peer.counters.lastTxMs = now;
    if (peer.path.kind === 'direct') peer.counters.txDirect++;
    else peer.counters.txRelayed++;
    const plain = new Uint8Array(1 + frame.length);
    plain[0] = Kind.frame;
    plain.set(frame, 1);
    this.#sendSealed(peer.sending, plain, peer.path);
  }

  #flushHeld(peer: Peer): void {
    if (!peer.sending || !peer.path || !this.#usable(peer.path)) return;
    const now = this.#clock.now();
    const held = peer.held;
    peer.held = [];
    for (const h of held) {
      if (now - h.at < holdMs) this.#sendFrame(-1, peer, h.frame);
    }
  }

  #sendSealed(key: Key, plain: Uint8Array, path: Path): void {
    this.#send(sealPacket(key.keys, key.counter++, plain), path);
  }

  #send(bytes: Uint8Array, path: Path): void {
    if (path.kind === 'direct') {
      this.#socket?.send(bytes, path.endpoint);
    } else if (path.kind === 'carrier') {
      const batch = batchOf(bytes);
      const destination = path.destination.slice();
      this.#tell((l) => l.carry(path.carrier, destination, batch));
    } else if (path.kind === 'overlay') {
      this.#overlay.through(path.destination, bytes, path.via);
    } else {
      const route = this.#relays.get(path.relay);
      if (!route) return this.#drop('no-path');
      const out = new Uint8Array(relayHeaderLength + bytes.length);
      out[0] = PacketType.relaySend;
      new DataView(out.buffer).setUint32(4, route.association, true);
      out.set(path.destination, 8);
      out.set(bytes, relayHeaderLength);
      this.#socket?.send(out, route.endpoint);
    }
  }

  #receive(bytes: Uint8Array, origin: Origin): void {
    if (bytes.length < 1) return this.#drop('short');
    const type = bytes[0] as number;
    if (type === PacketType.data) return this.#receiveData(bytes, origin);
    if (type === PacketType.relayDeliver && origin.kind === 'direct')
      return this.#receiveRelayed(bytes, origin.endpoint);
    const stun = looksLikeStun(type) && bytes.length >= 20 && ethernetView(bytes).getUint32(4) === 0x2112a442;
    const handshakes: number[] = [
      PacketType.handshakeInit,
      PacketType.handshakeResponse,
      PacketType.cookieReply,
    ];
    const others = stun || type === PacketType.relayBound || type === PacketType.relayUnbound;
    if (!handshakes.includes(type) && (!others || origin.kind === 'overlay'))
      return this.#drop('unknown-type');
    this.#tell((l) => l.packet(bytes, origin));
  }

  #receiveRelayed(bytes: Uint8Array, from: Endpoint): void {
    if (bytes.length <= relayHeaderLength) return this.#drop('short');
    for (const [relay, route] of this.#relays) {
      if (!sameEndpoint(route.endpoint, from)) continue;
      return this.#receive(bytes.slice(relayHeaderLength), {
        kind: 'relay',
        relay,
        source: bytes.slice(8, relayHeaderLength),
      });
    }
    this.#drop('unknown-type');
  }

  #receiveData(bytes: Uint8Array, origin: Origin): void {
    if (bytes.length < dataHeaderLength + tagLength) return this.#drop('short');
    const view = ethernetView(bytes);
    const key = this.#keys.get(view.getUint32(4, true));
    const peer = key && this.#peers.get(key.slot);
    if (!key || !peer) return this.#drop('unknown-index');
    if (view.getUint32(8) >= 0x20_0000) return this.#drop('replayed');
    const counter = Number(view.getBigUint64(8));
    if (!key.window.check(counter)) return this.#drop('replayed');
    const plain = openPacket(key.keys, counter, bytes);
    if (!plain) return this.#drop('bad-tag');
    key.window.accept(counter);
    const now = this.#clock.now();
    peer.counters.lastRxMs = now;
    if (!key.confirmed) {
      key.confirmed = true;
      if (peer.sending !== key) this.#tell((l) => l.confirmed(key.slot, key.keys.localIndex));
    }
    if (origin.kind === 'direct') {
      peer.counters.lastRxDirectMs = now;
      const usual = peer.path?.kind === 'direct' && sameEndpoint(peer.path.endpoint, origin.endpoint);
      if (!usual && now - peer.roamedAt >= roamedEveryMs) {
        peer.roamedAt = now;
        this.#tell((l) => l.roamed(key.slot, origin.endpoint));
      }
    }
    if (plain.length === 0) return;
    if (plain[0] === Kind.control) return this.#tell((l) => l.control(key.slot, plain.slice(1), origin));
    if (plain[0] === Kind.transit && origin.kind !== 'overlay') {
      this.#countLink(peer, origin);
      this.onTransit(plain.slice(1 + transitHeaderLength), key.slot);
      const inner = this.#overlay.envelope(key.slot, plain);
      if (inner) this.#receive(inner, { kind: 'overlay', via: key.slot });
      return;
    }
    if (plain[0] === Kind.flood && origin.kind !== 'overlay') {
      this.#countLink(peer, origin);
      return this.#receiveFlood(key.slot, plain);
    }
    if (plain[0] !== Kind.frame || plain.length < 15) return this.#drop('malformed-frame');
    this.#receiveFrame(key.slot, peer, plain.slice(1), origin);
  }

  #countLink(peer: Peer, origin: Origin): void {
    peer.counters.rxTransit++;
    if (origin.kind === 'direct') peer.counters.rxDirect++;
    else peer.counters.rxRelayed++;
  }

  #receiveFlood(link: number, plain: Uint8Array): void {
    const taken = this.#overlay.flood(link, plain);
    if (!taken) return;
    if (taken.inner[0] !== Kind.frame) return this.#drop('malformed-frame');
    const frame = taken.inner.subarray(1);
    const source = frame.subarray(6, 12);
    const [slot, origin] =
      [...this.#peers].find(([, peer]) => equalBytes(peer.nodeId, taken.origin)) ??
      ([-1, undefined] as const);
    const guard = origin?.guard ?? { mac: macOf(taken.origin), ip: 0, bridge: false };
    if (equalBytes(source, this.#options.mac)) return this.#drop('guard-mac');
    const reason = this.#guard(guard, frame, origin === undefined);
    // A bridge that is no peer of ours may be one of others: they judge.
    if (reason && (origin || reason !== 'guard-mac')) return this.#drop(reason);
    taken.passOn();
    if (reason) return this.#drop(reason);
    const mac = toHex(source);
    if (origin && guard.bridge && !this.#pinned.has(mac) && (taken.fromOrigin || !this.#learned.has(mac)))
      this.#learned.set(mac, slot);
    if (origin) {
      origin.counters.rxFrames++;
      origin.counters.rxBytes += frame.length;
    }
    this.#toDevice(frame.slice());
  }

  #receiveFrame(slot: number, peer: Peer, frame: Uint8Array, origin: Origin): void {
    const source = toHex(frame.subarray(6, 12));
    const reason = this.#guard(peer.guard, frame);
    if (reason) return this.#drop(reason);
    if (!this.#pinned.has(source)) this.#learned.set(source, slot);
    peer.counters.rxFrames++;
    peer.counters.rxBytes += frame.length;
    if (origin.kind === 'direct') peer.counters.rxDirect++;
    else peer.counters.rxRelayed++;
    this.#toDevice(frame);
  }

  /** Why the frame must not come in; undefined when it may. Of a stranger the address is not known. */
  #guard(guard: GuardRule, frame: Uint8Array, stranger = false): DropReason | undefined {
    if (guard.bridge) return undefined;
    if (!equalBytes(frame.subarray(6, 12), guard.mac)) return 'guard-mac';
    const view = ethernetView(frame);
    const type = view.getUint16(12);
    const ip =
      type === 0x0800 && frame.length >= 34
        ? view.getUint32(26)
        : type === 0x0806 && frame.length >= 42
          ? view.getUint32(28)
          : 0;
    const owner = this.#neighbours.find((n) => n.ip === ip);
    if (ip === 0 || !owner || (!stranger && ip === guard.ip)) return undefined;
    return equalBytes(owner.mac, guard.mac) ? undefined : 'guard-ip';
  }

  /** An ARP reply for a member, or undefined when the frame is no request for one. */
  #answerArp(frame: Uint8Array): Uint8Array | undefined {
    const view = ethernetView(frame);
    if (frame.length < 42 || view.getUint16(12) !== 0x0806 || view.getUint16(20) !== 1) return undefined;
    const target = view.getUint32(38);
    const member = this.#neighbours.find((n) => n.ip === target);
    if (!member || target === this.#options.ip) return undefined;
    const reply = frame.slice(0, 42);
    reply.set(frame.subarray(6, 12), 0);
    reply.set(member.mac, 6);
    reply[21] = 2;
    reply.set(member.mac, 22);
    reply.set(frame.subarray(38, 42), 28);
    reply.set(frame.subarray(22, 32), 32);
    return reply;
  }

  #toDevice(frame: Uint8Array): void {
    this.#device.rxFrames++;
    this.#device.rxBytes += frame.length;
    this.onFrame(frame);
  }

  #tell(event: (listener: PlaneListener) => void): void {
    this.#clock.after(0, () => {
      if (this.#listener) event(this.#listener);
    });
  }

  #drop(reason: DropReason): void {
    this.#drops[reason]++;
  }
}

/**
 * From the interface to the network: reads a frame, finds the port, seals a copy for every peer concerned.
 *
 * The plaintext is sealed where the kernel wrote it: its kind byte takes the last byte of the virtio header, which
 * has been read by then.
 */
import { Errno } from '../native/libc.js';
import { answerCapacity, answerNeighbour } from '../switch/neighbour.js';
import { VirtioNetHdr } from '../tap/device.js';
import { ethernetHeaderLength, isGroup, macHigh, macLow, vlanTagLength } from '../wire/ethernet.js';
import { checksumFieldOffset, locateTransport } from '../wire/ip.js';
import { dataHeaderLength, Kind, PacketType, tagLength } from '../wire/packet.js';
import { drop, frameBuffer, headroom, maxDatagram, type LoopContext } from './context.js';
import { GsoCutter } from './gso.js';
import { Holder } from './hold.js';
import type { Path } from './plane.js';
import { Route, routeBytes, RouteKind } from './route.js';
import { DeviceField, Drop, PeerField } from './shared.js';
import type { KeyEntry, PeerEntry } from './table.js';

/** Longest frame beyond the MTU: Ethernet header and two tags. */
const frameOverhead = ethernetHeaderLength + 2 * vlanTagLength;
/** Bytes of kind 0x02 before the frame. */
const checksumAtBytes = 5;
/** Messages under one key; RFC 9001 and Noise allow more, Number does not (2^53). */
export const messageLimit = 2 ** 52;
/** `exhausted` is told this long before. */
export const messageMargin = 2 ** 20;
const wantedEveryMs = 1_000;
/** Largest control message or packet of the control thread. */
const maxControl = 60_000;

export class Transmit {
  readonly #c: LoopContext;
  readonly #cutter: GsoCutter;
  readonly #hold: Holder;
  /** The frame's place in the read buffer. */
  readonly #frame: number;
  readonly #copy: number;
  readonly #answer: number;
  readonly #scratch: number;
  readonly #spare: Route;
  readonly #maxFrame: number;
  #length = 0;
  #segment = 0;
  #plain = 0;
  #plainLength = 0;
  /** The device is gone. */
  deviceLost = false;

  constructor(context: LoopContext) {
    const { arena } = context;
    this.#c = context;
    this.#cutter = new GsoCutter(arena);
    this.#hold = new Holder(context);
    this.#frame = arena.alloc(frameBuffer) + headroom;
    this.#copy = arena.alloc(frameBuffer) + headroom;
    this.#answer = arena.alloc(headroom + answerCapacity) + headroom;
    this.#scratch = arena.alloc(frameBuffer) + headroom;
    this.#spare = new Route(arena, arena.alloc(routeBytes));
    this.#maxFrame = context.options.mtu + frameOverhead;
  }

  /** Reads one frame and sends it. Returns its length, 0 when there was none. */
  readOne(): number {
    const { io } = this.#c;
    const at = this.#frame - VirtioNetHdr.size;
    const n = io.readDevice(at, maxDatagram + VirtioNetHdr.size + frameOverhead);
    if (n <= 0) {
      if (n === -Errno.EBADFD || n === -Errno.EBADF) this.deviceLost = true;
      return 0;
    }
    this.#length = n - VirtioNetHdr.size;
    this.#switch();
    return n;
  }

  /** Finds the port of the frame in the read buffer. */
  #switch(): void {
    const c = this.#c;
    const { view } = c.arena;
    if (this.#length < ethernetHeaderLength) return drop(c.shared, Drop['malformed-frame']);
    if (!this.#classify()) return;
    const length = answerNeighbour(
      c.arena.u8,
      view,
      this.#frame,
      this.#length,
      this.#answer,
      c.members,
      c.options.ip,
    );
    if (length > 0) return this.#writeAnswer(length);
    const high = macHigh(view, this.#frame);
    if (isGroup(high)) return this.#flood();
    const port = c.fdb.lookup(high, macLow(view, this.#frame), c.now);
    const peer = port < 0 ? null : (c.tables.peers[port] ?? null);
    if (peer === null) return this.#flood();
    if (peer.sending === null || !peer.route.usable) return this.#wait(peer);
    this.#seal(peer, peer.sending);
  }

  /** Reads the virtio header and puts the kind in its place. False when the frame cannot be sent. */
  #classify(): boolean {
    const c = this.#c;
    const { view, u8 } = c.arena;
    const frame = this.#frame;
    const header = frame - VirtioNetHdr.size;
    const type = (u8[header + VirtioNetHdr.gsoType] as number) & ~VirtioNetHdr.gsoEcn;
    const partial = ((u8[header + VirtioNetHdr.flags] as number) & VirtioNetHdr.flagNeedsChecksum) !== 0;
    this.#segment = 0;
    if (type !== VirtioNetHdr.gsoNone) {
      if (type !== VirtioNetHdr.gsoTcp4 && type !== VirtioNetHdr.gsoTcp6) {
        drop(c.shared, Drop['malformed-frame']);
        return false;
      }
      this.#segment = view.getUint16(header + VirtioNetHdr.gsoSize, true);
      if (!this.#cutter.begin(frame, this.#length, this.#segment)) {
        drop(c.shared, Drop['malformed-frame']);
        return false;
      }
    }
    if ((this.#segment === 0 ? this.#length : this.#cutter.largest) > this.#maxFrame) {
      drop(c.shared, Drop.oversize);
      return false;
    }
    this.#plain = frame - 1;
    this.#plainLength = this.#length + 1;
    if (this.#segment !== 0) return true;
    if (!partial) {
      u8[frame - 1] = Kind.frame;
      return true;
    }
    const start = view.getUint16(header + VirtioNetHdr.checksumStart, true);
    const offset = view.getUint16(header + VirtioNetHdr.checksumOffset, true);
    const found = locateTransport(view, frame, this.#length);
    if (found !== 0 && found >> 8 === start && checksumFieldOffset(found & 0xff) === offset) {
      u8[frame - 1] = Kind.frameChecksum;
      return true;
    }
    this.#plain = frame - checksumAtBytes;
    this.#plainLength = this.#length + checksumAtBytes;
    u8[this.#plain] = Kind.frameChecksumAt;
    view.setUint16(this.#plain + 1, start, true);
    view.setUint16(this.#plain + 3, offset, true);
    return true;
  }

  /** Copies for every connected peer. Each gets its own from the same plaintext; a super-frame is cut anew for each. */
  #flood(): void {
    const c = this.#c;
    let port = c.mesh.next(-1);
    if (port < 0) return drop(c.shared, Drop['no-peer']);
    if (!c.floods.take(0, c.now)) return drop(c.shared, Drop['flood-limited']);
    const { u8 } = c.arena;
    const again = this.#segment !== 0 && c.mesh.next(port) >= 0;
    if (again) u8.copyWithin(this.#copy, this.#frame, this.#frame + this.#length);
    for (let first = true; port >= 0; port = c.mesh.next(port), first = false) {
      const peer = c.tables.peers[port] ?? null;
      if (peer === null || peer.sending === null || !peer.route.usable) continue;
      if (again && !first) {
        u8.copyWithin(this.#frame, this.#copy, this.#copy + this.#length);
        this.#cutter.begin(this.#frame, this.#length, this.#segment);
      }
      this.#seal(peer, peer.sending);
    }
  }

  /** Seals the classified frame, in pieces when it is a super-frame. */
  #seal(peer: PeerEntry, key: KeyEntry): void {
    const { u8 } = this.#c.arena;
    let frames = 0;
    let bytes = 0;
    if (this.#segment === 0) {
      if (!this.#sealOne(key, peer.route, this.#plain, this.#plainLength)) return;
      frames = 1;
      bytes = this.#length;
    } else {
      const cutter = this.#cutter;
      while (cutter.next()) {
        u8[cutter.at - 1] = Kind.frameChecksum;
        if (!this.#sealOne(key, peer.route, cutter.at - 1, cutter.length + 1)) return;
        frames++;
        bytes += cutter.length;
      }
    }
    this.#count(peer, frames, bytes);
  }

  #count(peer: PeerEntry, frames: number, bytes: number): void {
    const { peers, device } = this.#c.shared;
    const at = peer.counters;
    const way = at + (peer.route.kind === RouteKind.direct ? PeerField.txDirect : PeerField.txRelayed);
    peers[at + PeerField.txFrames] = (peers[at + PeerField.txFrames] as number) + frames;
    peers[at + PeerField.txBytes] = (peers[at + PeerField.txBytes] as number) + bytes;
    peers[way] = (peers[way] as number) + frames;
    peers[at + PeerField.lastTxMs] = this.#c.now;
    device[DeviceField.txFrames] = (device[DeviceField.txFrames] as number) + frames;
    device[DeviceField.txBytes] = (device[DeviceField.txBytes] as number) + bytes;
  }

  /** One data packet out of `length` bytes of plaintext at `plain`. False when the key is used up. */
  #sealOne(key: KeyEntry, route: Route, plain: number, length: number): boolean {
    const c = this.#c;
    const { view } = c.arena;
    const { keyNext } = c.shared;
    const counter = keyNext[key.slot] as number;
    if (counter >= messageLimit - messageMargin && !this.#mayGoOn(key, counter)) return false;
    keyNext[key.slot] = counter + 1;
    const high = Math.floor(counter / 0x1_0000_0000);
    const low = counter | 0;
    const at = c.tx.reserve(route, dataHeaderLength + length + tagLength);
    view.setInt32(at, PacketType.data, true);
    view.setInt32(at + 4, key.remoteIndex, true);
    view.setInt32(at + 8, low, true);
    view.setInt32(at + 12, high, true);
    c.evp.seal(key.sealing, high, low, plain, length, at + dataHeaderLength);
    return true;
  }

  #mayGoOn(key: KeyEntry, counter: number): boolean {
    const c = this.#c;
    if (!key.exhausted) {
      key.exhausted = true;
      c.uplink.tell({ type: 'exhausted', slot: key.peer.slot, localIndex: key.localIndex });
    }
    if (counter < messageLimit) return true;
    drop(c.shared, Drop['counter-exhausted']);
    return false;
  }

  #writeAnswer(length: number): void {
    const c = this.#c;
    const { view } = c.arena;
    const header = this.#answer - VirtioNetHdr.size;
    view.setUint32(header, 0);
    view.setUint32(header + 4, 0);
    view.setUint16(header + 8, 0);
    if (c.io.writeDevice(header, length + VirtioNetHdr.size) < 0) drop(c.shared, Drop['device-full']);
  }

  /** Keeps the frame for a peer that cannot be reached yet, and asks the control thread to reach it. */
  #wait(peer: PeerEntry): void {
    const c = this.#c;
    if (!this.#hold.keep(peer, this.#frame, this.#length, this.#segment, this.#plain)) {
      drop(c.shared, peer.sending === null ? Drop['no-session'] : Drop['no-path']);
    }
    if (c.now - peer.wantedAt < wantedEveryMs) return;
    peer.wantedAt = c.now;
    c.uplink.tell({ type: 'wanted', slot: peer.slot });
  }

  /** To be called whenever a peer's key or path changed: sends what was held when both are there. */
  ready(peer: PeerEntry): void {
    const key = peer.sending;
    const usable = key !== null && peer.route.usable;
    this.#c.mesh.set(peer.slot, usable);
    if (!usable) return;
    for (const held of this.#hold.take(peer)) {
      this.#length = held.length;
      this.#segment = held.segment;
      this.#c.arena.u8.set(held.bytes, this.#frame - held.before);
      if (held.segment !== 0 && !this.#cutter.begin(this.#frame, held.length, held.segment)) continue;
      this.#plain = this.#frame - held.before;
      this.#plainLength = held.length + held.before;
      this.#seal(peer, key);
    }
    this.#c.tx.flush();
  }

  /** Forgets what is held for a peer that goes. */
  forget(peer: PeerEntry): void {
    this.#c.mesh.set(peer.slot, false);
    this.#hold.take(peer);
  }

  /** Seals a control message; empty bytes are a keepalive. */
  sendControl(peer: PeerEntry | null, bytes: Uint8Array, path: Path | undefined): void {
    const c = this.#c;
    const key = peer?.sending ?? null;
    if (peer === null || key === null) return drop(c.shared, Drop['no-session']);
    const route = path === undefined ? peer.route : this.#route(path);
    if (!route.usable || bytes.length > maxControl) return drop(c.shared, Drop['no-path']);
    let length = 0;
    if (bytes.length > 0) {
      c.arena.u8[this.#scratch] = Kind.control;
      c.arena.u8.set(bytes, this.#scratch + 1);
      length = bytes.length + 1;
    }
    const hops = path?.kind === 'direct' ? (path.hops ?? 0) : 0;
    if (hops > 0) c.io.limitHops(hops);
    this.#sealOne(key, route, this.#scratch, length);
    if (route === this.#spare) c.tx.flush();
    if (hops > 0) c.io.limitHops(0);
  }

  /** Sends bytes as they are. */
  sendPacket(bytes: Uint8Array, path: Path): void {
    const c = this.#c;
    const route = this.#route(path);
    if (!route.usable || bytes.length > maxControl || bytes.length === 0)
      return drop(c.shared, Drop['no-path']);
    c.arena.u8.set(bytes, c.tx.reserve(route, bytes.length));
    c.tx.flush();
  }

  /** A route for one packet: it must be flushed before the next. */
  #route(path: Path): Route {
    this.#c.tx.flush();
    this.#spare.set(path, this.#c.relays);
    return this.#spare;
  }
}

/**
 * From the interface to the network.
 *
 * Outbound, for one frame or super-frame after the other:
 *
 *   1. `readOne` reads it behind its virtio header.
 *      A packet of our own socket is none to be sent (own-packet.ts). With a LAN behind the interface, `LanPort.take` first
 *      deals with what is not for the network.
 *   2. `#classify` checks what the header says of it (segments, a checksum to be completed) and puts the kind of the
 *      plaintext in the header's place. What is too long for the network is dropped, and its sender told (`#refuse`).
 *   3. `answerNeighbour` answers ARP and ND for members: then the answer goes back to the interface, and that is all.
 *   4. `#dispatch` looks up whose its destination is:
 *        a group                   `#flood`: Broadcast seals a copy for each link that leads to somebody who wants it, in
 *                                  the thread that is the steward; the others `#passToSteward`
 *        nobody's whom we know     `#unknown`: it waits for its owner to be found, then goes on with 4 or is flooded
 *        a peer's out of reach     `#wait`: it is held, the control thread is told, and `ready` goes on with 5
 *        a peer's                  `#seal`
 *   5. `#seal` has TCP begin with segments that the path takes whole (`clampMss`), a super-frame cut by GsoCutter, and each
 *      frame made a data packet by `Sealer.seal`, which takes a counter, has `TxBatch.reserve` make room and seals there; for a
 *      peer behind other members once more, in an envelope for the next hop.
 *   6. `#count` counts, and tells when traffic begins (`stir`).
 *   7. `TxBatch.flush` sends what is gathered, when it is full and at the end of the round (loop.ts): trains by
 *      UDP_SEGMENT, several by sendmmsg; what goes by a carrier is given to the control thread.
 */
import { Errno } from '../../native/libc.js';
import { TokenBucket } from '../../lib/token-bucket.js';
import { answerCapacity, answerNeighbour } from '../../switch/neighbour.js';
import { clampMss, longestSyn } from '../../switch/mss.js';
import { answerTooBig, tooBigCapacity } from '../../switch/too-big.js';
import { VirtioNetHdr } from '../../tap/device.js';
import { ethernetHeaderLength, isGroup, macHigh, macLow, vlanTagLength } from '../../wire/ethernet.js';
import { checksumFieldOffset, locateTransport } from '../../wire/ip.js';
import { lanHelloLimit } from '../../wire/lan-hello.js';
import { Kind } from '../../wire/packet.js';
import type { Broadcast } from './broadcast.js';
import { frameBuffer, headroom, maxDatagram } from './buffers.js';
import type { LoopContext } from './context.js';
import { GsoCutter } from '../offload/gso.js';
import { RingRecord, type ThreadRing } from './thread-ring.js';
import type { HeldFrame } from './held-frame.js';
import { Holder } from './hold.js';
import type { Path } from '../plane/plane.js';
import { isOwnPacket } from './own-packet.js';
import { Route, routeBytes, RouteKind } from './route.js';
import type { Sealer } from '../keys/seal.js';
import { stir } from './stir.js';
import { DeviceField, drop, Drop, FlowField, PeerField } from '../plane/shared.js';
import type { KeyEntry, PeerEntry } from './table.js';
import { UnknownAddresses } from './unknown.js';

/** Longest frame beyond the MTU: Ethernet header and two tags. */
const frameOverhead = ethernetHeaderLength + 2 * vlanTagLength;
/** Bytes of kind 0x02 before the frame. */
const checksumAtBytes = 5;
const wantedEveryMs = 1_000;
/** Senders of too long packets that are told so, a second and at once: each needs it once for each destination. */
const refusalsPerSecond = 100;
const refusalBurst = 100;
/** Largest control message or packet of the control thread. */
const maxControl = 60_000;

export class Transmit {
  readonly #c: LoopContext;
  readonly #broadcast: Broadcast;
  readonly #sealer: Sealer;
  readonly #cutter: GsoCutter;
  readonly #unknowns: UnknownAddresses;
  readonly #hold: Holder;
  readonly #refusals: TokenBucket;
  /** The frame's place in the read buffer. */
  readonly #frame: number;
  readonly #answer: number;
  readonly #scratch: number;
  readonly #spare: Route;
  readonly #maxFrame: number;
  #length = 0;
  #segment = 0;
  #plain = 0;
  #plainLength = 0;
  /** Where the transport header is, of a frame that may open a connection (locateTransport). */
  #transport = 0;
  /** What is sent now has waited for its owner long enough. */
  #releasing = false;
  /** The device is gone, and the control thread was told. */
  deviceLost = false;

  constructor(context: LoopContext, sealer: Sealer, broadcast: Broadcast) {
    const { arena } = context;
    this.#c = context;
    this.#sealer = sealer;
    this.#broadcast = broadcast;
    this.#unknowns = new UnknownAddresses(context);
    this.#cutter = new GsoCutter(arena);
    this.#hold = new Holder(context);
    this.#frame = arena.alloc(frameBuffer) + headroom;
    this.#answer = arena.alloc(headroom + Math.max(answerCapacity, tooBigCapacity)) + headroom;
    this.#refusals = new TokenBucket(refusalsPerSecond, refusalBurst, context.now);
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
      if ((n !== -Errno.EBADFD && n !== -Errno.EBADF) || this.deviceLost) return 0;
      this.deviceLost = true;
      this.#c.uplink.tell({ type: 'failed', message: 'the network interface was removed' });
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
    const port = c.shared.flow[FlowField.port] as number;
    if (isOwnPacket(view, this.#frame, this.#length, port, c.options.ip))
      return drop(c.shared, Drop['own-packet']);
    if (c.lan !== null && c.lan.take(this.#frame, this.#length)) return;
    if (!this.#classify()) return;
    const length = answerNeighbour(
      c.arena.u8,
      view,
      this.#frame,
      this.#length,
      this.#answer,
      c.members,
      c.options.ip,
      c.options.prefix6,
    );
    if (length > 0) return this.#writeAnswer(length);
    this.#dispatch();
  }

  /** Sends the classified frame where its destination says. */
  #dispatch(): void {
    const c = this.#c;
    const { view } = c.arena;
    const high = macHigh(view, this.#frame);
    if (isGroup(high)) return this.#flood();
    const port = c.fdb.lookup(high, macLow(view, this.#frame), c.now);
    const peer = port < 0 ? null : (c.tables.peers[port] ?? null);
    c.policy?.sent(view, this.#frame, this.#length, peer === null ? -1 : port);
    if (peer === null) return this.#unknown(high);
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
      const known =
        type === VirtioNetHdr.gsoTcp4 || type === VirtioNetHdr.gsoTcp6 || type === VirtioNetHdr.gsoUdpL4;
      this.#segment = view.getUint16(header + VirtioNetHdr.gsoSize, true);
      if (!known || !this.#cutter.begin(frame, this.#length, this.#segment)) {
        drop(c.shared, Drop['malformed-frame']);
        return false;
      }
    }
    if ((this.#segment === 0 ? this.#length : this.#cutter.largest) > this.#maxFrame) {
      drop(c.shared, Drop.oversize);
      this.#refuse();
      return false;
    }
    this.#plain = frame - 1;
    this.#plainLength = this.#length + 1;
    if (this.#segment !== 0) return true;
    const found = partial || this.#length <= longestSyn ? locateTransport(view, frame, this.#length) : 0;
    this.#transport = found;
    if (!partial) {
      u8[frame - 1] = Kind.frame;
      return true;
    }
    const start = view.getUint16(header + VirtioNetHdr.checksumStart, true);
    const offset = view.getUint16(header + VirtioNetHdr.checksumOffset, true);
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

  /** A TCP connection that the frame opens has no segments for frames of more than `longest` bytes. */
  #clamp(longest: number): void {
    const { arena, options } = this.#c;
    const summed = arena.u8[this.#plain] === Kind.frame;
    clampMss(arena.view, this.#frame, this.#length, this.#transport, options.mtu, longest, summed);
  }

  /** The destination is nobody's that we know: the control thread may know better, for a moment. */
  #unknown(high: number): void {
    const { links, arena } = this.#c;
    const low = macLow(arena.view, this.#frame);
    const keep = !links.complete && !this.#releasing;
    if (keep && this.#unknowns.keep(high, low, this.#frame, this.#length, this.#segment, this.#plain)) return;
    this.#flood();
  }

  /** One flood for each frame. All copies of one are sealed before the next is cut over it. */
  #flood(): void {
    const c = this.#c;
    const broadcast = this.#broadcast;
    if (c.toSteward !== null) return this.#passToSteward(c.toSteward);
    if (!c.multicast.fromHost(c.arena.view, this.#frame, this.#length, c.now)) {
      if (!c.multicast.isReport) drop(c.shared, Drop['no-listener']);
      return;
    }
    if (!broadcast.possible) return drop(c.shared, Drop['no-peer']);
    let frames = 0;
    let bytes = 0;
    if (this.#segment === 0) {
      this.#clamp(this.#maxFrame);
      if (!broadcast.send(this.#plain, this.#plainLength)) return;
      frames = 1;
      bytes = this.#length;
    } else {
      const cutter = this.#cutter;
      while (cutter.next()) {
        c.arena.u8[cutter.at - 1] = Kind.frameChecksum;
        if (!broadcast.send(cutter.at - 1, cutter.length + 1)) break;
        frames++;
        bytes += cutter.length;
      }
    }
    const { device } = c.shared;
    device[DeviceField.txFrames] = (device[DeviceField.txFrames] as number) + frames;
    device[DeviceField.txBytes] = (device[DeviceField.txBytes] as number) + bytes;
  }

  #passToSteward(to: ThreadRing): void {
    const { arena, shared } = this.#c;
    const before = this.#frame - this.#plain;
    const put = to.put(
      RingRecord.frame,
      this.#length,
      this.#segment,
      before,
      arena.u8,
      this.#plain,
      this.#plainLength,
    );
    if (!put) drop(shared, Drop['thread-full']);
  }

  /** Floods a frame that another loop read from the interface. */
  fromThread(ring: ThreadRing): void {
    const bytes = ring.bytes.subarray(ring.at, ring.at + ring.length);
    if (this.#restore({ bytes, before: ring.c, length: ring.a, segment: ring.b })) this.#flood();
  }

  /** Seals the classified frame, in pieces when it is a super-frame. */
  #seal(peer: PeerEntry, key: KeyEntry): void {
    const { u8 } = this.#c.arena;
    let frames = 0;
    let bytes = 0;
    if (this.#segment === 0) {
      this.#clamp(peer.route.frame);
      if (!this.#sealer.seal(key, peer.route, this.#plain, this.#plainLength)) return;
      frames = 1;
      bytes = this.#length;
    } else {
      const cutter = this.#cutter;
      // One byte is its kind.
      if (cutter.largest >= peer.route.limit) cutter.narrow(peer.route.limit - 1);
      while (cutter.next()) {
        u8[cutter.at - 1] = Kind.frameChecksum;
        if (!this.#sealer.seal(key, peer.route, cutter.at - 1, cutter.length + 1)) return;
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
    if (this.#c.stirred !== peer) stir(this.#c, peer);
    device[DeviceField.txFrames] = (device[DeviceField.txFrames] as number) + frames;
    device[DeviceField.txBytes] = (device[DeviceField.txBytes] as number) + bytes;
  }

  /** Tells the sender of what is too long for the network, which is no program of this host. */
  #refuse(): void {
    const { arena, options, now } = this.#c;
    if (!this.#refusals.take(1, now)) return;
    const length = answerTooBig(arena.u8, arena.view, this.#frame, this.#length, this.#answer, options.mtu);
    if (length > 0) this.#writeAnswer(length);
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
    this.#c.links.refresh(peer.slot);
    if (peer.reachable) this.rerouted();
    this.#release(peer);
  }

  /** The links changed: what waits for a route through them may go. */
  rerouted(): void {
    for (const peer of this.#c.tables.peers) {
      if (peer?.route.kind === RouteKind.overlay && peer.held.length > 0) this.#release(peer);
    }
  }

  #release(peer: PeerEntry): void {
    const key = peer.sending;
    if (key === null || !peer.route.usable) return;
    for (const held of this.#hold.take(peer)) if (this.#restore(held)) this.#seal(peer, key);
    this.#c.tx.flush();
  }

  /** Whose this address is became known: what waited for its owner goes there. */
  found(high: number, low: number): void {
    for (const held of this.#unknowns.found(high, low)) if (this.#restore(held)) this.#dispatch();
  }

  /** Floods what waited in vain for its owner; `everything`: what still waits, too. */
  releaseUnknown(everything = false): void {
    this.#releasing = true;
    for (const held of this.#unknowns.due(everything)) if (this.#restore(held)) this.#dispatch();
    this.#releasing = false;
  }

  /** When `releaseUnknown` has something to do. */
  get deadline(): number {
    return this.#unknowns.deadline;
  }

  /** Puts a held frame back into the read buffer, classified as it was. */
  #restore(held: Omit<HeldFrame, 'at'>): boolean {
    this.#length = held.length;
    this.#segment = held.segment;
    this.#plain = this.#frame - held.before;
    this.#plainLength = held.length + held.before;
    const { u8, view } = this.#c.arena;
    u8.set(held.bytes, this.#plain);
    this.#transport = held.length <= longestSyn ? locateTransport(view, this.#frame, held.length) : 0;
    return held.segment === 0 || this.#cutter.begin(this.#frame, held.length, held.segment);
  }

  /** Forgets what is held for a peer that goes. */
  forget(peer: PeerEntry): void {
    this.#hold.take(peer);
    this.#c.links.forget(peer.slot);
  }

  /** Puts a frame of the control thread on the LAN behind the interface. */
  sendLan(bytes: Uint8Array): void {
    this.#c.lan?.say(this.#scratch, bytes.subarray(0, lanHelloLimit));
  }

  /** Tells the LAN behind the interface which addresses are reached through this machine now. */
  announceLan(): void {
    this.#c.lan?.announce(this.#scratch);
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
    const whole = path !== undefined && path.kind !== 'overlay' && path.whole === true;
    if (hops > 0) c.io.limitHops(hops);
    if (whole) this.#try(true, route);
    this.#sealer.seal(key, route, this.#scratch, length);
    if (route === this.#spare) c.tx.flush();
    if (hops > 0) c.io.limitHops(0);
    if (whole) this.#try(false, route);
  }

  /** From now on what goes out only tries how long a packet may be, or no more. Between the two is a flush. */
  #try(on: boolean, { hole }: Route): void {
    this.#c.io.keepWhole(on, hole?.fd ?? 0);
    this.#c.tx.trial = on;
  }

  /** Sends bytes as they are. */
  sendPacket(bytes: Uint8Array, path: Path): void {
    const c = this.#c;
    const route = this.#route(path);
    if (!route.usable || bytes.length > maxControl || bytes.length === 0)
      return drop(c.shared, Drop['no-path']);
    if (route.kind === RouteKind.overlay) this.#sealer.through(route, bytes);
    else c.arena.u8.set(bytes, c.tx.reserve(route, bytes.length));
    c.tx.flush();
  }

  /** A route for one packet: it must be flushed before the next. */
  #route(path: Path): Route {
    this.#c.tx.flush();
    this.#spare.set(path, this.#c);
    return this.#spare;
  }
}

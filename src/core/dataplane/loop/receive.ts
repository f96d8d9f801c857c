/**
 * From the network to the interface.
 *
 * Inbound, for one packet after the other:
 *
 *   1. `receiveOne` takes datagrams of one sender (recvmmsg, UDP_GRO); `carried` a batch that a carrier brought.
 *   2. `#packet` looks at the first byte. Data goes on with 3. `#deliver` takes off the header of a relay, and looks again.
 *      All else is a `#stranger`: for the control thread, within limits.
 *   3. `#data` finds the key by the index, looks into the replay window, has `Evp.open` open the packet where it lies, and
 *      marks its counter.
 *   4. `#authentic` notes that the peer was heard, that a key is in use (`confirmed`), and where it comes from (`roamed`).
 *   5. `#plaintext` looks at the kind:
 *        frame       goes on with 6, unless it continues a flow: what holds for that was asked of its first segment
 *        control     for the control thread, within limits
 *        envelope    `#envelope`: what is in one for us goes on with 3, all else Transit passes on
 *        flood       `#flood`: Broadcast judges it and passes it on; what we want of it goes on with 7
 *        piece       `#join`: Joiner has it until the plaintext is whole, which is looked at where it lies then
 *        groups      for Multicast; the last two only in the steward: other threads `#passToSteward`
 *   6. Admission asks the guard, then the policy where there is one, learns the source behind a bridge, counts, and tells when traffic begins (`stir`).
 *      `clamp` has a TCP connection that begins send segments that the path back takes whole.
 *   7. Grower joins segments to super-frames, which `flush` has written at the end of the round, and writes others at once.
 *
 * Every length is checked before what it covers is read, and a packet moves state (replay window, paths, forwarding
 * table) only after its tag was verified. What an authentic but hostile member put inside is checked again: by the
 * guard, and by the flow that a segment wants to join.
 */
import { Errno } from '../../native/libc.js';
import { longestSyn } from '../../switch/mss.js';
import { ethernetHeaderLength } from '../../wire/ethernet.js';
import { locateTransport } from '../../wire/ip.js';
import {
  dataHeaderLength,
  Kind,
  PacketType,
  relayHeaderLength,
  tagLength,
  transitHeaderLength,
} from '../../wire/packet.js';
import { Admission } from './admission.js';
import { Flooded, type Broadcast } from './broadcast.js';
import { frameBuffer, headroom } from './buffers.js';
import type { LoopContext } from './context.js';
import { Grower } from '../offload/gro.js';
import { Joiner } from '../offload/joiner.js';
import { RingRecord, type ThreadRing } from './thread-ring.js';
import type { Origin } from '../plane/plane.js';
import type { HoleEntry } from './holes.js';
import { RouteKind } from './route.js';
import type { Sealer } from '../keys/seal.js';
import { Crowd, isFromServer, isHandshake } from './strangers.js';
import { readSockaddr, sameSockaddr } from '../../native/sockaddr.js';
import { drop, Drop, HoleField, PeerField } from '../plane/shared.js';
import type { KeyEntry, PeerEntry } from './table.js';
import { Transit } from './transit.js';
import { mayTell, misconduct } from './misconduct.js';

/** Counters stay below 2^52 (see transmit.ts); the high half of a greater one is refused unseen. */
const counterHighLimit = 2 ** 20;
const roamedEveryMs = 100;
/** Copies are expected so long after a packet came by another way than the peer's path. */
const besideMs = 10_000;

const Way = { direct: 1, relay: 2, carrier: 3, overlay: 4, hole: 5 } as const;
type Way = (typeof Way)[keyof typeof Way];

export class Receive {
  readonly #c: LoopContext;
  readonly #gro: Grower;
  readonly #admission: Admission;
  readonly #joiner: Joiner;
  readonly #carrierRx: number;
  readonly #transit: Transit;
  readonly #broadcast: Broadcast;
  readonly #crowd = new Crowd();
  /** Where the packets of the batch at hand came from. */
  #way: Way = Way.direct;
  #relay = -1;
  #carrier = 0;
  #hole: HoleEntry | null = null;
  /** Slot of the link that gave us a packet in an envelope. */
  #via = -1;
  /** Offset of the node id that relay or carrier vouch for. */
  #source = 0;
  /** The peer of the last packet of this batch, and whether its path is where the batch comes from. */
  #lastPeer: PeerEntry | null = null;
  #lastSame = false;

  constructor(context: LoopContext, sealer: Sealer, broadcast: Broadcast) {
    this.#c = context;
    this.#transit = new Transit(context, sealer);
    this.#broadcast = broadcast;
    this.#admission = new Admission(context, broadcast);
    const { arena } = context;
    this.#gro = new Grower(arena, context.io.datagramOffload, (at, length) => {
      this.#write(at, length);
    });
    this.#joiner = new Joiner(arena, context.shared, context.options.mtu);
    this.#carrierRx = arena.alloc(headroom + frameBuffer);
  }

  /** Takes one train that the network brought. Returns its bytes, 0 when there was none. */
  receiveOne(): number {
    const { io } = this.#c;
    const n = io.receive();
    // Errors other than EAGAIN tell of some earlier packet; they are not ours to act on.
    if (n < 0) return 0;
    if (n === 0) {
      drop(this.#c.shared, Drop.short);
      return 1;
    }
    if (!this.#beginAt(io.hole)) return n;
    const { received, segment } = io;
    for (let at = 0; at < n; at += segment) {
      this.#packet(received + at, n - at < segment ? n - at : segment);
    }
    return n;
  }

  /** Takes a batch of a carrier: packets behind 2-byte lengths. */
  carried(carrier: number, source: Uint8Array, batch: Uint8Array): void {
    const { u8 } = this.#c.arena;
    this.#begin(Way.carrier);
    this.#carrier = carrier;
    this.#source = this.#carrierRx;
    u8.fill(0, this.#source, this.#source + 16);
    u8.set(source.subarray(0, 16), this.#source);
    const to = this.#carrierRx + headroom;
    for (let at = 0; at < batch.length;) {
      const length = at + 2 <= batch.length ? (batch[at] as number) | ((batch[at + 1] as number) << 8) : 0;
      if (length === 0 || at + 2 + length > batch.length) return drop(this.#c.shared, Drop.short);
      u8.set(batch.subarray(at + 2, at + 2 + length), to);
      this.#packet(to, length);
      at += 2 + length;
    }
  }

  flush(): void {
    this.#gro.flush();
  }

  /** A train came by this hole, or by the data socket. False: not from whom the hole is for. */
  #beginAt(hole: number): boolean {
    const c = this.#c;
    this.#begin(hole < 0 ? Way.direct : Way.hole);
    if (hole < 0) return true;
    const entry = (this.#hole = c.holes.entries[hole] as HoleEntry);
    this.#carrier = entry.carrier;
    this.#source = entry.source;
    if (!entry.brought(c.io.from)) drop(c.shared, Drop['unknown-type']);
    return entry.brought(c.io.from);
  }

  #begin(way: Way): void {
    this.#way = way;
    this.#lastPeer = null;
  }

  /** From the peer's own endpoint. */
  get #isDirect(): boolean {
    return this.#way === Way.direct || this.#way === Way.hole;
  }

  #packet(at: number, length: number): void {
    const type = this.#c.arena.u8[at] as number;
    if (type === PacketType.data) this.#data(at, length);
    else if (type === PacketType.relayDeliver) this.#deliver(at, length);
    else this.#stranger(at, length, type);
  }

  /** A packet that a relay passed on: only from a relay's own address, and never one inside another. */
  #deliver(at: number, length: number): void {
    const c = this.#c;
    if (this.#way !== Way.direct) return drop(c.shared, Drop['unknown-type']);
    if (length <= relayHeaderLength) return drop(c.shared, Drop.short);
    const relay = c.relays.at(c.io.from, this.#relay);
    if (relay < 0) return drop(c.shared, Drop['unknown-type']);
    this.#way = Way.relay;
    this.#relay = relay;
    this.#source = at + 8;
    if (c.arena.u8[at + relayHeaderLength] === PacketType.data) {
      this.#data(at + relayHeaderLength, length - relayHeaderLength);
    } else {
      this.#packet(at + relayHeaderLength, length - relayHeaderLength);
    }
    this.#way = Way.direct;
  }

  /** Not data: for the control thread, within limits. */
  #stranger(at: number, length: number, type: number): void {
    const c = this.#c;
    const { u8, view } = c.arena;
    // Members carry what is between members.
    const known = isHandshake(type) || (this.#way !== Way.overlay && isFromServer(view, at, length));
    if (!known) return drop(c.shared, Drop['unknown-type']);
    if (type === PacketType.handshakeInit && this.#way === Way.direct) this.#crowd.count(c);
    const link = this.#way === Way.overlay ? (c.tables.peers[this.#via] ?? null) : null;
    if (link !== null && !mayTell(c, link)) return;
    const vouched = this.#way !== Way.direct && this.#way !== Way.overlay;
    const id = this.#source;
    if (vouched && !c.uplink.admitsFrom(view.getInt32(id), view.getInt32(id + 4), c.now))
      return drop(c.shared, Drop['control-limited']);
    if (!c.uplink.admits(false, c.now)) return drop(c.shared, Drop['control-queue-full']);
    c.uplink.limited({ type: 'packet', bytes: u8.slice(at, at + length), origin: this.#origin() });
  }

  #origin(): Origin {
    const { u8, view } = this.#c.arena;
    if (this.#way === Way.direct)
      return { kind: 'direct', endpoint: readSockaddr(u8, view, this.#c.io.from) };
    if (this.#way === Way.overlay) return { kind: 'overlay', via: this.#via };
    const source = u8.slice(this.#source, this.#source + 16);
    return this.#way === Way.relay
      ? { kind: 'relay', relay: this.#relay, source }
      : { kind: 'carrier', carrier: this.#carrier, source };
  }

  #data(at: number, length: number): void {
    const c = this.#c;
    const { view } = c.arena;
    if (length < dataHeaderLength + tagLength) return drop(c.shared, Drop.short);
    const key = c.tables.keys[view.getUint16(at + 4, true)] ?? null;
    if (key === null || key.localIndex !== view.getUint32(at + 4, true))
      return drop(c.shared, Drop['unknown-index']);
    const high = view.getUint32(at + 8);
    const low = view.getInt32(at + 12);
    if (high >= counterHighLimit) return drop(c.shared, Drop.replayed);
    const counter = high * 0x1_0000_0000 + (low >>> 0);
    if (!key.state.check(counter)) return this.#replayed(key);

    const from = at + dataHeaderLength;
    const plain = length - dataHeaderLength - tagLength;
    if (!c.evp.open(key.opening, from, plain)) return drop(c.shared, Drop['bad-tag']);
    if (!key.state.accept(counter)) return drop(c.shared, Drop.replayed);
    this.#authentic(key);
    if (plain > 0) this.#plaintext(key, from + 1, plain - 1);
  }

  /** Anybody can send a packet again: the peer is named because of its session, not accused. */
  #replayed(key: KeyEntry): void {
    const c = this.#c;
    drop(c.shared, Drop.replayed);
    // What came inside an envelope was repeated by the link that brought it: it comes over a session of its own.
    const link = this.#way === Way.overlay ? (c.tables.peers[this.#via] ?? null) : null;
    // Or it doubts its path, and sends everything by two (plane.ts, `setPath`).
    if (link === null && c.now - key.peer.elsewhereAt < besideMs) return;
    misconduct(c, link ?? key.peer, PeerField.replayed);
  }

  /** The packet at hand, which came by no direct path, came by another way than packets to the peer take. */
  #isElsewhere({ route }: PeerEntry): boolean {
    if (this.#way === Way.relay) return route.relay !== this.#c.relays.entries[this.#relay];
    if (this.#way === Way.hole) return route.hole !== this.#hole;
    return this.#way === Way.carrier && route.kind !== RouteKind.carrier;
  }

  /** What every authentic packet moves. */
  #authentic(key: KeyEntry): void {
    const c = this.#c;
    const { peer } = key;
    const { peers } = c.shared;
    peers[peer.counters + PeerField.lastRxMs] = c.now;
    if (!key.confirmed) {
      key.confirmed = true;
      if (peer.sending !== key)
        c.uplink.tell({ type: 'confirmed', slot: peer.slot, localIndex: key.localIndex });
    }
    if (this.#way === Way.relay) c.shared.relays[this.#relay] = c.now;
    else if (this.#way === Way.hole) this.#hole?.count(HoleField.received);
    if (this.#way !== Way.direct) {
      if (this.#isElsewhere(peer)) peer.elsewhereAt = c.now;
      return;
    }
    peers[peer.counters + PeerField.lastRxDirectMs] = c.now;
    if (this.#lastPeer !== peer) {
      this.#lastPeer = peer;
      this.#lastSame =
        peer.route.kind === RouteKind.direct && sameSockaddr(c.arena.view, peer.route.address, c.io.from);
    }
    if (this.#lastSame || c.now - peer.roamedAt < roamedEveryMs) return;
    peer.roamedAt = c.now;
    const endpoint = readSockaddr(c.arena.u8, c.arena.view, c.io.from);
    c.uplink.tell({ type: 'roamed', slot: peer.slot, endpoint });
  }

  /** The authentic plaintext: its kind byte is one before `frame`, `length` bytes follow. */
  #plaintext(key: KeyEntry, frame: number, length: number): void {
    const c = this.#c;
    const { u8, view } = c.arena;
    const kind = u8[frame - 1] as number;
    if (kind <= Kind.frameChecksumAt) this.#admission.arrived(key.peer, this.#isDirect);
    if (kind === Kind.frameChecksum) {
      const gro = this.#gro;
      const flow = gro.match(key.peer.slot, frame, key.guess, length);
      if (flow !== null) {
        // Its source passed the guard with the flow's first segment, whose addresses it shares.
        this.#admission.count(key.peer, length);
        gro.append(flow, frame, length);
        return;
      }
      const transport = locateTransport(view, frame, length);
      if (transport === 0) return drop(c.shared, Drop['malformed-frame']);
      if (!this.#admission.admit(key.peer, frame, length)) return;
      if (length <= longestSyn) this.#admission.clamp(key.peer, frame, length, transport, false);
      key.guess = gro.offer(key.peer.slot, frame, length, transport);
    } else if (kind === Kind.frame) {
      if (!this.#admission.admit(key.peer, frame, length)) return;
      if (length <= longestSyn)
        this.#admission.clamp(key.peer, frame, length, locateTransport(view, frame, length), true);
      this.#gro.writePlain(frame, length);
    } else if (kind === Kind.frameChecksumAt) {
      this.#partialAt(key.peer, frame + 4, length - 4);
    } else if (kind === Kind.control) {
      if (!mayTell(c, key.peer)) return;
      if (!c.uplink.admits(true, c.now)) return drop(c.shared, Drop['control-queue-full']);
      const bytes = u8.slice(frame, frame + length);
      c.uplink.limited({ type: 'control', slot: key.peer.slot, bytes, origin: this.#origin() });
    } else if (kind === Kind.transit && this.#way !== Way.overlay) {
      this.#envelope(key.peer, frame, length);
    } else if (kind === Kind.flood && this.#way !== Way.overlay) {
      if (c.toSteward === null) this.#flood(key.peer, frame, length);
      else this.#passToSteward(c.toSteward, RingRecord.flood, key.peer, frame, length);
    } else if (kind === Kind.floodPart && this.#way !== Way.overlay) {
      if (c.toSteward === null) this.#floodPart(key.peer, frame, length);
      else this.#passToSteward(c.toSteward, RingRecord.floodPart, key.peer, frame, length);
    } else if (kind === Kind.piece && this.#way !== Way.overlay) {
      this.#join(key, frame, length);
    } else if (kind === Kind.groups) {
      if (c.toSteward === null) this.#groups(key.peer.slot, u8.subarray(frame, frame + length));
      else this.#passToSteward(c.toSteward, RingRecord.groups, key.peer, frame, length);
    } else {
      drop(c.shared, Drop['malformed-frame']);
    }
  }

  /** A piece: what it makes whole is a plaintext like any other, but no piece. */
  #join(key: KeyEntry, at: number, length: number): void {
    const c = this.#c;
    const whole = this.#joiner.take(key.peer.slot, key.localIndex, at - 1, length + 1, c.now);
    if (whole === 0) return;
    const kind = this.#joiner.at;
    if (c.arena.u8[kind] === Kind.piece) return drop(c.shared, Drop['malformed-frame']);
    this.#plaintext(key, kind + 1, whole - 1);
  }

  /** An envelope, `length` bytes from its ttl on. */
  #envelope(link: PeerEntry, at: number, length: number): void {
    this.#transit.count(link, this.#isDirect);
    if (this.#transit.take(link, at, length))
      this.#unwrap(link, at + transitHeaderLength, length - transitHeaderLength);
  }

  /** The packet in an envelope. */
  #unwrap(link: PeerEntry, at: number, length: number): void {
    const way = this.#way;
    this.#way = Way.overlay;
    this.#via = link.slot;
    const type = this.#c.arena.u8[at] as number;
    if (type === PacketType.data) this.#data(at, length);
    else this.#stranger(at, length, type);
    this.#way = way;
  }

  #groups(slot: number, message: Uint8Array): void {
    const c = this.#c;
    if (!c.multicast.received(slot, message, c.now)) drop(c.shared, Drop['malformed-frame']);
  }

  #passToSteward(to: ThreadRing, kind: RingRecord, peer: PeerEntry, at: number, length: number): void {
    const { arena, shared } = this.#c;
    const direct = this.#isDirect ? 1 : 0;
    if (!to.put(kind, peer.slot, direct, 0, arena.u8, at, length)) drop(shared, Drop['thread-full']);
  }

  /** Takes a flood or a message about groups that another loop opened. */
  fromThread(ring: ThreadRing): void {
    const { arena, tables } = this.#c;
    const payload = ring.bytes.subarray(ring.at, ring.at + ring.length);
    const peer = tables.peers[ring.a];
    // Gone in the meantime.
    if (!peer) return;
    if (ring.kind === RingRecord.groups) return this.#groups(peer.slot, payload.slice());
    const at = this.#carrierRx + headroom;
    arena.u8.set(payload, at);
    this.#begin(ring.b === 1 ? Way.direct : Way.relay);
    if (ring.kind === RingRecord.floodPart) this.#floodPart(peer, at, ring.length);
    else this.#flood(peer, at, ring.length);
  }

  /** Takes up what waited for this member to become known. */
  known(peer: PeerEntry): void {
    const { arena, tables } = this.#c;
    const at = this.#carrierRx + headroom;
    for (const { slot, bytes, direct } of this.#broadcast.waited(peer)) {
      const link = tables.peers[slot];
      if (!link) continue;
      arena.u8.set(bytes, at);
      this.#begin(direct ? Way.direct : Way.relay);
      this.#judgeFlood(link, at, bytes.length);
    }
  }

  #floodPart(link: PeerEntry, at: number, length: number): void {
    this.#transit.count(link, this.#isDirect);
    const whole = this.#broadcast.join(link, at, length);
    if (whole > 0) this.#judgeFlood(link, this.#broadcast.joined, whole);
  }

  #flood(link: PeerEntry, at: number, length: number): void {
    this.#transit.count(link, this.#isDirect);
    this.#judgeFlood(link, at, length);
  }

  #judgeFlood(link: PeerEntry, at: number, length: number): void {
    const broadcast = this.#broadcast;
    if (broadcast.take(link, at, length, this.#isDirect) !== Flooded.deliver) return;
    const { frame, length: size, checksumStart, transport, origin } = broadcast;
    const checksum = checksumStart === 0 ? size : checksumStart + broadcast.checksumOffset;
    if (!this.#admission.permits(origin, frame, size, checksum)) return;
    this.#admission.flooded(origin, size);
    if (checksumStart === 0) return this.#gro.writePlain(frame, size);
    if (origin !== null && transport !== 0) {
      this.#gro.offer(origin.slot, frame, size, transport);
      return;
    }
    // It may belong to a flow that grows.
    this.#gro.flush();
    this.#gro.writePartialAt(frame, size, checksumStart, broadcast.checksumOffset);
  }

  #partialAt(peer: PeerEntry, frame: number, length: number): void {
    const c = this.#c;
    const { view } = c.arena;
    if (length < ethernetHeaderLength) return drop(c.shared, Drop['malformed-frame']);
    const start = view.getUint16(frame - 4, true);
    const offset = view.getUint16(frame - 2, true);
    if (start < ethernetHeaderLength || start + offset + 2 > length)
      return drop(c.shared, Drop['malformed-frame']);
    if (!this.#admission.admit(peer, frame, length, start + offset)) return;
    // It may belong to a flow that grows.
    this.#gro.flush();
    this.#gro.writePartialAt(frame, length, start, offset);
  }

  #write(at: number, length: number): void {
    const c = this.#c;
    const n = c.io.writeDevice(at, length);
    if (n >= 0) return;
    drop(c.shared, n === -Errno.EINVAL ? Drop['malformed-frame'] : Drop['device-full']);
  }
}

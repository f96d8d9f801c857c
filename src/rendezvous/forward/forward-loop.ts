/**
 * The packet loop of the forwarding thread: up to 64 datagrams by one receive, their headers rewritten where they lie,
 * and each run for one receiver sent by one call from the same memory. Allocates nothing for what goes by UDP.
 */
import type { Arena } from '../../core/native/arena.js';
import { Errno } from '../../core/native/libc.js';
import type { UdpSocket } from '../../core/native/udp-socket.js';
import { nodeIdLength, PacketType, relayHeaderLength } from '../../core/wire/packet.js';
import type { CounterBlock } from '../counters.js';
import { ForeignFilter, isForeign } from './foreign-filter.js';
import { ForwardCore, Verdict } from './forward-core.js';
import {
  ControlWord,
  queueLimit,
  type ForwardCommand,
  type ForwardEvent,
  type ForwardSetup,
} from './forward-messages.js';
import { boundLength, endpointOfSockaddr, maxSegments, SocketIo } from './forward-socket.js';
import type { ForwardTable } from './forward-table.js';

/** The largest UDP payload there is, IPv6. */
const datagramRoom = 65_536;
/** Where packets are received: a run may grow over several receives. */
const receiveRoom = 4 * datagramRoom;
/** Bytes of one run: what a send of many segments may carry, IPv4. */
const runLimit = 65_507;
/** One send by WebSocket clients' packets: under the IPv4 limit. */
const burstLimit = 60_000;
/** Receives before commands are looked at again. */
const receivesPerRound = 64;
/** Packets for one WebSocket are collected up to this many bytes. */
const handLimit = 60_000;

export class ForwardLoop {
  readonly #arena: Arena;
  readonly #table: ForwardTable;
  readonly #counters: CounterBlock;
  readonly #core: ForwardCore;
  readonly #control: Int32Array;
  readonly #now: () => number;
  readonly #post: (event: ForwardEvent, transfer: ArrayBuffer[]) => void;
  readonly #io: SocketIo;
  readonly #foreign: ForeignFilter;
  #alternate: SocketIo | undefined;
  readonly #in: number;
  readonly #out: number;
  readonly #addressLength: number;
  /** Packets with their headers rewritten, next to each other, that wait to be sent to one slot; below 0: none. */
  #runTarget = -1;
  #runAt = 0;
  #runLength = 0;
  #runSegment = 0;
  #runCount = 0;
  /** Packets on their way up, of one source for one destination. */
  readonly #hand = new Uint8Array(handLimit);
  #handLength = 0;
  #handPackets = 0;
  #handSource = 0;
  #handTarget = 0;

  constructor(
    arena: Arena,
    setup: ForwardSetup,
    table: ForwardTable,
    counters: CounterBlock,
    now: () => number,
    post: (event: ForwardEvent, transfer: ArrayBuffer[]) => void,
  ) {
    this.#arena = arena;
    this.#table = table;
    this.#counters = counters;
    this.#now = now;
    this.#post = post;
    this.#control = new Int32Array(setup.control);
    this.#addressLength = boundLength(setup.socket.ipv6);
    this.#io = new SocketIo(arena, setup.socket);
    this.#foreign = new ForeignFilter(setup.socket.fd);
    this.#in = arena.alloc(receiveRoom);
    this.#out = arena.alloc(datagramRoom + 64);
    const { ipv6 } = setup.socket;
    this.#core = new ForwardCore(
      table,
      counters,
      {
        endpointOf: (bytes, at) => endpointOfSockaddr(bytes, at, ipv6),
        bound: (slot, endpoint) => {
          post({ type: 'bound', association: table.index[slot] as number, endpoint }, []);
        },
      },
      setup.seed,
      now(),
    );
    if (setup.alternate) this.openAlternate(setup.alternate);
  }

  openAlternate(socket: UdpSocket): void {
    this.#alternate ??= new SocketIo(this.#arena, socket);
    this.#core.hasOther = true;
  }

  command(command: Exclude<ForwardCommand, { type: 'crash' | 'alternate' | 'rest' | 'begin' }>): void {
    const table = this.#table;
    if (command.type === 'add') table.add(command.association);
    else if (command.type === 'remove') table.remove(command.index);
    else if (command.type === 'release') {
      const slot = table.find(command.index);
      if (slot >= 0) table.released[slot] = 1;
    } else {
      Atomics.sub(this.#control, ControlWord.downBytes, command.batch.length);
      this.#deliver(command.destination, command.sourceId, command.batch);
    }
  }

  /** Takes what has arrived. True when there may be more. */
  round(): boolean {
    const now = this.#now();
    this.#foreign.tick(now);
    let more = this.#alternate !== undefined && this.#answerAlternate(this.#alternate, now);
    for (let i = 0; ; i++) {
      if (i === receivesPerRound) {
        more = true;
        break;
      }
      // Behind the run that waits, so that what follows can join it.
      let at = this.#runTarget < 0 ? this.#in : this.#runAt + this.#runLength;
      if (at + datagramRoom > this.#in + receiveRoom) {
        this.#flushRun();
        at = this.#in;
      }
      const n = this.#io.receive(at, datagramRoom);
      // EAGAIN ends it; another error belongs to one packet and the next call works.
      if (n < 0 && n !== -Errno.EINTR) break;
      if (n > 0) this.#received(at, n, this.#io.segment, now);
    }
    this.#flushRun();
    this.#flushHand();
    return more;
  }

  #received(from: number, length: number, segment: number, now: number): void {
    const { u8, view } = this.#arena;
    const core = this.#core;
    const end = from + length;
    core.forget(); // it is another sender, perhaps
    for (let at = from; at < end; at += segment) {
      const size = at + segment <= end ? segment : end - at;
      const verdict = core.again(view, at, size, now)
        ? core.lastTarget
        : core.handle(u8, view, at, size, u8, this.#io.from, now);
      if (verdict >= 0) this.#append(verdict, at, size);
      else if (verdict === Verdict.reply) this.#reply(this.#io);
      else if (verdict === Verdict.replyOther) this.#reply(this.#alternate ?? this.#io, this.#io);
      else if (verdict === Verdict.up) this.#handUp(at + relayHeaderLength, size - relayHeaderLength);
      else if (isForeign(u8[at] as number)) this.#foreign.count(now);
    }
  }

  /** Adds a packet to the run of equal sizes that waits for one receiver; the last may be shorter. */
  #append(target: number, at: number, size: number): void {
    const fits =
      target === this.#runTarget &&
      at === this.#runAt + this.#runLength &&
      size <= this.#runSegment &&
      this.#runCount < maxSegments &&
      this.#runLength === this.#runCount * this.#runSegment &&
      this.#runLength + size <= runLimit;
    if (!fits) {
      this.#flushRun();
      this.#runTarget = target;
      this.#runAt = at;
      this.#runSegment = size;
    }
    this.#runLength += size;
    this.#runCount++;
  }

  #flushRun(): void {
    if (this.#runTarget < 0) return;
    this.#address(this.#runTarget);
    this.#sent(this.#io.send(this.#runAt, this.#runLength, this.#runSegment), this.#runCount);
    this.#runTarget = -1;
    this.#runLength = this.#runCount = 0;
  }

  /** Puts a slot's sockaddr, and the address that it asked, where the socket takes them from. */
  #address(slot: number): void {
    const { u8 } = this.#arena;
    const { address } = this.#table;
    const { to } = this.#io;
    const o = this.#table.addressAt(slot);
    for (let i = 0; i < this.#addressLength; i++) u8[to + i] = address[o + i] as number;
  }

  #sent(result: number, packets: number): void {
    if (result === 0) return;
    this.#counters.drop(result === -Errno.EAGAIN ? 'queue-full' : 'send-failed', packets);
  }

  /** Sends the core's answer by this socket, back to where the last packet of `asked` came from. */
  #reply(io: SocketIo, asked = io): void {
    const { u8 } = this.#arena;
    const { answer } = this.#core;
    u8.copyWithin(io.to, asked.from, asked.from + this.#addressLength);
    u8.set(answer, this.#out);
    this.#sent(io.send(this.#out, answer.length, answer.length), 1);
  }

  #answerAlternate(io: SocketIo, now: number): boolean {
    const { u8 } = this.#arena;
    for (let i = 0; i < receivesPerRound; i++) {
      const n = io.receive(this.#in, datagramRoom);
      if (n < 0) return false;
      const size = Math.min(io.segment, n);
      for (let at = this.#in; at < this.#in + n; at += size) {
        const packet = u8.subarray(at, Math.min(at + size, this.#in + n));
        if (this.#core.stun(packet, u8, io.from, now) === Verdict.reply) this.#reply(io);
      }
    }
    return true;
  }

  #handUp(at: number, length: number): void {
    const { source, target } = this.#core;
    if (
      source !== this.#handSource ||
      target !== this.#handTarget ||
      this.#handLength + 2 + length > handLimit
    ) {
      this.#flushHand();
    }
    if (2 + length > handLimit) {
      this.#counters.drop('malformed');
      return;
    }
    this.#handSource = source;
    this.#handTarget = target;
    const hand = this.#hand;
    hand[this.#handLength] = length & 0xff;
    hand[this.#handLength + 1] = length >> 8;
    hand.set(this.#arena.u8.subarray(at, at + length), this.#handLength + 2);
    this.#handLength += 2 + length;
    this.#handPackets++;
  }

  #flushHand(): void {
    const length = this.#handLength;
    if (length === 0) return;
    const packets = this.#handPackets;
    this.#handLength = this.#handPackets = 0;
    if (Atomics.load(this.#control, ControlWord.upBytes) > queueLimit) {
      this.#counters.drop('queue-full', packets);
      return;
    }
    Atomics.add(this.#control, ControlWord.upBytes, length);
    const batch = this.#hand.slice(0, length);
    const { index } = this.#table;
    this.#post(
      {
        type: 'hand',
        source: index[this.#handSource] as number,
        destination: index[this.#handTarget] as number,
        batch,
      },
      [batch.buffer],
    );
  }

  /** Packets of a WebSocket client: equal sizes in a row leave by one call. */
  #deliver(destination: number, sourceId: Uint8Array, batch: Uint8Array): void {
    const slot = this.#table.find(destination);
    const reachable = slot >= 0 && this.#core.reachable(slot, this.#now());
    if (reachable) this.#address(slot);
    const { u8 } = this.#arena;
    const out = this.#out;
    let used = 0;
    let segment = 0;
    let packets = 0;
    const flush = (): void => {
      if (used === 0) return;
      this.#counters.forwarded('ws-udp', packets, used);
      this.#sent(this.#io.send(out, used, segment), packets);
      used = segment = packets = 0;
    };
    for (let at = 0; at + 2 <= batch.length;) {
      const length = (batch[at] as number) | ((batch[at + 1] as number) << 8);
      at += 2;
      const size = relayHeaderLength + length;
      if (!reachable) this.#counters.drop('destination-offline');
      else if (size <= burstLimit) {
        if (size > segment || used + size > burstLimit || packets === maxSegments) flush();
        if (segment === 0) segment = size;
        u8.fill(0, out + used, out + used + 8);
        u8[out + used] = PacketType.relayDeliver;
        for (let i = 0; i < nodeIdLength; i++) u8[out + used + 8 + i] = sourceId[i] as number;
        u8.set(batch.subarray(at, at + length), out + used + relayHeaderLength);
        used += size;
        packets++;
        if (size < segment) flush(); // a shorter one can only be the last
      } else this.#counters.drop('malformed');
      at += length;
    }
    flush();
  }
}

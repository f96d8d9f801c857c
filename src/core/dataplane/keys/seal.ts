/**
 * Makes data packets out of plaintexts. For a peer behind other members the packet is put into an envelope that is
 * sealed once more, for the next hop: who forwards it sees the destination and ciphertext.
 */
import {
  dataHeaderLength,
  Kind,
  PacketType,
  tagLength,
  transitHeaderLength,
  transitTtl,
} from '../../wire/packet.js';
import { pieceHeaderLength, piecesFor, pieceSize, writePieceHead } from '../../wire/piece.js';
import { frameBuffer } from '../loop/buffers.js';
import type { LoopContext } from '../loop/context.js';
import { RouteKind, type Route } from '../loop/route.js';
import { stir } from '../loop/stir.js';
import { drop, Drop, PeerField } from '../plane/shared.js';
import type { KeyEntry, PeerEntry } from '../loop/table.js';
import { longestWhole } from '../offload/joiner.js';

/** `exhausted` is told this long before. */
export const messageMargin = 2 ** 20;
/** Kind byte and header in front of the packet in an envelope. */
const envelopeHeader = 1 + transitHeaderLength;

export class Sealer {
  readonly #c: LoopContext;
  readonly #envelope: number;
  /** Where one piece is put together: what it is cut from may be needed again, for another link. */
  readonly #piece: number;
  readonly #longest: number;

  constructor(context: LoopContext) {
    this.#c = context;
    this.#envelope = context.arena.alloc(frameBuffer);
    this.#longest = longestWhole(context.options.mtu);
    this.#piece = context.arena.alloc(pieceHeaderLength + this.#longest);
  }

  /**
   * One data packet out of `length` bytes of plaintext at `plain`, or several where the path takes none so long. False when
   * the key is used up, no hop leads there, or OpenSSL failed.
   */
  seal(key: KeyEntry, route: Route, plain: number, length: number): boolean {
    if (route.kind === RouteKind.overlay) return this.#sealThrough(key, route, plain, length);
    if (length > route.limit) return this.#sealPieces(key, route, plain, length);
    return this.#sealOne(key, route, plain, length);
  }

  #sealOne(key: KeyEntry, route: Route, plain: number, length: number): boolean {
    const c = this.#c;
    const counter = key.state.take();
    if (counter >= key.state.limit - messageMargin && !this.#mayGoOn(key, counter)) return false;
    const size = dataHeaderLength + length + tagLength;
    const at = c.tx.reserve(route, size);
    if (!this.#put(key, counter, plain, length, at)) return false;
    const { beside } = key.peer;
    if (beside !== null && route === key.peer.route) this.#again(beside, at, size);
    return true;
  }

  /** The packet at `at` goes by a second way as well: as it is, so that the receiver takes the first copy and drops the other. */
  #again(beside: Route, at: number, size: number): void {
    const { tx, arena } = this.#c;
    if (!beside.usable || size > beside.limit + dataHeaderLength + tagLength) return;
    // What was sealed lies there still, also when the reservation has sent it.
    arena.u8.copyWithin(tx.reserve(beside, size), at, at + size);
  }

  /**
   * Makes the packet at `at`. False when OpenSSL did not seal it: the place holds zeros then, which no receiver takes for
   * a packet, and never the plaintext. A place in the middle of a train cannot be given back.
   */
  #put(key: KeyEntry, counter: number, plain: number, length: number, at: number): boolean {
    const c = this.#c;
    const { view, u8 } = c.arena;
    const high = Math.floor(counter / 0x1_0000_0000);
    const low = counter | 0;
    const to = at + dataHeaderLength;
    view.setInt32(at, PacketType.data, true);
    view.setInt32(at + 4, key.remoteIndex, true);
    u8.copyWithin(to, plain, plain + length);
    if (c.evp.seal(key.sealing, high, low, to, length)) return true;
    u8.fill(0, at, to + length + tagLength);
    drop(c.shared, Drop['seal-failed']);
    return false;
  }

  #sealPieces(key: KeyEntry, route: Route, plain: number, length: number): boolean {
    const count = length > this.#longest ? 0 : piecesFor(length, route.limit);
    // Nobody would join them: it had better be a fragment of IP than nothing.
    if (count === 0) return this.#sealOne(key, route, plain, length);
    const { view, u8 } = this.#c.arena;
    // A counter that seals nothing is a number that no thread uses twice.
    const number = key.state.take();
    if (number >= key.state.limit - messageMargin && !this.#mayGoOn(key, number)) return false;
    const each = pieceSize(length, count);
    const to = this.#piece + pieceHeaderLength;
    for (let which = 0; which < count; which++) {
      const from = which * each;
      const end = from + each < length ? from + each : length;
      writePieceHead(view, this.#piece, number | 0, which, count, length);
      u8.copyWithin(to, plain + from, plain + end);
      if (!this.#sealOne(key, route, this.#piece, pieceHeaderLength + end - from)) return false;
    }
    return true;
  }

  #sealThrough(key: KeyEntry, route: Route, plain: number, length: number): boolean {
    const c = this.#c;
    const hop = c.links.hop(route.destination, route.via);
    if (hop === null) {
      drop(c.shared, Drop['no-route']);
      return false;
    }
    const counter = key.state.take();
    if (counter >= key.state.limit - messageMargin && !this.#mayGoOn(key, counter)) return false;
    if (!this.#put(key, counter, plain, length, this.#envelope + envelopeHeader)) return false;
    return this.#post(hop, route, dataHeaderLength + length + tagLength);
  }

  /** Bytes as they are, by an overlay route. False when no hop leads there. */
  through(route: Route, bytes: Uint8Array): boolean {
    const c = this.#c;
    const hop = c.links.hop(route.destination, route.via);
    if (hop === null) {
      drop(c.shared, Drop['no-route']);
      return false;
    }
    c.arena.u8.set(bytes, this.#envelope + envelopeHeader);
    return this.#post(hop, route, bytes.length);
  }

  /** Sends the packet of `length` bytes that lies in the envelope. */
  #post(hop: PeerEntry, route: Route, length: number): boolean {
    const { u8 } = this.#c.arena;
    const at = this.#envelope;
    u8[at] = Kind.transit;
    u8[at + 1] = transitTtl;
    u8[at + 2] = 0;
    u8.copyWithin(at + 3, route.destination, route.destination + 16);
    return this.pass(hop, at, envelopeHeader + length);
  }

  /** Seals an envelope or a flood, `length` bytes with its kind at `plain`, for a link. */
  pass(link: PeerEntry, plain: number, length: number): boolean {
    const key = link.sending;
    if (key === null || !this.seal(key, link.route, plain, length)) return false;
    const { peers } = this.#c.shared;
    const at = link.counters;
    const way = at + (link.route.kind === RouteKind.direct ? PeerField.txDirect : PeerField.txRelayed);
    peers[at + PeerField.txTransit] = (peers[at + PeerField.txTransit] as number) + 1;
    peers[way] = (peers[way] as number) + 1;
    peers[at + PeerField.lastTxMs] = this.#c.now;
    if (this.#c.stirred !== link) stir(this.#c, link);
    return true;
  }

  #mayGoOn(key: KeyEntry, counter: number): boolean {
    const c = this.#c;
    if (!key.exhausted) {
      key.exhausted = true;
      c.uplink.tell({ type: 'exhausted', slot: key.peer.slot, localIndex: key.localIndex });
    }
    if (counter < key.state.limit) return true;
    drop(c.shared, Drop['counter-exhausted']);
    return false;
  }
}

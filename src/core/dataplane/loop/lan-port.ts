/**
 * A LAN behind the interface (tap/joined-ports.ts), in the packet loop: which addresses lie there, and what stays on this
 * machine though it was read from the interface.
 *
 *   from the LAN for a group     to the network, and a copy to this host: to its MAC, by which the filters know it
 *   from this host for a group   to the network, and a copy to the LAN
 *   from this host for the LAN   to the LAN
 *   from the LAN for the LAN     nowhere: its bridge had forgotten where that is
 *   hellos (wire/lan-hello.ts)   to the control thread
 *
 * What is written back arrives at the interface, where filters hand it on. An address lies where it was seen last, here or
 * behind a member: the forwarding table has a port for the LAN like one for each peer.
 */
import { VirtioNetHdr } from '../../tap/device.js';
import { TokenBucket } from '../../lib/token-bucket.js';
import { lanHelloLimit, lanHelloType } from '../../wire/lan-hello.js';
import { ethernetHeaderLength, EtherType, isGroup, macHigh, macLow } from '../../wire/ethernet.js';
import { drop, Drop, peerLimit, type SharedMemory } from '../plane/shared.js';
import type { Arena } from '../../native/arena.js';
import type { Fdb } from '../../switch/fdb.js';
import type { Learning } from './learning.js';
import type { PacketIo } from './packet-io.js';
import type { Uplink } from './uplink.js';

/** The port of the LAN in the forwarding table: above those of peers. */
export const lanSlot = peerLimit;

/** Hellos that go up, a second and at once: one of each member on the LAN, and what strangers there invent. */
const hellosPerSecond = 40;
const helloBurst = 80;
/** Frames of the LAN for groups and for addresses that nobody knows: they cost every member. */
const floodsPerSecond = 1_000;
const floodBurst = 2_000;
/** Addresses that are announced to the LAN at once, and the length of such a frame, without its checksum the shortest that there is. */
const announcedLimit = 1_024;
const announcementLength = 60;

/** Of the loop (context.ts). */
export interface LanParts {
  readonly arena: Arena;
  readonly io: PacketIo;
  readonly shared: SharedMemory;
  readonly fdb: Fdb;
  readonly learning: Learning;
  readonly uplink: Uplink;
  readonly options: { readonly macHigh: number; readonly macLow: number };
  /** ms, of this round. */
  readonly now: number;
}

export class LanPort {
  readonly #c: LanParts;
  readonly #hellos: TokenBucket;
  readonly #floods: TokenBucket;
  readonly #open: boolean;
  readonly #word: number;

  /**
   * @param open frames pass, not hellos alone
   * @param word by which hellos of this network are known
   */
  constructor(context: LanParts, open: boolean, word: number) {
    this.#c = context;
    this.#open = open;
    this.#word = word | 0;
    this.#hellos = new TokenBucket(hellosPerSecond, helloBurst, context.now);
    this.#floods = new TokenBucket(floodsPerSecond, floodBurst, context.now);
  }

  /**
   * Deals with the frame that was read, `length` bytes at `frame` behind its virtio header. True when it goes no further.
   */
  take(frame: number, length: number): boolean {
    const c = this.#c;
    const { view } = c.arena;
    if (view.getUint16(frame + 12) === lanHelloType && this.#hello(frame, length)) return true;
    if (!this.#open) return false;
    const { options, now } = c;
    const sourceHigh = macHigh(view, frame + 6);
    const sourceLow = macLow(view, frame + 6);
    const own = sourceHigh === options.macHigh && sourceLow === options.macLow;
    const high = macHigh(view, frame);
    const low = macLow(view, frame);
    if (!own) c.learning.learn(sourceHigh, sourceLow, lanSlot, now);
    if (isGroup(high)) {
      if (!own && !this.#floods.take(1, now)) {
        drop(c.shared, Drop['flood-limited']);
        return true;
      }
      if (!own) this.#address(frame, options.macHigh, options.macLow);
      this.#writeBack(frame, length);
      if (!own) this.#address(frame, high, low);
      return false;
    }
    const slot = c.fdb.lookup(high, low, now);
    if (slot === lanSlot) {
      if (own) this.#writeBack(frame, length);
      return true;
    }
    if (slot >= 0 || own || this.#floods.take(1, now)) return false;
    drop(c.shared, Drop['flood-limited']);
    return true;
  }

  /** Puts a frame of the control thread on the LAN; the header before it is at `frame`, too. */
  say(frame: number, bytes: Uint8Array): void {
    const { u8, view } = this.#c.arena;
    const header = frame - VirtioNetHdr.size;
    view.setUint32(header, 0);
    view.setUint32(header + 4, 0);
    view.setUint16(header + 8, 0);
    u8.set(bytes, frame);
    this.#writeBack(frame, bytes.length);
  }

  /**
   * Says a broadcast in the name of every address that lies in the network: switches of the LAN still look for them where
   * another member bridged it. In the form that hypervisors use after a move (RARP, RFC 903). @param frame as for `say`
   */
  announce(frame: number): void {
    const c = this.#c;
    let left = announcedLimit;
    const bytes = new Uint8Array(announcementLength);
    const view = new DataView(bytes.buffer);
    bytes.fill(0xff, 0, 6);
    view.setUint16(12, EtherType.rarp);
    view.setUint32(14, 0x0001_0800);
    view.setUint32(18, 0x0604_0003);
    c.fdb.each(lanSlot, c.now, (high, low) => {
      if (left-- <= 0) return;
      for (const at of [6, 22, 32]) {
        view.setUint16(at, high);
        view.setInt32(at + 2, low);
      }
      this.say(frame, bytes);
    });
  }

  /** False for a hello of another network, which is a frame like others. */
  #hello(frame: number, length: number): boolean {
    const c = this.#c;
    if (length < ethernetHeaderLength + 4) return false;
    if (c.arena.view.getInt32(frame + ethernetHeaderLength) !== this.#word) return false;
    if (length <= lanHelloLimit && this.#hellos.take(1, c.now))
      c.uplink.tell({ type: 'lan-hello', bytes: c.arena.u8.slice(frame, frame + length) });
    return true;
  }

  #address(frame: number, high: number, low: number): void {
    const { view } = this.#c.arena;
    view.setUint16(frame, high);
    view.setInt32(frame + 2, low);
  }

  /** As it was read, virtio header included: a super-frame or a checksum to be completed stays one. */
  #writeBack(frame: number, length: number): void {
    const { io, shared } = this.#c;
    if (io.writeDevice(frame - VirtioNetHdr.size, length + VirtioNetHdr.size) < 0)
      drop(shared, Drop['device-full']);
  }
}

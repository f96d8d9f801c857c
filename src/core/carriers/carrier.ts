/**
 * Carriers: ways for packets that end in the control thread and not in a socket of the data plane. A relay's WebSocket
 * is one (carriers/websocket.ts). Each has an id, which paths and origins of kind 'carrier' name.
 *
 *   data plane ──carry(id)──▶ Carriers ──send──▶ carrier ──▶ … ──▶ other node
 *   data plane ◀──carried(id)── Carriers ◀──arrived(id)── carrier
 */
import type { DataPlane, Path } from '../dataplane/plane/plane.js';
import { nodeIdLength } from '../wire/packet.js';
import { batchIsWhole, batchOf } from '../wire/relay.js';

export interface Carrier {
  /** A word for people: 'websocket'. Nothing is decided by it, so a new kind needs no change elsewhere. */
  readonly kind: string;
  /**
   * Sends packets (batch form of wire/relay.ts) to the node of this id, 16 bytes, or drops them: whoever sends asks for
   * no answer. The carrier owns the batch, and the room in front of it (`carrierRoom`).
   */
  send(destination: Uint8Array, batch: Uint8Array): void;
  /** A packet of this member arrived by this carrier. True when that is news for the ways to the member. */
  heard(idText: string): boolean;
  /** Its packets leave by holes of the data plane (`DataPlane.setHole`); `send` gets those for which there is none. */
  readonly holes?: true;
}

/** What carriers need of the data plane. */
export type CarrierPlane = Pick<DataPlane, 'sendPacket' | 'carried'>;

/** The carriers that there are, by id, and the one place that sends a lone packet by whatever path. */
export class Carriers {
  readonly #plane: CarrierPlane;
  readonly #carriers = new Map<number, Carrier>();
  #nextId = 0;

  constructor(plane: CarrierPlane) {
    this.#plane = plane;
  }

  /** Gives the carrier an id. None is given twice: packets with the id of a carrier that went may still be under way. */
  add(carrier: Carrier): number {
    const id = this.#nextId++;
    this.#carriers.set(id, carrier);
    return id;
  }

  /** From now on packets of this id are dropped, those that arrive too. */
  remove(id: number): void {
    this.#carriers.delete(id);
  }

  /** A batch that the data plane hands over. The carrier owns it from here on; without one it is dropped. */
  carry(id: number, destination: Uint8Array, batch: Uint8Array): void {
    this.#carriers.get(id)?.send(destination, batch);
  }

  /**
   * A batch that a carrier received from the node `source`. The data plane owns it from here on. What is not whole, or
   * not from a node id, is dropped.
   */
  arrived(id: number, source: Uint8Array, batch: Uint8Array): void {
    if (!this.#carriers.has(id) || source.length !== nodeIdLength || !batchIsWhole(batch)) return;
    this.#plane.carried(id, source, batch);
  }

  /** A packet of this member arrived by the carrier. True when that is news for the ways to the member. */
  heard(id: number, idText: string): boolean {
    return this.#carriers.get(id)?.heard(idText) ?? false;
  }

  /** Sends a packet as it is (handshake, bind, STUN): by the carrier that the path names, or by the data plane. */
  sendPacket(packet: Uint8Array, path: Path): void {
    if (path.kind === 'carrier' && this.#carriers.get(path.carrier)?.holes !== true)
      this.carry(path.carrier, path.destination, batchOf(packet));
    else this.#plane.sendPacket(packet, path);
  }
}

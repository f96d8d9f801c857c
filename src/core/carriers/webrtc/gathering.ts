/**
 * Packets that come one by one, handed on together: what a turn of the event loop brought is one message to the packet
 * thread.
 */
import { carrierBatchLimit } from '../../wire/relay.js';

export class Gathering {
  readonly #hand: (batch: Uint8Array) => void;
  #packets: Uint8Array[] = [];
  #length = 0;
  #flush: NodeJS.Immediate | undefined;

  /** @param hand gets a whole batch (wire/relay.ts), and owns it */
  constructor(hand: (batch: Uint8Array) => void) {
    this.#hand = hand;
  }

  /** Keeps the packet until then. One that no packet of ours can be, for its length, is dropped. */
  add(packet: Uint8Array): void {
    if (packet.length > 0xffff) return;
    if (this.#length + 2 + packet.length > carrierBatchLimit) this.#now();
    this.#packets.push(packet);
    this.#length += 2 + packet.length;
    this.#flush ??= setImmediate(() => {
      this.#now();
    });
  }

  /** What waits is dropped. */
  stop(): void {
    this.#packets = [];
    this.#now();
  }

  #now(): void {
    if (this.#flush) clearImmediate(this.#flush);
    this.#flush = undefined;
    const packets = this.#packets;
    if (packets.length === 0) return;
    const batch = new Uint8Array(this.#length);
    this.#packets = [];
    this.#length = 0;
    let at = 0;
    for (const packet of packets) {
      batch[at] = packet.length & 0xff;
      batch[at + 1] = packet.length >> 8;
      batch.set(packet, at + 2);
      at += 2 + packet.length;
    }
    this.#hand(batch);
  }
}

/**
 * Events for the control thread, gathered over one round of the loop and posted together.
 *
 * What strangers and peers can cause without limit (packets, control messages, carrier batches) is bounded by rate
 * and by what the control thread has not taken yet, so memory stays flat whatever arrives.
 */
import { TokenBuckets } from '../../lib/token-bucket.js';
import { carrierRoom } from '../../wire/relay.js';
import type { Event } from '../plane/messages.js';
import { FlowField, peerLimit, type SharedMemory } from '../plane/shared.js';

/** Packets of strangers, and control messages of peers, per second; each has its own bucket. */
export const eventsPerSecond = 2_000;
/** Of those, what one member may cause: by its control messages, and by handshakes that it passes on. */
export const memberEventsPerSecond = 400;
export const memberEventsAtOnce = 400;
/** Handshakes that relays say to be of one node, and cells by which nodes are told apart: two may share one. */
export const sourceEventsPerSecond = 50;
export const sourceEventsAtOnce = 100;
const sourceCells = 1_024;
/** Events that may wait for the control thread. */
export const eventsOutstanding = 512;
/** Bytes of carrier batches that may wait for the control thread. */
export const carryOutstandingBytes = 4 << 20;

const strangers = 0;
const members = 1;

export class Uplink {
  readonly #post: (events: Event[], transfer: ArrayBuffer[]) => void;
  readonly #shared: SharedMemory;
  readonly #rates = new TokenBuckets(2, eventsPerSecond, eventsOutstanding);
  readonly #each = new TokenBuckets(peerLimit, memberEventsPerSecond, memberEventsAtOnce);
  readonly #salt = crypto.getRandomValues(new Int32Array(2));
  readonly #sources = new TokenBuckets(sourceCells, sourceEventsPerSecond, sourceEventsAtOnce);
  #events: Event[] = [];
  #transfer: ArrayBuffer[] = [];
  #limited = 0;
  #carried = 0;

  /** `post` owns both arrays. */
  constructor(shared: SharedMemory, post: (events: Event[], transfer: ArrayBuffer[]) => void) {
    this.#shared = shared;
    this.#post = post;
  }

  /** True when one more packet or control message may go up; then `limited` must follow. */
  admits(authenticated: boolean, now: number): boolean {
    if (this.#limited - (this.#shared.flow[FlowField.eventsDone] as number) >= eventsOutstanding)
      return false;
    return this.#rates.take(authenticated ? members : strangers, 1, now);
  }

  /** True when the member in this slot may cause one more; it counts. So what one sends too much is its own loss alone. */
  admitsOf(slot: number, now: number): boolean {
    return this.#each.take(slot, 1, now);
  }

  /** The same of a node that a relay vouches for, by two words of its id: nobody can choose an id that shares another's cell. */
  admitsFrom(high: number, low: number, now: number): boolean {
    const [a, b] = this.#salt as unknown as [number, number];
    const mixed = Math.imul(Math.imul(high ^ a, 0x9e37_79b1) ^ low ^ b, 0x85eb_ca6b);
    return this.#sources.take((mixed >>> 16) % sourceCells, 1, now);
  }

  /** The slot will be somebody else's. */
  forget(slot: number): void {
    this.#each.reset(slot);
  }

  /** An event that `admits` let through. */
  limited(event: Event): void {
    this.#limited++;
    this.#events.push(event);
  }

  /** True when a carrier batch of this size may go up. */
  admitsCarry(bytes: number): boolean {
    return (
      this.#carried + bytes - (this.#shared.flow[FlowField.carryDone] as number) <= carryOutstandingBytes
    );
  }

  /** Hands a batch over; the bytes are copied. */
  carry(carrier: number, destination: Uint8Array, batch: Uint8Array): void {
    const copy = carrierRoom(batch.length);
    copy.set(batch);
    this.#carried += copy.length;
    this.#transfer.push(copy.buffer as ArrayBuffer);
    this.#events.push({ type: 'carry', carrier, destination: destination.slice(), batch: copy });
  }

  /** An event that is rare by itself. */
  tell(event: Event): void {
    this.#events.push(event);
  }

  flush(): void {
    if (this.#events.length === 0) return;
    const events = this.#events;
    const transfer = this.#transfer;
    this.#events = [];
    this.#transfer = [];
    this.#post(events, transfer);
  }
}

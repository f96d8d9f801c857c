/** One side of a session between two simulated members, and the path below it. */
import type { SimNode } from './node.js';

/** Where the packets of a session go. */
export type Carrier = 'direct' | 'relay' | 'tunnel';

export class SimLink {
  readonly owner: SimNode;
  readonly peer: SimNode;
  /** Index in the forwarding tables of the owner. */
  readonly slot: number;
  /** The other side. */
  twin: SimLink | undefined;
  /** This side has keys. */
  up = false;
  /** This side answered a handshake: the next packet confirms the keys. */
  expected = false;
  carrier: Carrier = 'direct';
  /** One way without jitter, ms. */
  delayMs = 0;
  /** Number of the session; what was sent in another one is not understood. */
  session = 0;
  lastRx = 0;
  /** When routed packets began to go out with nothing coming back; negative: there are none. */
  waitingSince = -1;
  /** Takes a handshake under way back. */
  cancel: (() => void) | undefined;

  constructor(owner: SimNode, peer: SimNode, slot: number) {
    this.owner = owner;
    this.peer = peer;
    this.slot = slot;
  }

  /** Carrier and delay for both sides. */
  lay(carrier: Carrier, delayMs: number): void {
    for (const side of [this, this.twin]) {
      if (!side) continue;
      side.carrier = carrier;
      side.delayMs = delayMs;
    }
  }

  open(now: number): void {
    this.up = true;
    this.expected = false;
    this.lastRx = now;
    this.waitingSince = -1;
  }

  close(): void {
    this.up = false;
    this.expected = false;
    this.waitingSince = -1;
  }

  /** It stands, or is being made. */
  get used(): boolean {
    return this.up || this.expected || this.cancel !== undefined;
  }

  /** The path carries now, losses aside. What goes through other members is not asked here (packets.ts). */
  get carries(): boolean {
    const { world } = this.owner;
    switch (this.carrier) {
      case 'direct':
        return world.net.joined(this.owner.place, this.peer.place);
      case 'relay':
        return world.seesRelay(this.owner) && world.seesRelay(this.peer);
      case 'tunnel':
        return true;
    }
  }
}

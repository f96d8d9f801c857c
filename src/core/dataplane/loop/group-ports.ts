/** What switch/multicast.ts acts through: announcements and questions to members, queries to the own host. */
import type { Arena } from '../../native/arena.js';
import type { MulticastPorts } from '../../switch/multicast.js';
import { VirtioNetHdr } from '../../tap/device.js';
import { groupsLimit } from '../../wire/groups.js';
import type { Broadcast } from './broadcast.js';
import { headroom } from './buffers.js';
import type { LoopContext } from './context.js';
import type { Sealer } from '../keys/seal.js';
import { drop, Drop } from '../plane/shared.js';

interface Attached {
  readonly context: LoopContext;
  readonly sealer: Sealer;
  readonly broadcast: Broadcast;
}

/** Nothing is sent before `attach`: the context has the machine that has these ports. */
export class GroupPorts implements MulticastPorts {
  readonly #scratch: number;
  #to: Attached | undefined;

  constructor(arena: Arena) {
    this.#scratch = arena.alloc(headroom + groupsLimit) + headroom;
  }

  attach(to: Attached): void {
    this.#to = to;
  }

  flood(plaintext: Uint8Array): void {
    if (this.#to?.broadcast.possible !== true) return;
    const { context, broadcast } = this.#to;
    context.arena.u8.set(plaintext, this.#scratch);
    context.multicast.aimAtAll();
    broadcast.send(this.#scratch, plaintext.length);
  }

  send(slot: number, plaintext: Uint8Array): void {
    const peer = this.#to?.context.tables.peers[slot];
    if (!this.#to || !peer?.sending || !peer.route.usable) return;
    this.#to.context.arena.u8.set(plaintext, this.#scratch);
    this.#to.sealer.seal(peer.sending, peer.route, this.#scratch, plaintext.length);
  }

  toHost(frame: Uint8Array): void {
    if (!this.#to) return;
    const { arena, io, shared } = this.#to.context;
    const header = this.#scratch - VirtioNetHdr.size;
    arena.u8.fill(0, header, this.#scratch);
    arena.u8.set(frame, this.#scratch);
    if (io.writeDevice(header, frame.length + VirtioNetHdr.size) < 0) drop(shared, Drop['device-full']);
  }
}

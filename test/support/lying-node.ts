/**
 * A whole node of ours that lies: sealing, handshakes and membership are its own and genuine, and what its control thread says to
 * a peer goes through `lie` first. It keeps what was said to it, to say that again elsewhere.
 */
import type { Origin, PlaneListener, PlaneOptions } from '../../src/core/dataplane/plane/plane.js';
import { toHex } from '../../src/core/lib/bytes.js';
import { MemoryPlane } from './memory-plane.js';
import { boxOf, type Box, type BoxWish } from './node-box.js';

/** A control message, or a packet that is no data, as it came. */
export interface Heard {
  /** Node id of who said it; undefined for a packet. */
  readonly from: string | undefined;
  readonly bytes: Uint8Array;
}

/** A plane whose owner can be overheard, and told what did not come. */
export class OpenPlane extends MemoryPlane {
  readonly heard: Heard[] = [];
  /** What goes out to a peer in place of a message: nothing, that message, others. */
  lie: (message: Uint8Array, to: string) => readonly Uint8Array[] = (message) => [message];
  readonly #ids = new Map<number, string>();
  readonly #slots = new Map<string, number>();
  #listener: PlaneListener | undefined;

  override addPeer(...args: Parameters<MemoryPlane['addPeer']>): void {
    const id = toHex(args[1]);
    this.#ids.set(args[0], id);
    this.#slots.set(id, args[0]);
    super.addPeer(...args);
  }

  override start(listener: PlaneListener): Promise<void> {
    this.#listener = listener;
    const ear = Object.create(listener) as { -readonly [K in keyof PlaneListener]: PlaneListener[K] };
    ear.control = (slot, bytes, origin) => {
      this.heard.push({ from: this.#ids.get(slot), bytes: bytes.slice() });
      listener.control(slot, bytes, origin);
    };
    ear.packet = (bytes, origin) => {
      this.heard.push({ from: undefined, bytes: bytes.slice() });
      listener.packet(bytes, origin);
    };
    return super.start(ear);
  }

  override sendControl(
    slot: number,
    bytes: Uint8Array,
    path?: Parameters<MemoryPlane['sendControl']>[2],
  ): void {
    for (const said of this.lie(bytes, this.#ids.get(slot) ?? '')) super.sendControl(slot, said, path);
  }

  /** Says it to the peer, whatever `lie` is. */
  say(to: string, message: Uint8Array): void {
    const slot = this.#slots.get(to);
    if (slot === undefined) throw new Error(`${to} is no peer`);
    super.sendControl(slot, message);
  }

  /** The number of a peer here. */
  slotOf(id: string): number {
    return this.#slots.get(id) ?? -1;
  }

  /** A packet that is no data arrives, by a way that the test chooses. */
  arrive(bytes: Uint8Array, origin: Origin): void {
    this.#listener?.packet(bytes, origin);
  }
}

export type OpenBox = Box & { readonly plane: OpenPlane };

/** A node, not started, on such a plane. */
export function openBoxOf(wish: BoxWish): OpenBox {
  const box: Box = boxOf({
    ...wish,
    ports: {
      ...wish.ports,
      makePlane: (options: PlaneOptions) => {
        box.plane = new OpenPlane(options, { net: wish.net, host: wish.host });
        box.plane.onFrame = (frame) => box.frames.push(frame);
        return box.plane;
      },
    },
  });
  return box as OpenBox;
}

/** A packet socket (packet(7)) on an interface, for what this process sends or sees there. */
import { Arena } from '../../dist/core/native/arena.js';
import { libc } from '../../dist/core/native/libc.js';

const family = 17;
const raw = 3;
const everyProtocol = 3;
const nonBlocking = 0x800;
const roomFor = 65_536;

export class PacketSocket {
  #c = libc();
  #arena = new Arena(2 * roomFor);
  #fd;
  #frame;

  /** @param listen false for one that only sends: nothing queues up at it */
  constructor(device, listen) {
    const at = this.#arena.alloc(64);
    this.#frame = this.#arena.alloc(roomFor);
    this.#arena.setText(at, device);
    const index = this.#c.if_nametoindex(this.#arena.base + at);
    this.#fd = this.#c.socket(family, raw | nonBlocking, 0);
    const { view, u8 } = this.#arena;
    if (listen) {
      // SO_RCVBUFFORCE
      view.setInt32(at, 1 << 25, true);
      this.#c.setsockopt(this.#fd, 1, 33, this.#arena.base + at, 4);
    }
    u8.fill(0, at, at + 20);
    view.setUint16(at, family, true);
    view.setUint16(at + 2, listen ? everyProtocol : 0);
    view.setInt32(at + 4, index, true);
    if (this.#fd < 0 || index === 0 || this.#c.bind(this.#fd, this.#arena.base + at, 20) !== 0)
      throw new Error(`${device}: errno ${this.#c.errno()}`);
  }

  /** False when the kernel has no room, or refuses the frame. */
  send(frame) {
    this.#arena.u8.set(frame, this.#frame);
    return this.#c.write(this.#fd, this.#arena.base + this.#frame, frame.length) === frame.length;
  }

  /** The next frame that waits, valid until the next call; undefined when there is none. */
  receive() {
    const n = Number(this.#c.read(this.#fd, this.#arena.base + this.#frame, roomFor));
    return n > 0 ? this.#arena.u8.subarray(this.#frame, this.#frame + n) : undefined;
  }
}

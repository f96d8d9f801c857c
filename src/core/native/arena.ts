/**
 * One block of memory with a stable address, seen from JavaScript and from native code.
 *
 * The block is mapped below 2 GiB where the kernel allows it: then every pointer into it is a small integer for V8,
 * and a native call with it allocates nothing and is faster. Elsewhere it is a plain buffer, and calls box their
 * pointers. Offsets count from the start of the block.
 */
import { libc, Mmap } from './libc.js';
import { addressOf, viewOf } from './symbols.js';

const lowest = 0x1000_0000;
const highest = 0x7000_0000;
const step = 0x0400_0000;

/** Maps zeroed memory below 2 GiB; 0 when there is none to be had. Free it with `unmap`. */
export function mapLow(length: number): number {
  const c = libc();
  for (let hint = lowest; hint < highest; hint += step) {
    const address = c.mmap(
      hint,
      length,
      Mmap.read | Mmap.write,
      Mmap.private | Mmap.anonymous | Mmap.fixedNoReplace,
      -1,
      0,
    );
    if (address === hint) return address;
    // Kernels before 4.17 take the flag for a hint and may map elsewhere; errors are the last page of the address space.
    if (address > 0 && address < 2 ** 63) c.munmap(address, length);
  }
  return 0;
}

export function unmap(address: number, length: number): void {
  libc().munmap(address, length);
}

export class Arena {
  /** Address of offset 0. */
  readonly base: number;
  readonly u8: Uint8Array;
  readonly view: DataView;
  readonly length: number;
  #used = 0;

  /** Over memory mapped by `mapLow`, which must outlive the arena; without an address, over a buffer of its own. */
  constructor(length: number, address = 0) {
    this.length = length;
    if (address !== 0) {
      this.base = address;
      const memory = viewOf(address, length);
      this.u8 = new Uint8Array(memory);
      this.view = new DataView(memory);
    } else {
      const buffer = Buffer.allocUnsafeSlow(length).fill(0);
      this.base = addressOf(buffer);
      this.u8 = new Uint8Array(buffer.buffer, buffer.byteOffset, length);
      this.view = new DataView(buffer.buffer, buffer.byteOffset, length);
    }
  }

  /** Reserves bytes for good and returns their offset. Throws RangeError when the arena is full. */
  alloc(length: number, align = 64): number {
    const at = (this.#used + align - 1) & ~(align - 1);
    if (at + length > this.length) throw new RangeError(`arena of ${this.length} bytes is full`);
    this.#used = at + length;
    return at;
  }

  /** Writes an address into a C structure. */
  setPointer(at: number, address: number): void {
    this.view.setUint32(at, address >>> 0, true);
    this.view.setUint32(at + 4, Math.floor(address / 0x1_0000_0000), true);
  }

  /** Writes a NUL-terminated string. */
  setText(at: number, text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    this.u8.set(bytes, at);
    this.u8[at + bytes.length] = 0;
  }
}

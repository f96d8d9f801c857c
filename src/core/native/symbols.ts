/**
 * The door to native code: koffi, opened on the process itself, where libc and Node's own OpenSSL are found.
 *
 * Pointers are declared `uintptr_t` and pass as Number, so that a call allocates nothing when the address fits a
 * small integer (see arena.ts). One call costs about 50 ns.
 */
import koffi from 'koffi';
import { EvioError, messageOf } from '../lib/errors.js';

/** Any bound C function: numbers in, one number out. */
export type Native = (...args: number[]) => number;

const process_ = ((): ReturnType<typeof koffi.load> | undefined => {
  try {
    return koffi.load(null);
  } catch {
    return undefined;
  }
})();

/** Binds a function by its C prototype, with pointers as `uintptr_t`. Throws EVIO_NO_NATIVE when it is missing. */
export function bind(prototype: string): Native {
  try {
    if (!process_) throw new Error('the process cannot be opened as a library');
    return process_.func(prototype);
  } catch (thrown) {
    throw new EvioError(
      'EVIO_NO_NATIVE',
      `a system function that evio needs is missing: ${messageOf(thrown)}`,
      ['run evio on Linux (x64 or arm64) with an official build of Node.js'],
      { cause: thrown },
    );
  }
}

/** Native memory as an ArrayBuffer. It is valid as long as the memory is mapped. */
export function viewOf(address: number, length: number): ArrayBuffer {
  return koffi.view(address, length);
}

/** Address of a buffer whose backing store does not move: one made by `Buffer.allocUnsafeSlow`. */
export function addressOf(buffer: Buffer): number {
  return Number(koffi.address(buffer));
}

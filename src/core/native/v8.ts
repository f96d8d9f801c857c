/** How V8 runs a process that lasts for months and has little to do. */
import { setFlagsFromString } from 'node:v8';

/**
 * Keeps the young generations of this process as small as they are now. V8 would double them, up to 32 MB a thread, in
 * a first burst of handshakes, and keep them so. For a program that is not in a hurry: a collection takes a fraction of a
 * millisecond, and there are more of them.
 *
 * V8 takes its own factor again whenever a thread is made: call it then, too.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * Lets V8 compile a function after a tenth of the work that it waits for otherwise (132 kB of bytecode run). A packet
 * loop that sees a packet now and then would run uncompiled for minutes, and each packet would take that much longer.
 */
export function compileEarly(): void {
  setFlagsFromString('--interrupt-budget=13000');
}

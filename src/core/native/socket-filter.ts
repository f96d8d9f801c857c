/** A filter in front of a socket (socket(7), SO_ATTACH_FILTER; classic BPF, `<linux/filter.h>`): what it drops costs no wake-up. */
import { Arena } from './arena.js';
import { libc } from './libc.js';

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const SO_DETACH_FILTER = 27;
/** BPF_MAXINSNS. */
export const maxInstructions = 4_096;

/** code, jump if true, jump if false (both forwards), k: `struct sock_filter`. */
export type FilterInstruction = readonly [number, number, number, number];

/** Puts the filter in the place of the one before. False when the kernel does not take it. */
export function attachFilter(fd: number, program: readonly FilterInstruction[]): boolean {
  if (program.length > maxInstructions) return false;
  const arena = new Arena(256 + 8 * program.length);
  const at = arena.alloc(16);
  const code = arena.alloc(8 * program.length);
  const { view, base } = arena;
  program.forEach(([opcode, yes, no, k], i) => {
    view.setUint16(code + 8 * i, opcode, true);
    view.setUint8(code + 8 * i + 2, yes);
    view.setUint8(code + 8 * i + 3, no);
    view.setUint32(code + 8 * i + 4, k >>> 0, true);
  });
  view.setUint16(at, program.length, true);
  arena.setPointer(at + 8, base + code);
  return libc().setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, base + at, 16) === 0;
}

/** Takes the filter away; nothing when there is none. */
export function detachFilter(fd: number): void {
  const arena = new Arena(256);
  libc().setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, arena.base + arena.alloc(8), 4);
}

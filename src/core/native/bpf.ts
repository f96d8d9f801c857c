/** Loads a program of eBPF into the kernel (bpf(2), `<linux/bpf.h>`): only as much as steering.ts of tap/ needs. */
import type { Arena } from './arena.js';
import { bind } from './symbols.js';

/** The system call differs between architectures; others do without. */
const callNumber: Readonly<Record<string, number>> = { x64: 321, arm64: 280, riscv64: 280 };
const BPF_PROG_LOAD = 5;
const BPF_PROG_TYPE_SOCKET_FILTER = 1;
const instructionSize = 8;
/** `union bpf_attr` up to `log_buf`; the kernel takes shorter forms than its own. */
const attributes = { size: 48, type: 0, count: 4, instructions: 8, license: 16 } as const;

/** opcode, destination register, source register, offset, immediate value. */
export type Instruction = readonly [number, number, number, number, number];

/** The descriptor of a socket filter, which the caller closes; below zero when the system does not permit it. */
export function loadSocketFilter(arena: Arena, program: readonly Instruction[]): number {
  const number = callNumber[process.arch];
  if (number === undefined) return -1;
  const { view, base, u8 } = arena;
  const code = arena.alloc(program.length * instructionSize);
  program.forEach(([opcode, to, from, offset, value], i) => {
    const at = code + i * instructionSize;
    view.setUint8(at, opcode);
    view.setUint8(at + 1, to | (from << 4));
    view.setInt16(at + 2, offset, true);
    view.setInt32(at + 4, value, true);
  });
  const license = arena.alloc(16);
  arena.setText(license, 'MIT');
  const at = arena.alloc(attributes.size);
  u8.fill(0, at, at + attributes.size);
  view.setUint32(at + attributes.type, BPF_PROG_TYPE_SOCKET_FILTER, true);
  view.setUint32(at + attributes.count, program.length, true);
  arena.setPointer(at + attributes.instructions, base + code);
  arena.setPointer(at + attributes.license, base + license);
  const call = bind('int64_t syscall(int64_t number, int64_t command, uintptr_t attributes, int64_t size)');
  return call(number, BPF_PROG_LOAD, base + at, attributes.size);
}

/** This process becomes another program, or its own from the beginning: execve(2). */
import { Arena } from './arena.js';
import { keepStandardOnExec } from './on-exec.js';
import { bind } from './symbols.js';

/** Closes what is marked so but for standard input and outputs, ends all threads, and does not return; where it does, Error. @param words the program's path first */
export function become(words: readonly [string, ...string[]], env: NodeJS.ProcessEnv): Error {
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${value ?? ''}`);
  const all = [...words, ...assignments];
  const bytes = all.reduce((sum, text) => sum + Buffer.byteLength(text) + 64, 0);
  const arena = new Arena(bytes + 16 * (all.length + 2) + 256);
  const text = (one: string): number => {
    const at = arena.alloc(Buffer.byteLength(one) + 1, 1);
    arena.setText(at, one);
    return arena.base + at;
  };
  const list = (some: readonly string[]): number => {
    const pointers = some.map(text);
    const at = arena.alloc(8 * (some.length + 1), 8);
    pointers.forEach((pointer, i) => {
      arena.setPointer(at + 8 * i, pointer);
    });
    return arena.base + at;
  };
  const [file] = words;
  const execve = bind('int execve(uintptr_t path, uintptr_t words, uintptr_t environment)');
  keepStandardOnExec();
  execve(text(file), list(words), list(assignments));
  return new Error(`cannot start ${file} anew`);
}

/** This process becomes another program, or its own from the beginning: execve(2). */
import { keepStandardOnExec } from './on-exec.js';
import { bind } from './symbols.js';
import { assignments, WordLists } from './word-lists.js';

/** Closes what is marked so but for standard input and outputs, ends all threads, and does not return; where it does, Error. @param words the program's path first */
export function become(words: readonly [string, ...string[]], env: NodeJS.ProcessEnv): Error {
  const lists = new WordLists([words, assignments(env)]);
  const [argv = 0, environment = 0] = lists.addresses;
  const [file] = words;
  const execve = bind('int execve(uintptr_t path, uintptr_t words, uintptr_t environment)');
  keepStandardOnExec();
  execve(lists.first, argv, environment);
  return new Error(`cannot start ${file} anew`);
}

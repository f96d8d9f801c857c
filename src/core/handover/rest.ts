/**
 * The side of a process that ends before the next one begins: a service manager that starts a service again ends the one process and
 * then starts the other. What the process knows lies in the manager's store meanwhile, in its memory and nowhere else:
 *
 *   each thing's descriptors    interface and sockets: what comes waits in their queues
 *   what it only keeps          connections that are made anew: open, so that nobody at their other ends takes this machine for gone
 *   one file in memory          the messages of a hand-over (give.ts) in a row: heritage · state, for each · commit, for each
 *
 * The file comes last: without it there is nothing to take. Whoever takes it wipes it before anything is sent (rested.ts), so
 * that no key is used twice, whenever that process is killed.
 */
import type { Logger } from '../lib/env.js';
import { messageOf } from '../lib/errors.js';
import { monotonicMs } from '../native/clock.js';
import { append, memoryFile } from '../native/memory-file.js';
import { encodeFrame } from './frames.js';
import type { Given } from './give.js';
import type { DescriptorStore } from './store.js';

/** Version of these messages. */
export const restVersion = 1;
/** The names in the store: of the file, of descriptors, each with a number behind it, and of all that are only kept. */
export const restNames = { state: 'evio-state', descriptor: 'evio-', kept: 'evio-kept' } as const;
/** More than so many connections are not kept: their other ends find out by themselves. */
const keptLimit = 2_000;

export interface RestOptions {
  readonly given: readonly Given[];
  /** Descriptors of connections that the next process makes anew. */
  readonly kept: readonly number[];
  readonly version: string;
  /** What this process was started with (started.ts): another start is not continued. */
  readonly started: string;
  readonly store: DescriptorStore;
  readonly log: Logger;
}

/** Resolves when all is left: this process must end, at once, and undo nothing. Throws Error, and all goes on here. */
export async function leaveToNext(options: RestOptions): Promise<void> {
  const { given, kept, version, started, store, log } = options;
  const stored: string[] = [];
  const put = (fd: number, name: string): string => {
    store.put(name, fd);
    stored.push(name);
    return name;
  };
  const resting: Given[] = [];
  const file = memoryFile(restNames.state);
  const write = (head: object, blob?: Uint8Array): void => {
    for (const part of encodeFrame(head, blob)) append(file, part);
    blob?.fill(0);
  };
  try {
    const things = given.map((one) => {
      const { fds, facts } = one.describe();
      return { id: one.id, facts, fds: fds.map((fd) => put(fd, `${restNames.descriptor}${stored.length}`)) };
    });
    for (const fd of kept.slice(0, keptLimit)) put(fd, restNames.kept);
    const atMs = monotonicMs();
    write({ type: 'heritage', rest: restVersion, from: version, started, atMs, things });
    for (const one of given) {
      resting.push(one);
      const { head, blob } = await one.freeze();
      write({ type: 'state', id: one.id, snapshot: head }, blob);
    }
  } catch (thrown) {
    for (const name of new Set(stored)) store.remove(name);
    for (const one of resting) one.thaw();
    throw thrown;
  }
  // From here on there is no way back: what is not left is lost, and the next process begins anew.
  try {
    for (const one of given) {
      const tail = await one.letGo();
      write({ type: 'commit', id: one.id, ...(tail && { tail: tail.head }) }, tail?.blob);
    }
    store.put(restNames.state, file);
  } catch (thrown) {
    log.error('nothing is left to the next process', { reason: messageOf(thrown) });
  }
  store.settle();
}

/** Whose successor this process is, if it is one. */
import type { Logger } from '../lib/env.js';
import { startedWith } from './started.js';
import { descriptorStore, leftDescriptors } from './store.js';
import { takeRest } from './rested.js';
import { LiveTaker } from './take.js';
import type { Taker } from './taker.js';

/**
 * To be called before anything is opened. Undefined: this process is nobody's successor.
 *
 * @param words that it was started with, for `startedWith`
 */
export async function openTaker(
  version: string,
  words: readonly string[],
  log: Logger,
): Promise<Taker | undefined> {
  const { env } = process;
  const descriptors = leftDescriptors(env);
  const store = descriptorStore(env);
  const live = await LiveTaker.open(version, log);
  if (live || !store) return live;
  return takeRest({ descriptors, store, started: startedWith(words, env), log });
}

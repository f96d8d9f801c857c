/**
 * What a process was started with, as one string that tells no secret: another process goes on in its place only where that was
 * started alike, since whoever starts a service with other words wants what they say.
 */
import { createHash } from 'node:crypto';
import { backgroundVariable, handoverVariable } from './variable.js';

const passing: readonly string[] = [handoverVariable, backgroundVariable];

/** @param words of the command, in one form however they were written */
export function startedWith(words: readonly string[], env: NodeJS.ProcessEnv): string {
  const own = Object.entries(env)
    .filter(([name]) => name.startsWith('EVIO_') && !passing.includes(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([words, own]))
    .digest('hex');
}

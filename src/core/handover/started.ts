/**
 * What a process was started with, as one string that tells no secret: another process goes on in its place only where that was
 * started alike, since whoever starts a service with other words wants what they say.
 */
import { createHash } from 'node:crypto';
import { handoverVariable } from './variable.js';

/** Of one process, not of how it is to work. */
const passing: readonly string[] = [handoverVariable, 'EVIO_BACKGROUND'];

/** @param words of the command, in one form however they were written */
export function startedWith(words: readonly string[], env: NodeJS.ProcessEnv): string {
  const own = Object.entries(env)
    .filter(([name]) => name.startsWith('EVIO_') && !passing.includes(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([words, own]))
    .digest('hex');
}

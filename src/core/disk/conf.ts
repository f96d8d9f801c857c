/**
 * `conf`, without what comes with it: a package of its (`when-exit`) listens to every signal that ends a program, and sends the
 * first one to this process once more, whoever else listens. So one SIGUSR2 was two, and one SIGTERM might have ended a node before it
 * had stopped. What it does at the end of a process it does all the same.
 */
import { heardBefore } from './heard-before.js';
import Conf from 'conf';

for (const [signal, known] of heardBefore)
  for (const listener of process.rawListeners(signal))
    if (!known.has(listener)) process.removeListener(signal, listener as () => void);

export { Conf };

/** Who listens to signals before this is loaded (conf.ts). */
import { constants } from 'node:os';

export const heardBefore = new Map(
  Object.keys(constants.signals).map((name) => {
    const signal = name as NodeJS.Signals;
    return [signal, new Set(process.rawListeners(signal))];
  }),
);

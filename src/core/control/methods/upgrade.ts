/** `evio upgrade`: another process goes on in the place of this one. */
import { z } from 'zod';
import { method } from '../method.js';

export const upgrade = method({
  /** Executable and words of the program that shall go on; default: the one that runs, as it is on disk now. */
  request: z.object({ program: z.array(z.string()).min(1).optional() }),
  response: z.object({ from: z.string(), to: z.string(), gapMs: z.number(), pid: z.number() }),
  run: async ({ program }, host) => ({ ...(await host.upgrade(program)) }),
});

/**
 * Lines of the process's log: those that are kept, or those after one that the asker has. With `waitMs` the answer waits
 * until there is one, so that `evio logs -f` asks again and again and sees each line once.
 */
import { z } from 'zod';
import { concerns } from '../../lib/log-ring.js';
import { method } from '../method.js';
import { network } from '../schema.js';

/** An answer holds at most so many characters of lines; the rest comes with the next one. */
const answerCharacters = 256 * 1024;

export const logs = method({
  request: z.object({
    network,
    after: z.number().int().min(0).default(0),
    waitMs: z.number().int().min(0).max(60_000).default(0),
  }),
  response: z.object({
    /** Ask for what comes after this. */
    last: z.number(),
    /** Lines that the asker did not have and that are kept no more. */
    lost: z.number(),
    lines: z.array(z.string()),
  }),
  run: async ({ network, after, waitMs }, host, { signal }) => {
    const ring = host.log;
    const node = network === undefined ? undefined : host.node(network);
    const names = node && [node.networkId, node.networkName];
    // A number that was never given out is of an earlier process.
    const from = after > ring.last ? 0 : after;
    if (waitMs > 0) await ring.whenAfter(from, AbortSignal.any([signal, AbortSignal.timeout(waitMs)]));
    const fresh = ring.since(from);
    const lost = fresh[0] === undefined || from === 0 ? 0 : fresh[0].number - from - 1;
    const lines: string[] = [];
    let [last, characters] = [from, 0];
    for (const { number, text } of fresh) {
      if (characters + text.length > answerCharacters && lines.length > 0) break;
      last = number;
      if (names && !concerns(text, names)) continue;
      characters += text.length;
      lines.push(text);
    }
    return { last, lost, lines };
  },
});

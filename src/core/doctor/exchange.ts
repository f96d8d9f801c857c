/** A question by UDP, asked again where no answer comes. */
import type { Socket } from 'node:dgram';
import type { Endpoint } from '../lib/endpoint.js';

const attempts = 3;
/** Between attempts; RFC 8489 section 6.2.1 begins with 500 ms, which is long for a check that waits. */
const retryMs = 400;

/**
 * What `read` makes of the first message that it takes for the answer, and the round trip of the attempt in which that came; undefined
 * when none comes. An unreachable network shows as no answer.
 *
 * @param listener the socket by which the answer comes
 */
export async function exchange<T>(
  socket: Socket,
  to: Endpoint,
  question: Uint8Array,
  read: (message: Uint8Array, fromPort: number) => T | undefined,
  listener = socket,
): Promise<{ readonly answer: T; readonly rttMs: number } | undefined> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const sentAt = performance.now();
    const answer = await new Promise<T | undefined>((resolve) => {
      const done = (result?: T): void => {
        clearTimeout(timer);
        listener.off('message', heard);
        resolve(result);
      };
      const heard = (message: Uint8Array, { port }: { readonly port: number }): void => {
        const result = read(message, port);
        if (result !== undefined) done(result);
      };
      const timer = setTimeout(done, retryMs);
      listener.on('message', heard);
      socket.send(question, to.port, to.host, () => undefined);
    });
    if (answer !== undefined) return { answer, rttMs: performance.now() - sentAt };
  }
  return undefined;
}

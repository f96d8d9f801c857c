/**
 * TCP to the first address that answers (Happy Eyeballs, RFC 8305). Node has it too, but gives an address up when the next one begins,
 * a quarter of a second later: where the round trip is longer, as by satellite, it reaches no name of two addresses.
 */
import type { LookupAddress } from 'node:dns';
import type { Socket } from 'node:net';

/** RFC 8305 8: the Connection Attempt Delay, ms. */
const attemptDelayMs = 250;

/** In the order given, but the families by turns (RFC 8305 4). */
export function byTurns(addresses: readonly LookupAddress[]): LookupAddress[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family);
  const other = addresses.filter(({ family }) => family !== addresses[0]?.family);
  const turns: LookupAddress[] = [];
  for (let i = 0; i < Math.max(first.length, other.length); i++)
    turns.push(...first.slice(i, i + 1), ...other.slice(i, i + 1));
  return turns;
}

/**
 * Connects to one of these, at least one. Each begins a little after the one before it, or when that failed, and none ends before one of
 * them is connected.
 *
 * @param begin a socket that connects; it may throw
 * @param until it is given up
 * @returns the socket that was connected first, without listeners; the others are destroyed
 * @throws the first error; where nobody answered until then, one of code ETIMEDOUT
 */
export function firstToAnswer(
  addresses: readonly LookupAddress[],
  begin: (address: LookupAddress) => Socket,
  until: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const waiting = byTurns(addresses);
    const under = new Set<Socket>();
    let fault: unknown;
    let next: NodeJS.Timeout | undefined;
    const giveUp = (): void => {
      fail(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' }));
    };
    const end = (): void => {
      until.removeEventListener('abort', giveUp);
      clearTimeout(next);
      for (const socket of under) socket.destroy();
    };
    const fail = (thrown: unknown): void => {
      end();
      reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
    };
    const failed = (thrown: unknown): void => {
      fault ??= thrown;
      if (waiting.length > 0) attempt();
      else if (under.size === 0) fail(fault);
    };
    const attempt = (): void => {
      clearTimeout(next);
      const address = waiting.shift();
      if (!address) return;
      let socket: Socket;
      try {
        socket = begin(address);
      } catch (thrown) {
        failed(thrown);
        return;
      }
      under.add(socket);
      if (waiting.length > 0) next = setTimeout(attempt, attemptDelayMs);
      const refused = (thrown: Error): void => {
        under.delete(socket);
        failed(thrown);
      };
      socket.once('error', refused);
      socket.once('connect', () => {
        socket.off('error', refused);
        under.delete(socket);
        end();
        resolve(socket);
      });
    };

    if (until.aborted) giveUp();
    else {
      until.addEventListener('abort', giveUp, { once: true });
      attempt();
    }
  });
}

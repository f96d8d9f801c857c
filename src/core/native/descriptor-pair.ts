import { Arena } from './arena.js';
import { libc, Socket } from './libc.js';
import { AF_UNIX } from './unix-address.js';

/** SOCK_STREAM, SOCK_SEQPACKET. */
export const PairType = { stream: 1, messages: 5 } as const;

/** Two sockets that are connected with each other (socketpair(2)), non-blocking; undefined: `errno` says why not. */
export function descriptorPair(
  type: (typeof PairType)[keyof typeof PairType],
): [one: number, other: number] | undefined {
  const { view, base } = new Arena(64);
  const flags = Socket.SOCK_CLOEXEC | Socket.SOCK_NONBLOCK;
  if (libc().socketpair(AF_UNIX, type | flags, 0, base) !== 0) return undefined;
  return [view.getInt32(0, true), view.getInt32(4, true)];
}

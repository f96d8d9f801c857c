/** Two ends of one stream: one for this process, one for a process that it starts. */
import { Socket as Stream } from 'node:net';
import { Arena } from './arena.js';
import { errnoName, libc, Socket } from './libc.js';

const AF_UNIX = 1;
const SOCK_STREAM = 1;

export interface SocketPair {
  readonly stream: Stream;
  /** The other end, to be closed here once the other process has it. */
  readonly fd: number;
}

/** One end that came from the process which made the pair. */
export function streamOf(fd: number): Stream {
  return new Stream({ fd, readable: true, writable: true });
}

/** Throws Error with what the system said. */
export function socketPair(): SocketPair {
  const c = libc();
  const { view, base } = new Arena(64);
  if (c.socketpair(AF_UNIX, SOCK_STREAM | Socket.SOCK_CLOEXEC | Socket.SOCK_NONBLOCK, 0, base) !== 0)
    throw new Error(`no pair of sockets: ${errnoName(c.errno())}`);
  return {
    stream: streamOf(view.getInt32(0, true)),
    fd: view.getInt32(4, true),
  };
}

/** Two ends of one stream: one for this process, one for a process that it starts. */
import { Socket as Stream } from 'node:net';
import { descriptorPair, PairType } from './descriptor-pair.js';
import { errnoName, libc } from './libc.js';

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
  const pair = descriptorPair(PairType.stream);
  if (!pair) throw new Error(`no pair of sockets: ${errnoName(libc().errno())}`);
  return { stream: streamOf(pair[0]), fd: pair[1] };
}

/**
 * A stream of Node over a descriptor that libuv would not take. It waits for sockets and pipes only: it is given one end of a
 * pair of sockets, under whose descriptor the other then takes its place. To epoll one is as good as the other, libuv asks it
 * when it waits next, and each read brings a whole message.
 */
import { Socket as Stream } from 'node:net';
import { descriptorPair, PairType } from './descriptor-pair.js';
import { libc } from './libc.js';

export interface AdoptedStream {
  readonly stream: Stream;
  /** The descriptor under which the stream has it; closed with the stream. */
  readonly fd: number;
}

/** Reads into one buffer; the bytes are valid during the call only. */
export interface OneBuffer {
  readonly buffer: Uint8Array;
  callback(length: number, bytes: Uint8Array): boolean;
}

/**
 * @param fd non-blocking; it stays the caller's, and the stream has a descriptor of its own
 * @returns undefined where there is no pair of sockets: `errno` says why
 */
export function adoptStream(fd: number, onread?: OneBuffer): AdoptedStream | undefined {
  const c = libc();
  const pair = descriptorPair(PairType.stream);
  if (!pair) return undefined;
  const [place, other] = pair;
  const options = { fd: place, readable: true, writable: false, ...(onread && { onread }) };
  const stream = new Stream(options);
  c.dup2(fd, place);
  c.close(other);
  return { stream, fd: place };
}

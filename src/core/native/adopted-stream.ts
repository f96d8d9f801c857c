/**
 * A stream of Node over a descriptor that libuv would not take. It waits for sockets and pipes only: it is given one end of a
 * pair of sockets, under whose descriptor the other then takes its place. To epoll one is as good as the other, libuv asks it
 * when it waits next, and each read brings a whole message.
 */
import { Socket as Stream } from 'node:net';
import { Arena } from './arena.js';
import { libc, Socket } from './libc.js';

const AF_UNIX = 1;
const SOCK_STREAM = 1;

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
  const { view, base } = new Arena(64);
  if (c.socketpair(AF_UNIX, SOCK_STREAM | Socket.SOCK_CLOEXEC | Socket.SOCK_NONBLOCK, 0, base) !== 0)
    return undefined;
  const [place, other] = [view.getInt32(0, true), view.getInt32(4, true)];
  const options = { fd: place, readable: true, writable: false, ...(onread && { onread }) };
  const stream = new Stream(options);
  c.dup2(fd, place);
  c.close(other);
  return { stream, fd: place };
}

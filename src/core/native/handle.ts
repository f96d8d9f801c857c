/** What stands behind a socket of Node. */
import type { Server, Socket } from 'node:net';

/** Its descriptor, which stays its own; undefined where there is none (any more). */
export function handleDescriptor(socket: Server | Socket): number | undefined {
  // Node has no public way to it. libuv's handles have told it on Unix since there are any.
  const fd = (socket as unknown as { _handle?: { fd?: number } | null })._handle?.fd;
  return fd === undefined || fd < 0 ? undefined : fd;
}

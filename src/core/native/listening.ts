/** Listening sockets that go from one process to another. */
import type { Server } from 'node:net';

/** The descriptor of a server that listens. Throws Error where there is none. */
export function descriptorOf(server: Server): number {
  // Node has no public way to it. libuv's handles have told it on Unix since there are any.
  const fd = (server as unknown as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) throw new Error('the listening socket has no descriptor');
  return fd;
}

/** Rejects with the system's error. */
export function listenAtDescriptor(server: Server, fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ fd }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Listening sockets that go from one process to another. */
import type { Server } from 'node:net';
import { handleDescriptor } from './handle.js';

/** The descriptor of a server that listens. Throws Error where there is none. */
export function descriptorOf(server: Server): number {
  const fd = handleDescriptor(server);
  if (fd === undefined) throw new Error('the listening socket has no descriptor');
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

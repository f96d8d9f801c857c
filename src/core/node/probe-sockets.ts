/** UDP sockets that are used once: what a NAT does is seen by them. */
import type { Endpoint } from '../lib/endpoint.js';
import { NumberedSockets } from './numbered-sockets.js';
import type { ProbePort } from './ports.js';

/** An answer is far shorter. */
const longestAnswer = 512;

/** @param heard gets what comes to the socket of that number, and owns it */
export function probePort(heard: (socket: number, bytes: Uint8Array, from: Endpoint) => void): ProbePort {
  const sockets = new NumberedSockets(heard, longestAnswer);
  return {
    send(number, request, server) {
      const socket = sockets.get(number) ?? sockets.make(number);
      socket.send(request, server.port, server.host, () => undefined);
    },
    close: (number) => {
      sockets.close(number);
    },
  };
}

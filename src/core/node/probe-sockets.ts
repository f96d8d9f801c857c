/** UDP sockets that are used once: what a NAT does is seen by them. */
import { NumberedSockets, type Heard, type Pin } from './numbered-sockets.js';
import type { ProbePort } from './ports.js';

/** An answer is far shorter. */
const longestAnswer = 512;

export function probePort(heard: Heard, pin: Pin): ProbePort {
  const sockets = new NumberedSockets(heard, pin, longestAnswer);
  return {
    send(number, request, server) {
      const socket = sockets.get(number) ?? sockets.make(number);
      socket?.send(request, server.port, server.host, () => undefined);
    },
    close: (number) => {
      sockets.close(number);
    },
  };
}

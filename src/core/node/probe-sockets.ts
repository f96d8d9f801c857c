/** UDP sockets that are used once, each with a port that the kernel gives it: what a NAT does is seen by them. */
import { createSocket, type Socket } from 'node:dgram';
import type { Endpoint } from '../lib/endpoint.js';
import type { ProbePort } from './ports.js';

/** An answer is far shorter. */
const longestAnswer = 512;

/** @param heard gets what comes to the socket of that number, and owns it */
export function probePort(heard: (socket: number, bytes: Uint8Array, from: Endpoint) => void): ProbePort {
  const open = new Map<number, Socket>();
  const close = (number: number): void => {
    const socket = open.get(number);
    open.delete(number);
    socket?.close();
  };
  const make = (number: number): Socket => {
    const socket = createSocket({
      type: 'udp4',
      lookup: (name, _options, callback) => {
        callback(null, name, 4);
      },
    });
    socket.unref();
    // What cannot be sent goes unanswered.
    socket.on('error', () => {
      if (open.get(number) === socket) close(number);
    });
    socket.on('message', (bytes, { address, port }) => {
      if (open.get(number) === socket && bytes.length <= longestAnswer)
        heard(number, new Uint8Array(bytes), { host: address, port });
    });
    open.set(number, socket);
    return socket;
  };
  return {
    send(number, request, server) {
      const socket = open.get(number) ?? make(number);
      socket.send(request, server.port, server.host, () => undefined);
    },
    close,
  };
}

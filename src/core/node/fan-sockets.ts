/** UDP sockets by number, each with a port that the kernel gives it: many ports of our NAT, of which one may become a way to a peer. */
import { createSocket, type Socket } from 'node:dgram';
import type { Endpoint } from '../lib/endpoint.js';
import type { FanSockets } from '../carriers/birthday/fan.js';

/** Routers that a packet passes unless it is told otherwise. */
const usualHops = 64;

interface Kept {
  readonly socket: Socket;
  hops: number;
}

/** @param heard gets what comes to the socket of that number, and owns it */
export function fanSockets(heard: (socket: number, bytes: Uint8Array, from: Endpoint) => void): FanSockets {
  const open = new Map<number, Kept>();
  const close = (number: number): void => {
    const kept = open.get(number);
    open.delete(number);
    kept?.socket.close();
  };
  const make = (number: number): Kept => {
    const socket = createSocket({
      type: 'udp4',
      lookup: (name, _options, callback) => {
        callback(null, name, 4);
      },
    });
    socket.unref();
    // What cannot be sent goes unanswered.
    socket.on('error', () => {
      if (open.get(number)?.socket === socket) close(number);
    });
    socket.on('message', (bytes, { address, port }) => {
      if (open.get(number)?.socket === socket) heard(number, new Uint8Array(bytes), { host: address, port });
    });
    // A port of all addresses; a TTL can be set once it has one.
    socket.bind({ port: 0, exclusive: true });
    const kept = { socket, hops: usualHops };
    open.set(number, kept);
    return kept;
  };
  const send = ({ socket }: Kept, packet: Uint8Array, { host, port }: Endpoint): void => {
    socket.send(packet, port, host, () => undefined);
  };
  return {
    send(number, packet, to, hops = usualHops) {
      const known = open.get(number);
      const kept = known ?? make(number);
      if (kept.hops === hops) {
        send(kept, packet, to);
        return;
      }
      const limited = (): void => {
        if (open.get(number) !== kept) return;
        kept.hops = hops;
        kept.socket.setTTL(hops);
        send(kept, packet, to);
      };
      if (known) limited();
      else kept.socket.once('listening', limited);
    },
    close,
  };
}

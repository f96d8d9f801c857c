/** Many ports of our NAT, of which one may become a way to a peer. */
import type { Socket } from 'node:dgram';
import type { Endpoint } from '../lib/endpoint.js';
import type { FanSockets } from '../carriers/birthday/fan.js';
import { NumberedSockets } from './numbered-sockets.js';

/** Routers that a packet passes unless it is told otherwise. */
const usualHops = 64;

/** @param heard gets what comes to the socket of that number, and owns it */
export function fanSockets(heard: (socket: number, bytes: Uint8Array, from: Endpoint) => void): FanSockets {
  const sockets = new NumberedSockets(heard);
  /** Where they are others than usual. */
  const hopsOf = new WeakMap<Socket, number>();
  const make = (number: number): Socket => {
    const socket = sockets.make(number);
    // A port of all addresses; a TTL can be set once it has one.
    return socket.bind({ port: 0, exclusive: true });
  };
  const send = (socket: Socket, packet: Uint8Array, { host, port }: Endpoint): void => {
    socket.send(packet, port, host, () => undefined);
  };
  return {
    send(number, packet, to, hops = usualHops) {
      const known = sockets.get(number);
      const socket = known ?? make(number);
      if ((hopsOf.get(socket) ?? usualHops) === hops) {
        send(socket, packet, to);
        return;
      }
      const limited = (): void => {
        if (sockets.get(number) !== socket) return;
        hopsOf.set(socket, hops);
        socket.setTTL(hops);
        send(socket, packet, to);
      };
      if (known) limited();
      else socket.once('listening', limited);
    },
    close: (number) => {
      sockets.close(number);
    },
  };
}

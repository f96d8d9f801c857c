/** Many ports of our NAT, of which one may become a way to a peer. */
import type { Socket } from 'node:dgram';
import type { FanSockets } from '../carriers/birthday/fan.js';
import { setHops } from '../native/udp-socket.js';
import { NumberedSockets, type Heard, type Pin } from './numbered-sockets.js';

/** They can be handed to the data plane. */
export interface HandedSockets extends FanSockets {
  /** Of the socket of this number, while it is open. */
  descriptor(socket: number): number | undefined;
}

export function fanSockets(heard: Heard, pin: Pin): HandedSockets {
  const sockets = new NumberedSockets(heard, pin);
  /** Where they are others than usual. */
  const hopsOf = new WeakMap<Socket, number | undefined>();
  return {
    send(number, packet, { host, port }, hops) {
      const socket = sockets.get(number) ?? sockets.make(number);
      if (!socket) return;
      const fd = sockets.descriptor(number);
      if (fd !== undefined && hopsOf.get(socket) !== hops) {
        hopsOf.set(socket, hops);
        setHops(fd, hops);
      }
      socket.send(packet, port, host, () => undefined);
    },
    descriptor: (number) => sockets.descriptor(number),
    close: (number) => {
      sockets.close(number);
    },
  };
}

/**
 * UDP sockets by number, each made when it is first named, with a port that the kernel gives it. What they send is an outer packet: it
 * leaves by the way out of this machine, also while routes lead everything through the network itself.
 */
import { createSocket, type Socket } from 'node:dgram';
import type { Endpoint } from '../lib/endpoint.js';
import { openUdpAt } from '../native/udp-at.js';
import { pinUdp } from '../native/udp-socket.js';

/** Gets what comes to the socket of that number, and owns it. */
export type Heard = (number: number, bytes: Uint8Array, from: Endpoint) => void;

/** Index of the interface by which IPv4 packets are to leave, whatever routes say; 0: routes decide. */
export type Pin = () => number;

interface Numbered {
  readonly socket: Socket;
  readonly fd: number;
  pin: number;
}

export class NumberedSockets {
  readonly #open = new Map<number, Numbered>();
  readonly #heard: Heard;
  readonly #pin: Pin;
  readonly #longest: number;

  /** @param longest bytes of what `heard` gets */
  constructor(heard: Heard, pin: Pin, longest = Infinity) {
    this.#heard = heard;
    this.#pin = pin;
    this.#longest = longest;
  }

  /** To send by it now. Undefined: there is no such socket. */
  get(number: number): Socket | undefined {
    const known = this.#open.get(number);
    if (!known) return undefined;
    const pin = this.#pin();
    if (pin !== known.pin) pinUdp({ fd: known.fd, ipv6: false }, pin, 0);
    known.pin = pin;
    return known.socket;
  }

  /** Bound already. Undefined: the system has no socket for us. */
  make(number: number): Socket | undefined {
    const pin = this.#pin();
    let fd: number;
    try {
      fd = openUdpAt(pin);
    } catch {
      return undefined;
    }
    const socket = createSocket({
      type: 'udp4',
      lookup: (name, _options, callback) => {
        callback(null, name, 4);
      },
    });
    // What cannot be sent goes unanswered.
    socket.on('error', () => {
      if (this.#open.get(number)?.socket === socket) this.close(number);
    });
    socket.on('message', (bytes, { address, port }) => {
      if (this.#open.get(number)?.socket === socket && bytes.length <= this.#longest)
        this.#heard(number, new Uint8Array(bytes), { host: address, port });
    });
    socket.bind({ fd, exclusive: true });
    socket.unref();
    this.#open.set(number, { socket, fd, pin });
    return socket;
  }

  /** Of the socket of this number, while it is open. */
  descriptor(number: number): number | undefined {
    return this.#open.get(number)?.fd;
  }

  close(number: number): void {
    const known = this.#open.get(number);
    this.#open.delete(number);
    known?.socket.close();
  }
}

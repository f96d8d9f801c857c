/**
 * A host of a network inside this process: an Ethernet interface on one side, TCP as streams of Node on the other. It does no I/O
 * and has no clock: its owner brings frames and calls `tick` when it asks to.
 */
import { Lwip, LwipError, type LwipEvent, type LwipOptions } from './lwip.js';
import { StackSocket, type SocketEngine } from './stack-socket.js';

export interface StackOptions extends Omit<LwipOptions, 'memoryLimit'> {
  /** `tick` is wanted in so many milliseconds; later calls replace earlier ones. */
  wake(inMs: number): void;
}

/** 200 connections with full windows, and room. */
const memoryLimit = 512 << 20;

/** Connections to ports of this host that one other host may hold at a time: of 900 in all (proxy.ts), so that no one takes them all. */
export const heldLimit = 256;

/** Why there is no connection, or no longer: the words of Node for what lwIP says. */
function failure(error: number, wasOpen: boolean): Error {
  const code =
    error === LwipError.reset
      ? wasOpen
        ? 'ECONNRESET'
        : 'ECONNREFUSED'
      : error === LwipError.memory
        ? 'ENOBUFS'
        : error === LwipError.aborted || error === LwipError.timeout
          ? 'ETIMEDOUT'
          : 'EHOSTUNREACH';
  return Object.assign(new Error(wasOpen ? `connection lost: ${code}` : `connection failed: ${code}`), {
    code,
  });
}

export class Stack {
  readonly #lwip: Lwip;
  readonly #options: StackOptions;
  readonly #sockets = new Map<number, StackSocket>();
  readonly #listeners = new Map<number, (socket: StackSocket) => void>();
  readonly #engine: SocketEngine;
  /** MAC of whose frame is looked at; who opened which connection, and how many each holds. */
  #from = '';
  readonly #holders = new Map<number, string>();
  readonly #held = new Map<string, number>();
  #settling = false;

  constructor(options: StackOptions) {
    this.#options = options;
    this.#lwip = new Lwip({
      mac: options.mac,
      ip: options.ip,
      prefix: options.prefix,
      mtu: options.mtu,
      memoryLimit,
      now: () => options.now(),
      random: () => options.random(),
      output: (frame) => {
        options.output(frame);
      },
    });
    const lwip = this.#lwip;
    this.#engine = {
      room: (id) => lwip.room(id),
      send: (id, bytes) => lwip.send(id, bytes) === LwipError.ok,
      flush: (id) => {
        lwip.flush(id);
        this.#settle();
      },
      taken: (id, length) => {
        lwip.taken(id, length);
        this.#settle();
      },
      finish: (id) => {
        lwip.finish(id);
        this.#settle();
      },
      forget: (id, reset) => {
        this.#sockets.delete(id);
        this.#release(id);
        if (reset) lwip.reset(id);
        else lwip.forget(id);
        this.#settle();
      },
    };
    this.#settle();
  }

  /** Connections that are open, opening or closing. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** A frame came. False: there was no room for it. */
  input(frame: Uint8Array): boolean {
    const taken = this.#lwip.input(frame);
    // A connection to us is open with the last frame of its handshake.
    this.#from = Buffer.from(frame.subarray(6, 12)).toString('latin1');
    this.#settle();
    this.#from = '';
    return taken;
  }

  tick(): void {
    this.#settle();
  }

  /** One more address of the interface: IPv6, 16 bytes. */
  addAddress(address: Uint8Array): boolean {
    return this.#lwip.addAddress(address);
  }

  /**
   * Opens a connection. The stream emits `connect` when it is open, or `error` with `code` ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH
   * or ENOBUFS; later perhaps `error` with ECONNRESET or ETIMEDOUT.
   *
   * @param address 4 or 16 bytes
   */
  connect(address: Uint8Array, port: number): StackSocket {
    const id = this.#lwip.open(address, port);
    if (id < 0) {
      const socket = new StackSocket(-1, this.#engine);
      socket.destroy(failure(id, false));
      return socket;
    }
    const socket = new StackSocket(id, this.#engine);
    this.#sockets.set(id, socket);
    this.#settle();
    return socket;
  }

  /** Takes connections for a port of this host. False when the port is taken. */
  listen(port: number, taken: (socket: StackSocket) => void): boolean {
    if (this.#listeners.has(port) || this.#lwip.listen(port) !== LwipError.ok) return false;
    this.#listeners.set(port, taken);
    return true;
  }

  /** Hands out what lwIP reported, until it reports no more, and asks for the next `tick`. */
  #settle(): void {
    if (this.#settling) return;
    this.#settling = true;
    try {
      for (;;) {
        const wait = this.#lwip.tick();
        const events = this.#lwip.takeEvents();
        for (const event of events) this.#deliver(event);
        if (events.length > 0) continue;
        // lwIP says so when no timer runs at all.
        this.#options.wake(Math.min(wait, 1_000));
        return;
      }
    } finally {
      this.#settling = false;
    }
  }

  #deliver(event: LwipEvent): void {
    if (event.kind === 'opened' && event.listener !== 0) {
      const taken = this.#listeners.get(event.listener);
      const socket = new StackSocket(event.id, this.#engine);
      this.#sockets.set(event.id, socket);
      socket.opened();
      if (taken && this.#hold(event.id)) taken(socket);
      else socket.destroy();
      return;
    }
    const socket = this.#sockets.get(event.id);
    if (!socket) return;
    if (event.kind === 'opened') socket.opened();
    else if (event.kind === 'data') socket.arrived(event.bytes);
    else if (event.kind === 'finished') socket.finished();
    else if (event.kind === 'drained') socket.drained();
    else socket.ended(failure(event.error, socket.isOpen));
  }

  /** False: whoever opened it holds as many as one host may. */
  #hold(id: number): boolean {
    const held = this.#held.get(this.#from) ?? 0;
    if (held >= heldLimit) return false;
    this.#held.set(this.#from, held + 1);
    this.#holders.set(id, this.#from);
    return true;
  }

  #release(id: number): void {
    const holder = this.#holders.get(id);
    if (holder === undefined) return;
    this.#holders.delete(id);
    const left = (this.#held.get(holder) ?? 1) - 1;
    if (left > 0) this.#held.set(holder, left);
    else this.#held.delete(holder);
  }
}

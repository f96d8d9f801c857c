/**
 * lwIP as a WebAssembly instance (scripts/lwip/glue.c): frames in and out, TCP connections by number. Memory of its own, bounded;
 * a broken invariant in it throws a `WebAssembly.RuntimeError` here, and the instance is not to be used again.
 *
 * What it reports is kept until the call into it has returned: nobody calls into lwIP from within lwIP.
 */
import { inflateRawSync } from 'node:zlib';
import { lwipImage } from './lwip-image.js';

/** `err_t` of lwIP (lwip/err.h), as far as it is told apart here. */
export const LwipError = { ok: 0, memory: -1, timeout: -3, aborted: -13, reset: -14, closed: -15 } as const;

/** What lwIP reported. `data` owns its bytes. */
export type LwipEvent =
  | { readonly kind: 'opened'; readonly id: number; readonly listener: number }
  | { readonly kind: 'data'; readonly id: number; readonly bytes: Buffer }
  | { readonly kind: 'finished'; readonly id: number }
  | { readonly kind: 'drained'; readonly id: number }
  | { readonly kind: 'ended'; readonly id: number; readonly error: number };

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  in_frame(): number;
  out_frame(): number;
  sending(): number;
  start(ip: number, mask: number, mtu: number, memoryLimit: number): void;
  input(length: number): number;
  tick(): number;
  tcp_open(addressLength: number, port: number): number;
  tcp_accept_at(port: number): number;
  tcp_room(id: number): number;
  tcp_send(id: number, length: number): number;
  tcp_flush(id: number): void;
  tcp_taken(id: number, length: number): void;
  tcp_finish(id: number): number;
  tcp_forget(id: number): void;
  tcp_reset(id: number): void;
  add_ip6(): number;
}

export interface LwipOptions {
  /** 6 bytes. */
  readonly mac: Uint8Array;
  /** IPv4 address as an unsigned 32-bit number, and its prefix length. */
  readonly ip: number;
  readonly prefix: number;
  readonly mtu: number;
  /** Bytes of memory it may take, all in all. */
  readonly memoryLimit: number;
  /** Milliseconds, from any beginning. */
  now(): number;
  /** An unsigned 32-bit number that nobody can guess: initial sequence numbers, ports. */
  random(): number;
  /** A frame to send; the bytes are valid during the call only. */
  output(frame: Uint8Array): void;
}

/** `struct { u32 in network order }` of a number, as a little-endian machine reads it. */
function networkOrder(ip: number): number {
  return ((ip >>> 24) | ((ip >>> 8) & 0xff00) | ((ip << 8) & 0xff0000) | (ip << 24)) >>> 0;
}

/** What is used of the engine's own interface (https://webassembly.github.io/spec/js-api/); TypeScript has it with the browser only. */
interface WasmEngine {
  readonly Module: new (program: Uint8Array) => object;
  readonly Instance: new (
    program: object,
    imports: Record<string, Record<string, (...numbers: number[]) => unknown>>,
  ) => { readonly exports: unknown };
}
const wasm = (globalThis as unknown as { readonly WebAssembly: WasmEngine }).WebAssembly;

let program: object | undefined;

export class Lwip {
  readonly #exports: Exports;
  readonly #inAt: number;
  readonly #outAt: number;
  readonly #sendingAt: number;
  /** Over the whole memory; made anew when that has grown. */
  #bytes: Uint8Array;
  #events: LwipEvent[] = [];

  /** Bytes that one `send` takes at most. */
  static readonly sendLimit = 65_536;
  /** Bytes of the longest frame that is taken. */
  static readonly frameLimit = 65_900;

  constructor(options: LwipOptions) {
    program ??= new wasm.Module(inflateRawSync(Buffer.from(lwipImage, 'base64')));
    const instance = new wasm.Instance(program, {
      evio: {
        now: () => options.now() >>> 0,
        random: () => options.random(),
        output: (length = 0) => {
          const at = this.#outAt;
          options.output(this.#memory().subarray(at, at + length));
        },
        opened: (id = 0, listener = 0) => this.#events.push({ kind: 'opened', id, listener }),
        data: (id = 0, at = 0, length = 0) => {
          const bytes = Buffer.from(this.#memory().subarray(at, at + length));
          this.#events.push({ kind: 'data', id, bytes });
        },
        finished: (id = 0) => this.#events.push({ kind: 'finished', id }),
        drained: (id = 0) => this.#events.push({ kind: 'drained', id }),
        ended: (id = 0, error = 0) => this.#events.push({ kind: 'ended', id, error }),
      },
    });
    this.#exports = instance.exports as Exports;
    this.#bytes = new Uint8Array(this.#exports.memory.buffer);
    this.#inAt = this.#exports.in_frame();
    this.#outAt = this.#exports.out_frame();
    this.#sendingAt = this.#exports.sending();
    this.#memory().set(options.mac.subarray(0, 6), this.#inAt);
    const mask = options.prefix === 0 ? 0 : (-1 << (32 - options.prefix)) >>> 0;
    this.#exports.start(
      networkOrder(options.ip),
      networkOrder(mask),
      options.mtu,
      Math.min(options.memoryLimit, 2 ** 31),
    );
  }

  /** Takes a whole Ethernet frame. False: it could not (memory is short, or the frame too long). */
  input(frame: Uint8Array): boolean {
    if (frame.length > Lwip.frameLimit) return false;
    this.#memory().set(frame, this.#inAt);
    return this.#exports.input(frame.length) === 0;
  }

  /** Runs the timers. Returns milliseconds until they want to run again. */
  tick(): number {
    return this.#exports.tick() >>> 0;
  }

  /** What was reported since the last call, in order. */
  takeEvents(): readonly LwipEvent[] {
    if (this.#events.length === 0) return this.#events;
    const taken = this.#events;
    this.#events = [];
    return taken;
  }

  /** @param address 4 or 16 bytes. Returns the number of the connection, or an `LwipError`. */
  open(address: Uint8Array, port: number): number {
    this.#memory().set(address, this.#inAt);
    return this.#exports.tcp_open(address.length, port);
  }

  /** Takes connections for a port. Returns an `LwipError`. */
  listen(port: number): number {
    return this.#exports.tcp_accept_at(port);
  }

  /** One more address of the interface, 16 bytes. False when there are too many. */
  addAddress(address: Uint8Array): boolean {
    this.#memory().set(address, this.#inAt);
    return this.#exports.add_ip6() >= 0;
  }

  /** Bytes that `send` would take now. */
  room(id: number): number {
    return Math.min(this.#exports.tcp_room(id), Lwip.sendLimit);
  }

  /** Sends bytes, at most `room`; they go out with `flush`. Returns an `LwipError`. */
  send(id: number, bytes: Uint8Array): number {
    this.#memory().set(bytes, this.#sendingAt);
    return this.#exports.tcp_send(id, bytes.length);
  }

  flush(id: number): void {
    this.#exports.tcp_flush(id);
  }

  /** So many bytes that came were used up: as many more may come. */
  taken(id: number, length: number): void {
    this.#exports.tcp_taken(id, length);
  }

  /** Nothing more will be sent. Returns an `LwipError`. */
  finish(id: number): number {
    return this.#exports.tcp_finish(id);
  }

  /** The number is given back; what was sent still arrives. */
  forget(id: number): void {
    this.#exports.tcp_forget(id);
  }

  /** The connection is reset and the number given back. */
  reset(id: number): void {
    this.#exports.tcp_reset(id);
  }

  #memory(): Uint8Array {
    // Memory that grew has another buffer.
    if (this.#bytes.buffer !== this.#exports.memory.buffer)
      this.#bytes = new Uint8Array(this.#exports.memory.buffer);
    return this.#bytes;
  }
}

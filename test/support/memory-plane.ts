/**
 * A node's data plane in one process: the real packet loop behind a packet port of memory, no kernel and no thread.
 *
 * Datagrams travel through a `MemoryNet`; the network interface is `transmit` (what the host sends) and `onFrame` (what
 * the host receives). Time is the net's clock, and what the plane tells comes through it: later, in order.
 */
import { LoopPlane } from '../../src/core/dataplane/plane/loop-plane.js';
import { arenaLength, Round } from '../../src/core/dataplane/loop/loop.js';
import type { Command } from '../../src/core/dataplane/plane/messages.js';
import type { PlaneListener, PlaneOptions, SessionKeys } from '../../src/core/dataplane/plane/plane.js';
import type { Endpoint } from '../../src/core/lib/endpoint.js';
import type { Clock } from '../../src/core/lib/env.js';
import { EvioError } from '../../src/core/lib/errors.js';
import { Arena } from '../../src/core/native/arena.js';
import { Kind, transitHeaderLength } from '../../src/core/wire/packet.js';
import { ArrayIo, arrayIoBytes, fromDevice } from './array-io.js';
import type { MemoryNet, MemorySocket } from './memory-net.js';
import { openWith } from './sealed.js';

/** The locally administered bit that the switch changes in its own address when it asks the host for groups. */
const querierBit = 4;

export interface MemoryPlaneHost {
  readonly net: MemoryNet;
  /** Address of the machine on the net, read whenever a socket is bound; the plane's `bindAddress` when given. */
  readonly host: string;
}

export class MemoryPlane extends LoopPlane {
  /** Called for every frame that the host would read from its interface, but for `onQuery`'s. */
  onFrame: (frame: Uint8Array) => void = () => undefined;
  /** Called for what the switch itself asks the host: which multicast groups it wants. */
  onQuery: (frame: Uint8Array) => void = () => undefined;
  /** Called for every packet between others that comes by: what a curious member could see. `via` is the link's slot. */
  onTransit: ((inner: Uint8Array, via: number) => void) | undefined;
  readonly deviceName: string;
  readonly #options: PlaneOptions;
  readonly #net: MemoryNet;
  readonly #clock: Clock;
  readonly #machine: MemoryPlaneHost;
  readonly #io: ArrayIo;
  /** For `onTransit`. */
  readonly #keys = new Map<number, { readonly slot: number; readonly keys: SessionKeys }>();
  #socket: MemorySocket | undefined;
  #cancelRest: () => void = () => undefined;
  #restEndsAt = Infinity;

  constructor(options: PlaneOptions, machine: MemoryPlaneHost) {
    const { net } = machine;
    const { clock } = net;
    const arena = new Arena(arenaLength + arrayIoBytes);
    const io = new ArrayIo(arena);
    super({
      options,
      arena,
      io,
      now: () => clock.now(),
      later: (fire) => clock.after(0, fire),
      snooping: true,
    });
    this.#options = options;
    this.#net = net;
    this.#clock = clock;
    this.#machine = machine;
    this.#io = io;
    this.deviceName = options.deviceName.replace('%d', '0');
  }

  get #host(): string {
    return this.#options.bindAddress ?? this.#machine.host;
  }

  get port(): number {
    return this.#socket?.endpoint.port ?? 0;
  }

  /** The endpoint of the socket on the net. */
  get endpoint(): Endpoint {
    return this.#socket?.endpoint ?? { host: this.#host, port: 0 };
  }

  /** Throws EVIO_ADDRESS_IN_USE when somebody on the net has the endpoint. */
  override async start(listener: PlaneListener): Promise<void> {
    this.#open(this.#options.port);
    await super.start(listener);
    this.#move();
  }

  override async stop(): Promise<void> {
    await super.stop();
    this.#socket?.close();
    this.#socket = undefined;
    this.#cancelRest();
    this.#keys.clear();
  }

  override async rebind(): Promise<void> {
    if (!this.running) return;
    const { port } = this;
    this.#socket?.close();
    this.#open(port);
  }

  #open(port: number): void {
    try {
      this.#socket = this.#net.open(this.#host, port, (bytes, from) => {
        this.#spy(bytes);
        this.#io.netIn.push({ bytes, from, segment: 0 });
        this.#move();
      });
    } catch {
      throw new EvioError('EVIO_ADDRESS_IN_USE', `UDP ${this.#host} port ${port} is taken`);
    }
  }

  /** The host sends a frame into the interface. */
  transmit(frame: Uint8Array): void {
    this.#io.deviceIn.push(fromDevice(frame));
    this.#move();
  }

  /** Somebody removes the interface. */
  removeDevice(): void {
    this.#io.deviceGone = true;
    this.#move();
  }

  override addKey(slot: number, keys: SessionKeys): void {
    this.#keys.set(keys.localIndex, { slot, keys: { ...keys, receiveKey: keys.receiveKey.slice() } });
    super.addKey(slot, keys);
  }

  protected override command(command: Command): void {
    super.command(command);
    this.#move();
  }

  /** What a packet thread does: moves packets until nothing moves, and sleeps until there is something to do. */
  #move(): void {
    if (!this.running) return;
    while (this.moveOnce() !== Round.idle);
    for (const { to, bytes, segment } of this.#io.netOut.splice(0)) {
      const step = segment > 0 ? segment : bytes.length;
      for (let at = 0; at < bytes.length; at += step) this.#socket?.send(bytes.subarray(at, at + step), to);
    }
    for (const { frame } of this.#io.deviceOut.splice(0)) {
      this.#clock.after(0, () => {
        if (!this.running) return;
        if (this.#isQuery(frame)) this.onQuery(frame);
        else this.onFrame(frame);
      });
    }
    this.#rest();
  }

  #rest(): void {
    const endsAt = this.now() + this.restMs;
    if (endsAt === this.#restEndsAt) return;
    this.#cancelRest();
    this.#restEndsAt = endsAt;
    if (endsAt === Infinity) return;
    this.#cancelRest = this.#clock.after(this.restMs, () => {
      this.#restEndsAt = Infinity;
      this.#move();
    });
  }

  #isQuery(frame: Uint8Array): boolean {
    const { mac } = this.#options;
    return mac.every((byte, i) => frame[6 + i] === (i === 0 ? byte ^ querierBit : byte));
  }

  #spy(packet: Uint8Array): void {
    if (!this.onTransit || packet.length < 8) return;
    const index = new DataView(packet.buffer, packet.byteOffset).getUint32(4, true);
    const held = this.#keys.get(index);
    const plain = held && openWith(held.keys.suite, held.keys.receiveKey, packet);
    if (plain?.[0] === Kind.transit) this.onTransit(plain.slice(1 + transitHeaderLength), held?.slot ?? -1);
  }
}

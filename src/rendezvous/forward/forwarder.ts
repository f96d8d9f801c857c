/** The UDP side of a relay, as the main thread sees it: `DgramForwarder` anywhere, `WorkerForwarder` where koffi loads. */
import type { Endpoint } from '../../core/lib/endpoint.js';
import type { CounterBlock } from '../counters.js';
import type { UdpSocket } from '../../core/native/udp-socket.js';
import type { HeldForwarding } from '../move/held.js';
import type { Association, Passed } from './forward-table.js';
import type { RowFacts } from './table-rows.js';

export interface ForwarderListener {
  /** A node proved its UDP address, or is heard by UDP again after `release`. */
  bound(association: number, endpoint: Endpoint): void;
  /** Packets (batch form of wire/relay.ts) for a node that is not reachable by UDP. The listener owns the batch. */
  hand(source: number, destination: number, batch: Uint8Array): void;
  /** The forwarding thread crashed; another begins soon, with its state. */
  restarted(reason: string): void;
  /** It cannot go on. */
  failed(error: Error): void;
}

export interface ForwardSockets {
  readonly socket: UdpSocket;
  readonly alternate: UdpSocket | undefined;
}

/** One whose sockets and associations another process can go on with. */
export interface MovableForwarder {
  readonly sockets: ForwardSockets;
  /** In the place of `open`: takes sockets that are another process's as well. Resolves when the thread is there; it rests. */
  adopt(sockets: ForwardSockets): Promise<void>;
  /** Comes to rest: what came before is told, and packets wait in the sockets from now on. */
  rest(): Promise<void>;
  held(): HeldForwarding;
  /**
   * Takes what the process before knew, while it rests. Returns the associations that were taken.
   *
   * @param networkOf number of the network of an association here; undefined: it is left out
   * @throws RangeError for what is none
   */
  fill(held: HeldForwarding, networkOf: (association: number) => number | undefined): RowFacts[];
  /** Goes on. @param anew after `fill` */
  begin(anew: boolean): void;
}

export interface Forwarder {
  /** Undefined where it cannot go to another process. */
  readonly movable: MovableForwarder | undefined;
  readonly counters: CounterBlock;
  /** Binds the data socket; resolves to its port. Rejects with the system's error (EADDRINUSE …). */
  open(host: string, port: number): Promise<number>;
  /** Binds the second STUN socket. Rejects as `open`. Call it after `open`. */
  openAlternate(host: string, port: number): Promise<number>;
  add(association: Association): void;
  remove(association: number): void;
  /** Packets for this node take its WebSocket until it is heard by UDP again. */
  release(association: number): void;
  /** Sends packets (batch form, known to be whole) that came by WebSocket. They are dropped where it is not bound. */
  deliver(destination: number, sourceId: Uint8Array, batch: Uint8Array): void;
  /** What went from UDP to UDP by an association so far; nothing of one that is not there. */
  passed(association: number): Passed;
  /** Idempotent. */
  stop(): Promise<void>;
}

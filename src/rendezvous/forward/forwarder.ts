/** The UDP side of a relay, as the main thread sees it: `DgramForwarder` anywhere, `WorkerForwarder` where koffi loads. */
import type { Endpoint } from '../../core/lib/endpoint.js';
import type { CounterBlock } from '../counters.js';
import type { Association } from './forward-table.js';

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

export interface Forwarder {
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
  /** Idempotent. */
  stop(): Promise<void>;
}

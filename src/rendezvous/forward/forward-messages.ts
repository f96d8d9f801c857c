/** Between the relay's main thread and its forwarding thread. */
import type { MessagePort } from 'node:worker_threads';
import type { Endpoint } from '../../core/lib/endpoint.js';
import { ThreadWord } from '../../core/native/supervised-thread.js';
import type { UdpSocket } from '../../core/native/udp-socket.js';
import type { Association } from './forward-table.js';
import type { RelayLimits } from '../limits.js';

export interface ForwardSetup {
  readonly port: MessagePort;
  readonly socket: UdpSocket;
  readonly wakeFd: number;
  /** Memory of the arena, mapped by the main thread; it outlives the thread. */
  readonly arenaAddress: number;
  readonly arenaLength: number;
  /** Memory of the `ForwardTable`, the `CounterBlock` and the control words. */
  readonly table: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
  readonly associations: readonly Association[];
  /** It reads and sends nothing before `begin`. */
  readonly rests: boolean;
  readonly alternate: UdpSocket | undefined;
  readonly limits: RelayLimits;
  readonly seed: number;
}

/** Words of `control`, Int32, behind those of `ThreadWord`. */
export const ControlWord = {
  /** Bytes on their way up and down, for the bounds below. */
  upBytes: ThreadWord.length,
  downBytes: ThreadWord.length + 1,
  length: ThreadWord.length + 2,
} as const;

/** Bytes that may wait for the other thread; more are dropped. */
export const queueLimit = 4 * 1024 * 1024;

/** To the forwarding thread. */
export type ForwardCommand =
  | { readonly type: 'add'; readonly association: Association }
  | { readonly type: 'remove'; readonly index: number }
  | { readonly type: 'release'; readonly index: number }
  | { readonly type: 'alternate'; readonly socket: UdpSocket }
  | {
      readonly type: 'deliver';
      readonly destination: number;
      readonly sourceId: Uint8Array;
      readonly batch: Uint8Array;
    }
  /** Ends the round, and reads and sends nothing any more; answered by `rests`, after all that came before. */
  | { readonly type: 'rest' }
  /** Goes on. With `anew` the table's memory was filled meanwhile. */
  | { readonly type: 'begin'; readonly anew: boolean }
  /** Crashes, for tests. */
  | { readonly type: 'crash' };

/** From the forwarding thread. */
export type ForwardEvent =
  | { readonly type: 'rests' }
  | { readonly type: 'bound'; readonly association: number; readonly endpoint: Endpoint }
  | {
      readonly type: 'hand';
      readonly source: number;
      readonly destination: number;
      readonly batch: Uint8Array;
    };

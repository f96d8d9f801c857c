/** Between the node and the thread of its stack. */
import type { Destination } from './destination.js';
import type { UserspaceOptions } from './options.js';

export interface StackSetup {
  /** A descriptor of the cable's end; it stays its owner's. */
  readonly cable: number;
  readonly mac: Uint8Array;
  readonly ip: number;
  readonly prefix: number;
  readonly ip6: Uint8Array | null;
  readonly mtu: number;
  readonly options: UserspaceOptions;
}

/** Of the thread. */
export type StackEvent =
  | { readonly kind: 'resolve'; readonly id: number; readonly host: string }
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn' | 'debug';
      readonly message: string;
      readonly fields: Record<string, unknown>;
    };

/** To the thread. */
export type StackCommand =
  | { readonly kind: 'resolved'; readonly id: number; readonly destination: Destination }
  | { readonly kind: 'stop' };

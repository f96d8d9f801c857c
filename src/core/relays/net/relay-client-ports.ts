/** What a `RelayClient` needs, and what it tells. */
import type { Keys } from '../../identity/keys.js';
import type { RelayFact } from '../../identity/network.js';
import type { Env } from '../../lib/env.js';
import type { EvioError } from '../../lib/errors.js';
import type { ProxyChoice } from '../../lib/proxy-url.js';
import type { AuthorEnds } from '../../wire/ledger.js';
import type { LedgerNews, Refusal, ToNode, Waiting, Welcome } from '../../wire/signal.js';
import type { Pins } from './dial.js';
import type { RelaySession } from './relay-channel.js';
import type { RelayNames } from './relay-names.js';

/** An answer to a question of ours, or news of the whole network. */
export type RelayAnswer = Extract<
  ToNode,
  { type: 'roster' | 'located' | 'found' | 'placed' | 'ledger' | 'applicants' }
>;

export interface RelayClientOptions {
  readonly relay: RelayFact;
  readonly keys: Keys;
  /** Asked at every attempt, so that a re-signed credential is used by the next one. */
  networkBytes(): Uint8Array;
  credential(): Uint8Array;
  /** Where the logs of our ledger end. */
  heads?(): AuthorEnds[];
  /** Statements that the relay must know to let us in. */
  brings?(): LedgerNews | undefined;
  /** UDP to the relay: when it last answered or carried something, and what an answer may take; both ms. */
  byUdp?(): { readonly aliveAt: number; readonly answerMs: number };
  /** Members that come back with us when the relay was lost; undefined: not known. */
  members?(): number | undefined;
  /** Program and version, up to 64 characters. */
  readonly agent: string;
  readonly env: Env;
  /** Asked at every attempt. */
  readonly pins?: Pins;
  readonly names?: RelayNames;
  readonly proxy?: ((host: string, port: number) => ProxyChoice | undefined) | undefined;
}

/** Events come on the caller's thread, never inside a call of `start`, `stop`, `nudge` or `sendData`. */
export interface RelayClientListener {
  up(welcome: Welcome, session: RelaySession): void;
  /** After the loss of a connection, and after every attempt that failed. */
  down(reason: EvioError, retryInMs: number): void;
  /** Admins have to let this node in, which the relay goes on waiting for. */
  waiting(waiting: Waiting): void;
  /** The relay said no, and will again until something changes: `nudge` then, or it is asked again in a minute. */
  refused(error: EvioError, code: Refusal, detail: string | undefined): void;
  member(credential: Uint8Array): void;
  /** @param id node id, 32 hexadecimal characters */
  presence(id: string, online: boolean): void;
  /** A member left for good, in its own words (identity/farewell.ts); not verified. */
  left(farewell: Uint8Array): void;
  /** Another process of the relay goes on: until this time, ms of the clock, it may be silent. */
  away(until: number): void;
  answer(message: RelayAnswer): void;
  /** Packets from `source` in batch form (wire/relay.ts), not yet checked to be whole. The listener owns both arrays. */
  data(source: Uint8Array, batch: Uint8Array): void;
  rtt(ms: number): void;
}

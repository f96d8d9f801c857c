/** What a relay needs of the node, and what the node hears of it. */
import type { Carriers } from '../carriers/carrier.js';
import type { DataPlane } from '../dataplane/plane/plane.js';
import type { RelayFact } from '../identity/network.js';
import type { Keys } from '../identity/keys.js';
import type { Endpoint } from '../lib/endpoint.js';
import type { Env } from '../lib/env.js';
import type { EvioError } from '../lib/errors.js';
import type { StunServer } from '../surroundings/stun-client.js';
import type { AuthorEnds } from '../wire/ledger.js';
import type { LedgerNews, Refusal, Waiting } from '../wire/signal.js';
import type { Pins } from './net/dial.js';
import type { ProxyChoice } from '../lib/proxy-url.js';
import type { RelayNames } from './net/relay-names.js';
import type { RelayTransport } from './relay-report.js';

export interface RelayContext {
  readonly keys: Keys;
  readonly networkBytes: Uint8Array;
  credential(): Uint8Array;
  /** Where the logs of our ledger end. */
  heads?(): AuthorEnds[];
  /** Statements for a relay that the network's signed facts do not name. */
  brings?(relay: RelayFact): LedgerNews | undefined;
  /** Program and version. */
  readonly agent: string;
  readonly env: Env;
  readonly plane: Pick<DataPlane, 'sendPacket' | 'setRelay' | 'relayHeardMs' | 'now'>;
  /** The interfaces that connections leave by; default: as routes say. */
  readonly pins?: Pins;
  /** Addresses of the relays' names; default: the machine's resolver alone. */
  readonly names?: RelayNames;
  /** The proxy by which a relay is reached; default: none. */
  readonly proxy?: (host: string, port: number) => ProxyChoice | undefined;
  /** The relay's WebSocket is one. */
  readonly carriers: Carriers;
}

/** What the node hears of its relays, whichever it is. */
export interface RelayNews {
  refused(error: EvioError, code: Refusal): void;
  member(credential: Uint8Array): void;
  presence(idText: string, online: boolean): void;
  /** A member left the network for good, in its own words (identity/farewell.ts); not verified. */
  left(farewell: Uint8Array): void;
  /** Statements of the ledger, and perhaps what the relay has of it. */
  ledger(url: string, message: LedgerNews): void;
  /** Who waits at this relay until admins let it in, told to admins. Not verified. */
  applicants(url: string, credentials: readonly Uint8Array[]): void;
  /** This node has to be let in by admins; the relay goes on waiting for them. */
  waiting(waiting: Waiting): void;
  /** A relay came, went, or changed between UDP and WebSocket: paths through relays must be chosen anew. */
  changed(): void;
  /** Told once it is known whether UDP reaches the relay, so that the transport named is the true one. */
  up(url: string, transport: RelayTransport): void;
  /** `server` sees our data socket as `observed`. */
  reflexive(server: Endpoint, observed: Endpoint): void;
  /** STUN servers that a relay brings: its addresses of every family, and its alternate port. */
  stunServers(servers: readonly StunServer[]): void;
}

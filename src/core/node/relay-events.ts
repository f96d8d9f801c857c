/** What relays tell: that we are welcome or not, who else is, and how they see us. */
import type { RelayFact } from '../identity/network.js';
import { shownRelay } from '../lib/relay-address.js';
import { fromBase64Url } from '../lib/bytes.js';
import type { Endpoint } from '../lib/endpoint.js';
import type { Env } from '../lib/env.js';
import type { EvioError } from '../lib/errors.js';
import type { OwnCredential } from '../membership/own-credential.js';
import type { OverlayHost } from '../overlay/overlay-host.js';
import type { Peers } from '../peer/peers.js';
import type { RelayTransport } from '../relays/relay-report.js';
import type { RelaySet, RelaySetListener } from '../relays/relay-set.js';
import type { StunServer } from '../surroundings/stun-client.js';
import type { Surroundings } from '../surroundings/surroundings.js';
import { ledgerNews, type LedgerNews, type Refusal, type Waiting, type Welcome } from '../wire/signal.js';
import type { Applicants } from './applicants.js';
import type { Arrivals } from './arrivals.js';
import type { NodeEvent } from './events.js';
import type { Farewells } from './farewells.js';
import type { LedgerEvents } from './ledger-events.js';
import type { OwnAddress } from './own-address.js';
import { clockToleranceMs, type ProvenClock } from './proven-clock.js';
import type { StateKeeper } from './state-keeper.js';
import type { WayEvents } from './ways.js';

/** Refusals that say nothing of this node. */
const aboutRelay: ReadonlySet<Refusal> = new Set<Refusal>(['network-not-allowed', 'version']);

export interface RelayEventParts {
  readonly env: Env;
  /** Id of the network. */
  readonly network: string;
  readonly credential: OwnCredential;
  /** Undefined: nobody corrects the clock. */
  readonly dates: ProvenClock | undefined;
  readonly keeper: StateKeeper;
  readonly relays: RelaySet;
  readonly surroundings: Surroundings;
  readonly members: Peers;
  readonly overlay: OverlayHost;
  readonly ledger: LedgerEvents;
  readonly arrivals: Arrivals;
  readonly ways: WayEvents;
  readonly tell: (event: NodeEvent) => void;
  readonly ownAddress: OwnAddress;
  readonly farewells: Farewells;
  readonly applicants: Applicants;
  /** The node cannot go on. */
  readonly fatal: (error: Error) => void;
}

export class RelayEvents implements RelaySetListener {
  readonly #parts: RelayEventParts;

  constructor(parts: RelayEventParts) {
    this.#parts = parts;
  }

  welcome(welcome: Welcome, { address }: RelayFact): void {
    const relay = shownRelay(address);
    const { env, credential, keeper } = this.#parts;
    this.#proveDate(welcome.date, relay);
    const receipt = welcome.receipt === null ? undefined : fromBase64Url(welcome.receipt);
    if (receipt && receipt.length > 0) {
      if (credential.receive(receipt)) keeper.setCredential(credential.bytes);
      else env.log.warn('receipt is not genuine', { relay });
    }
    for (const text of welcome.left ?? []) this.left(fromBase64Url(text) ?? new Uint8Array(0));
    for (const text of welcome.members) this.member(fromBase64Url(text) ?? new Uint8Array(0));
  }

  /** What is judged by date has to be judged by the right one, before all that the relay says. */
  #proveDate(date: number, relay: string): void {
    const { env, dates, credential, keeper, members } = this.#parts;
    const before = env.clock.date();
    const skewMs = dates?.prove(relay, date, credential.self.certificate.notAfter) ?? date - before;
    if (Math.abs(skewMs) <= clockToleranceMs) return;
    env.log.warn('clock differs from the relay', { relay, skewMs: Math.round(skewMs) });
    if (skewMs < 0) env.log.warn("this machine's clock is ahead: set it by NTP");
    if (env.clock.date() - before <= clockToleranceMs) return;
    env.log.warn("this machine's clock is behind: the relays' date is used");
    for (const bytes of keeper.credentials) members.take(bytes);
  }

  refused(error: EvioError, code: Refusal): void {
    const { members, relays, ownAddress, fatal } = this.#parts;
    if (code === 'address-taken' && ownAddress.taken()) return;
    // Alone and refused: nothing can come of waiting. With peers connected, or endpoints where one may answer, the
    // node goes on without this relay; and a full one may have room in a minute.
    const hope = members.all().some((peer) => peer.session.established || peer.remembered.length > 0);
    if (hope || relays.anyUp || code === 'full') return;
    // What one relay says of itself is not what the others say: of two, one may be no relay of the network any more.
    if (!aboutRelay.has(code) || relays.allRefuse) fatal(error);
  }

  member(credential: Uint8Array): void {
    this.#parts.members.take(credential);
  }

  left(farewell: Uint8Array): void {
    this.#parts.farewells.heard(farewell);
  }

  ledger(url: string, message: LedgerNews): void {
    const { ledger, relays } = this.#parts;
    const lacking = ledger.relay(url, message);
    relays.tell(ledgerNews(lacking), url, true);
  }

  applicants(url: string, credentials: readonly Uint8Array[]): void {
    this.#parts.applicants.relay(url, credentials);
  }

  waiting({ approvals, needed }: Waiting): void {
    const { tell, network } = this.#parts;
    tell({ event: 'waiting', network, approvals, needed });
  }

  presence(idText: string, online: boolean): void {
    const { arrivals, overlay, ways, keeper, members } = this.#parts;
    if (online) {
      arrivals.appeared(idText);
      // To tell all of each were N² where many come at once, as after a relay was away.
      ways.appeared(idText);
      return;
    }
    overlay.offline(this.#now, idText);
    if (members.get(idText)) keeper.saw(idText);
    ways.waysChanged();
  }

  named(idTexts: readonly string[]): void {
    this.#parts.overlay.named(this.#now, idTexts);
  }

  roster(complete: boolean, size: number): void {
    this.#parts.overlay.roster(this.#now, complete, size);
  }

  changed(): void {
    this.#parts.ways.waysChanged();
  }

  up(url: string, transport: RelayTransport): void {
    const { tell, network } = this.#parts;
    tell({ event: 'relay-up', network, url, transport });
  }

  down(url: string, reason: string): void {
    const { tell, network } = this.#parts;
    tell({ event: 'relay-down', network, url, reason });
  }

  reflexive(server: Endpoint, observed: Endpoint): void {
    this.#parts.surroundings.observed(server, observed);
  }

  stunServers(servers: readonly StunServer[]): void {
    this.#parts.surroundings.ask(servers);
  }

  get #now(): number {
    return this.#parts.env.clock.now();
  }
}

/** Their names, for `Turn.outputs`. */
export const relayNewsNames: { readonly [K in keyof RelaySetListener]: true } = {
  welcome: true,
  refused: true,
  member: true,
  left: true,
  ledger: true,
  applicants: true,
  waiting: true,
  presence: true,
  named: true,
  roster: true,
  changed: true,
  up: true,
  down: true,
  reflexive: true,
  stunServers: true,
};

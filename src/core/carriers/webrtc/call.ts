/**
 * One call: a WebRTC connection to one member, from the first word about it to its end. Both sides repeat what they know
 * until the channel is open, so that a word that is lost costs a second and no more.
 *
 *   offering ──offer──▶ answering: answer for each offer
 *        └── candidates, as they are found: with the next offer or answer ──┘
 *   both ──▶ open ──silent, ended by either──▶ over
 */
import type { Endpoint } from '../../lib/endpoint.js';
import type { Clock } from '../../lib/env.js';
import type { IceCandidate, IceDescription, IceMessage } from '../../wire/ice.js';
import { iceKinds, maxIceCandidates } from '../../wire/ice.js';
import type { Connection, ConnectionListener } from './connection.js';

/** A call that is not open by then is given up: ICE tries each pair for some seconds, TURN costs two round trips. */
const openingMs = 15_000;
/** How often it is repeated what is known, and how long candidates are waited for before they are told, ms. */
const repeatMs = 1_000;
const gatherMs = 120;
/** What was sent is answered by then, or it is asked for an answer; and this long after, the call is dead, ms. */
const askAfterMs = 800;
const deadAfterMs = 3_000;

/** Messages of one byte: a packet is longer. */
const Beat = { ask: 0, answer: 1 } as const;

export interface CallPorts {
  readonly clock: Clock;
  /** Servers of ours that the other side may ask for its outer address. */
  servers(): readonly Endpoint[];
  connect(listener: ConnectionListener): Connection;
  /** To the other member, by the best way there is. */
  tell(message: IceMessage): void;
  /** A candidate of ours may be told, one of the other side used. */
  usable(candidate: IceCandidate, own: boolean): boolean;
  opened(how: string): void;
  /** Owns the packet. */
  packet(packet: Uint8Array): void;
  over(reason: string): void;
  /** Runs what the connection tells as an input of its own. */
  input(deed: () => void): void;
}

export class Call {
  readonly number: number;
  readonly offers: boolean;
  readonly #ports: CallPorts;
  readonly #connection: Connection;
  readonly #begunAt: number;
  #own: Omit<IceDescription, 'candidates'> | undefined;
  readonly #candidates: IceCandidate[] = [];
  readonly #taken = new Set<string>();
  #accepted = false;
  #tellAt = Infinity;
  #openedAt = Infinity;
  #endpoint = '';
  /** Since when what was sent is not answered. */
  #waitingAt = Infinity;
  #askedAt = -Infinity;
  #over = false;

  constructor(number: number, offers: boolean, ports: CallPorts) {
    this.number = number;
    this.offers = offers;
    this.#ports = ports;
    this.#begunAt = ports.clock.now();
    const input =
      <T extends readonly unknown[]>(deed: (...facts: T) => void) =>
      (...facts: T): void => {
        ports.input(() => {
          if (!this.#over) deed(...facts);
        });
      };
    this.#connection = ports.connect({
      described: input((description) => {
        this.#own = description;
        this.#soon(gatherMs);
      }),
      found: input((candidate) => {
        if (this.#candidates.length >= maxIceCandidates || !ports.usable(candidate, true)) return;
        this.#candidates.push(candidate);
        this.#soon(gatherMs);
      }),
      opened: input((endpoint, how) => {
        this.#endpoint = endpoint;
        this.#openedAt = ports.clock.now();
        this.#tellAt = Infinity;
        ports.opened(how);
      }),
      closed: input((reason) => {
        this.#end(reason);
      }),
      received: (message) => {
        this.#received(message);
      },
    });
  }

  get open(): boolean {
    return this.#openedAt !== Infinity && !this.#over;
  }

  /** How long it was open, ms. */
  openMs(now: number): number {
    return Math.max(0, now - this.#openedAt);
  }

  /** Where its packets go, for people: `webrtc://HOST:PORT`. */
  get label(): string {
    return `webrtc://${this.#endpoint}`;
  }

  /** When `tick` has something to do, ms of the clock. */
  get dueAt(): number {
    if (!this.open) return Math.min(this.#tellAt, this.#begunAt + openingMs);
    if (this.#waitingAt === Infinity) return Infinity;
    return this.#askedAt >= this.#waitingAt ? this.#waitingAt + deadAfterMs : this.#waitingAt + askAfterMs;
  }

  /** The other side's description, as it is now. */
  take(now: number, description: IceDescription): void {
    if (this.#over) return;
    if (!this.#accepted) this.#connection.accept(description);
    this.#accepted = true;
    for (const candidate of description.candidates) {
      const { host, port } = candidate.endpoint;
      const key = `${host} ${port}`;
      // ICE drops what it has no room for; what is counted here is what the other side could make us send to.
      if (this.#taken.has(key) || this.#taken.size >= 2 * maxIceCandidates) continue;
      this.#taken.add(key);
      if (this.#ports.usable(candidate, false)) this.#connection.add(candidate);
    }
    // Who answers says so for each offer: the last answer may have been lost.
    if (!this.offers && this.#own && !this.open) this.#tell(now);
  }

  /** Sends a packet, or drops it. False: it was dropped. */
  send(packet: Uint8Array): boolean {
    if (!this.open) return false;
    if (this.#waitingAt === Infinity) this.#waitingAt = this.#ports.clock.now();
    return this.#connection.send(packet);
  }

  tick(now: number): void {
    if (this.#over) return;
    if (!this.open) {
      if (now >= this.#begunAt + openingMs) this.#end(this.#unmet);
      else if (now >= this.#tellAt) this.#tell(now);
      return;
    }
    if (now >= this.#waitingAt + deadAfterMs) this.#end('silent');
    else if (now >= this.#waitingAt + askAfterMs && this.#askedAt < this.#waitingAt) {
      this.#askedAt = now;
      this.#connection.send(Uint8Array.of(Beat.ask));
    }
  }

  /** Ends it, and tells nobody. */
  close(): void {
    this.#over = true;
    this.#connection.close();
  }

  /** A TURN server gave an address for it. */
  get served(): boolean {
    return this.#candidates.some(({ kind }) => kind === 'relay');
  }

  get #unmet(): string {
    const kinds = iceKinds.filter((kind) => this.#candidates.some((candidate) => candidate.kind === kind));
    return `no candidates of the two sides meet (ours: ${kinds.join(', ') || 'none'})`;
  }

  #received(message: Uint8Array): void {
    if (this.#over) return;
    this.#waitingAt = Infinity;
    if (message.length > 1) this.#ports.packet(message);
    else if (message[0] === Beat.ask) this.#connection.send(Uint8Array.of(Beat.answer));
  }

  #soon(ms: number): void {
    if (this.#own) this.#tellAt = Math.min(this.#tellAt, this.#ports.clock.now() + ms);
  }

  #tell(now: number): void {
    if (!this.#own) return;
    this.#tellAt = this.offers ? now + repeatMs : Infinity;
    const description = { ...this.#own, candidates: this.#candidates };
    const { number: call } = this;
    if (this.offers) this.#ports.tell({ type: 'offer', call, description, servers: this.#ports.servers() });
    else this.#ports.tell({ type: 'answer', call, description });
  }

  #end(reason: string): void {
    this.close();
    this.#ports.over(reason);
  }
}

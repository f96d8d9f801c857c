/**
 * Keeps one node registered at one relay: connects, notices when the path dies, comes back.
 *
 * It knows no peers and no UDP: the owner sends binds and packets to `RelaySession.endpoint` through the data plane.
 * The names of relays are resolved anew at every attempt (relay-names.ts).
 */
import type { RelayFact } from '../../identity/network.js';
import { fromBase64Url, toBase64Url } from '../../lib/bytes.js';
import { EvioError, messageOf } from '../../lib/errors.js';
import { waitAfter } from './backoff.js';
import { TokenBucket } from '../../lib/token-bucket.js';
import {
  CloseCode,
  type FindRequest,
  type LedgerNews,
  type LocateRequest,
  type PlacedRequest,
  type ToNode,
  type Welcome,
} from '../../wire/signal.js';
import { measured, timeoutMs, type RoundTrip } from '../../peer/round-trip.js';
import type { RelayClientListener, RelayClientOptions } from './relay-client-ports.js';
import { ReadBudget } from './read-budget.js';
import { RelayChannel, unreachable, type ChannelEnd, type RelaySession } from './relay-channel.js';

export type { RelayAnswer, RelayClientListener, RelayClientOptions } from './relay-client-ports.js';
export type { RelaySession } from './relay-channel.js';

/** A ping goes out when nothing was heard for this long, ms. About 50 B/s of TCP when idle. */
export const heartbeatMs = 5_000;
/** Unanswered heartbeats after which the path counts as dead. */
export const heartbeatsLost = 2;
/** What `nudge` waits for a sign of life, ms, or what an answer was measured to take. */
export const nudgeMs = 1_500;
/** `doubt` waits so many times that long while the relay answers by UDP. */
const doubtRounds = 3;
/** A connection that carried packets and then falls silent is asked for a sign of life after this long, ms: the address
 * of this machine's NAT may have changed, which no packet tells. */
const busyQuietMs = 1_000;
/** A connection counts as busy for this long after its last packet, ms. */
const busyForMs = 10_000;
/** The round trip is measured at least this often, ms, also while data flows. */
const measureMs = 30_000;
const busyMeasureMs = 5_000;
/** From the start of an attempt to the welcome, ms. */
const attemptMs = 10_000;
/** Requests to a relay: less than it answers (rendezvous/member-connection.ts). */
const requestRate = { perSecond: 4, burst: 32 };
/** Between attempts to come to another process of the relay, ms: at random up to this. */
const moveMs = 1_000;
/** A relay that another process goes on for may be silent for so long, ms: it is started again. */
const awayMs = 4_000;
/** What is still on its way by the connection of before has so long, ms. */
const retireMs = 8_000;

export class RelayClient {
  readonly relay: RelayFact;
  readonly #options: RelayClientOptions;
  readonly #listener: RelayClientListener;
  #channel: RelayChannel | undefined;
  #running = false;
  #lingers = false;
  /** To the process of the relay that goes on, while the one that leaves still serves us by `#channel`. */
  #next: RelayChannel | undefined;
  /** What is still on its way by it counts. */
  #retiring: RelayChannel | undefined;
  #cancelMove: (() => void) | undefined;
  #cancelRetire: (() => void) | undefined;
  /** Cancels the wait before the next attempt. */
  #cancelRetry: (() => void) | undefined;
  #cancelHeartbeat: (() => void) | undefined;
  #cancelNudge: (() => void) | undefined;
  #cancelWatch: (() => void) | undefined;
  #dataAt = 0;
  #awayUntil = -Infinity;
  #failures = 0;
  /** When the relay was lost or first tried, for the long back-off. */
  #downSince = 0;
  #attemptAt = 0;
  #heardAt = 0;
  #missed = 0;
  #pingId = 0;
  #pingAt = 0;
  #pingOpen = false;
  #measuredAt = 0;
  #dropped = 0;
  readonly #trip: RoundTrip = { rttMs: null, rttVarMs: 0 };
  readonly #budget = new ReadBudget();
  #requests = new TokenBucket(requestRate.perSecond, requestRate.burst, 0);
  #answersRequests = false;

  constructor(options: RelayClientOptions, listener: RelayClientListener) {
    this.relay = options.relay;
    this.#options = options;
    this.#listener = listener;
  }

  get state(): 'stopped' | 'connected' | 'connecting' | 'down' {
    if (!this.#running) return 'stopped';
    if (this.#channel?.up) return 'connected';
    return this.#channel ? 'connecting' : 'down';
  }

  /** Of the connection, while it is up. */
  get descriptor(): number | undefined {
    return this.#channel?.descriptor;
  }

  /** When the relay, or its machine, gave a sign of life last: ms of the clock, 0 for never. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Batches that `sendData` dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#failures = 0;
    this.#downSince = this.#now();
    this.#retryIn(0);
  }

  /** Idempotent. No event comes after it. */
  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#cancelRetry?.();
    this.#cancelMove?.();
    this.#cancelRetire?.();
    this.#stopTimers();
    const channel = this.#channel;
    const others = [this.#next, this.#retiring];
    this.#channel = this.#next = this.#retiring = undefined;
    for (const one of [channel, ...others]) one?.close();
  }

  /** From now on no connection is made in place of one that ends. */
  linger(): void {
    this.#lingers = true;
    this.#cancelRetry?.();
    this.#cancelMove?.();
  }

  /** Sends a batch (wire/relay.ts) to a member. False: not connected or the buffer is full, and it was dropped. */
  sendData(destination: Uint8Array, batch: Uint8Array): boolean {
    const sent = this.#channel?.sendData(destination, batch) ?? false;
    if (sent) this.#busy();
    else this.#dropped++;
    return sent;
  }

  /**
   * Asks the relay. False when it is not connected, knows no requests (the first version), or was asked too much: then
   * no `answer` comes. It may also fail to come when the connection breaks.
   */
  request(message: LocateRequest | FindRequest | PlacedRequest): boolean {
    if (!this.#channel?.up || !this.#answersRequests || !this.#requests.take(1, this.#now())) return false;
    return this.#channel.send(message);
  }

  /** Says that this node leaves the network for good. Nothing happens while it is not connected. */
  leave(farewell: Uint8Array): void {
    if (this.#channel?.up) this.#channel.send({ type: 'leave', farewell: toBase64Url(farewell) });
  }

  /** Sends statements of the ledger. False when the relay is not connected, or knows no ledgers: it says nothing to them. */
  tell(message: LedgerNews): boolean {
    return this.#channel?.up === true && this.#channel.send(message);
  }

  /**
   * Something changed: the network, or the credential after a refusal. A live connection must answer within 1.5 s, or
   * within what its answers take, or is replaced; a waiting client tries at once.
   */
  nudge(): void {
    this.#askAlive(1);
  }

  /**
   * The relay may have given the connection up, and a NAT have forgotten it. It is made anew at once, which takes less time than to ask
   * whether it lives.
   *
   * @param why the machine slept, or packets leave by another interface
   */
  resume(why: string): void {
    if (!this.#running || this.#channel?.waits === true) return;
    this.#cancelMove?.();
    this.#next?.close();
    this.#next = undefined;
    this.#failures = -1;
    this.#downSince = this.#now();
    if (this.#channel) this.#channel.terminate(why);
    else this.#retryIn(0);
  }

  /**
   * Something that goes through relays is not answered. As `nudge`, but a relay that answers by UDP is alive, and its
   * connection may only be slow: it has three times as long. An attempt under way goes on.
   */
  doubt(): void {
    if (this.#now() < this.#awayUntil) return;
    if (!this.#channel || this.#channel.up) this.#askAlive(doubtRounds);
  }

  #askAlive(rounds: number): void {
    if (!this.#running) return;
    if (!this.#channel) {
      this.#failures = 0;
      this.#downSince = this.#now();
      this.#retryIn(0);
    } else if (this.#channel.up) {
      if (this.#cancelNudge) return;
      this.#ping();
      this.#awaitLife(this.#now(), rounds);
    } else if (!this.#channel.waits && this.#now() - this.#attemptAt > nudgeMs) {
      // The attempt began before the change, so its packets may go the old way.
      const stale = this.#channel;
      this.#failures = -1;
      stale.terminate('the network changed');
    }
  }

  /** Ends the connection when it stays silent; after a round, unless there is another and UDP has answered meanwhile. */
  #awaitLife(asked: number, rounds: number): void {
    const udp = this.#options.byUdp?.();
    const waitMs = Math.max(nudgeMs, timeoutMs(this.#trip), udp?.answerMs ?? 0);
    this.#cancelNudge = this.#options.env.clock.after(waitMs, () => {
      this.#cancelNudge = undefined;
      if (this.#heardAt >= asked) return;
      if (rounds > 1 && (this.#options.byUdp?.().aliveAt ?? -Infinity) >= asked) {
        this.#awaitLife(asked, rounds - 1);
        return;
      }
      this.#failures = -1; // the end of this connection, told by `ended`, is not yet a failed attempt
      this.#channel?.terminate(`no sign of life for ${Math.round(this.#now() - asked)} ms`);
    });
  }

  #now(): number {
    return this.#options.env.clock.now();
  }

  #retryIn(ms: number): void {
    this.#cancelRetry?.();
    this.#cancelRetry = this.#options.env.clock.after(ms, () => {
      this.#cancelRetry = undefined;
      this.#connect();
    });
  }

  #connect(): void {
    if (!this.#running || this.#lingers || this.#channel) return;
    this.#attemptAt = this.#now();
    this.#channel = this.#open();
  }

  /** A connection that begins; undefined when it ended at once. */
  #open(): RelayChannel | undefined {
    const { relay, keys, agent, env } = this.#options;
    let channel: RelayChannel;
    // Events of an old channel are not ours any more: `current` guards every one.
    const current = (): boolean => this.#running && this.#channel === channel;
    const next = (): boolean => this.#running && this.#next === channel;
    try {
      channel = new RelayChannel(
        {
          relay,
          keys,
          networkBytes: this.#options.networkBytes(),
          credential: this.#options.credential(),
          agent,
          heads: this.#options.heads?.(),
          brings: this.#options.brings?.(),
          env,
          pins: this.#options.pins,
          names: this.#options.names,
          proxy: this.#options.proxy,
          budget: this.#budget,
          timeoutMs: attemptMs,
        },
        {
          welcome: (welcome, session) => {
            if (next()) this.#moved(channel);
            if (current()) this.#up(welcome, session);
          },
          waiting: (waiting) => {
            if (current()) this.#listener.waiting(waiting);
          },
          message: (message) => {
            if (current()) this.#message(message);
            else if (this.#retiring === channel && message.type === 'pong') channel.close();
          },
          data: (source, batch) => {
            if (!current() && (!this.#running || this.#retiring !== channel)) return;
            this.#busy();
            this.#listener.data(source, batch);
          },
          heard: () => {
            if (current()) this.#heardAt = this.#now();
          },
          ended: (end) => {
            if (next()) {
              this.#next = undefined;
              this.move();
            } else if (current()) this.#ended(end);
            else if (this.#retiring === channel) this.#retiring = undefined;
          },
        },
      );
    } catch (thrown) {
      const error = thrown instanceof EvioError ? thrown : unreachable(relay, messageOf(thrown), thrown);
      this.#ended({ code: 1006, error });
      return undefined;
    }
    return channel;
  }

  /** Another process of the relay goes on, or packets leave by another interface: a connection is made before this one is left. */
  move(): void {
    this.#cancelMove?.();
    this.#cancelMove = this.#options.env.clock.after(this.#options.env.random.unit() * moveMs, () => {
      this.#cancelMove = undefined;
      if (!this.#running || this.#lingers || this.#next || !this.#channel?.up) return;
      this.#next = this.#open();
    });
  }

  #moved(channel: RelayChannel): void {
    const before = this.#channel;
    this.#retiring?.close();
    this.#retiring = before;
    this.#channel = channel;
    this.#next = undefined;
    this.#stopTimers();
    // Its answer is behind all that is on its way to us by that connection, and the question behind all that we sent.
    before?.send({ type: 'ping', id: 0 });
    this.#cancelRetire?.();
    this.#cancelRetire = this.#options.env.clock.after(retireMs, () => before?.close());
  }

  #up(welcome: Welcome, session: RelaySession): void {
    this.#failures = 0;
    this.#missed = 0;
    this.#pingOpen = false;
    this.#heardAt = this.#now();
    this.#requests = new TokenBucket(requestRate.perSecond, requestRate.burst, this.#heardAt);
    this.#answersRequests = welcome.complete !== undefined;
    this.#listener.up(welcome, session);
    this.#ping();
    this.#beat();
  }

  #message(message: Exclude<ToNode, { type: 'welcome' | 'refused' | 'waiting' }>): void {
    if (message.type === 'pong') {
      if (!this.#pingOpen || message.id !== this.#pingId) return;
      this.#pingOpen = false;
      this.#missed = 0;
      this.#measuredAt = this.#now();
      measured(this.#trip, this.#measuredAt - this.#pingAt);
      this.#listener.rtt(this.#measuredAt - this.#pingAt);
    } else if (message.type === 'presence') {
      this.#listener.presence(message.id, message.online);
    } else if (message.type === 'left') {
      const farewell = fromBase64Url(message.farewell);
      if (farewell) this.#listener.left(farewell);
    } else if (message.type === 'away') {
      this.#awayUntil = this.#now() + awayMs;
      this.#listener.away(this.#awayUntil);
      this.move();
    } else if (message.type === 'member') {
      const credential = fromBase64Url(message.credential);
      if (credential) this.#listener.member(credential);
    } else {
      this.#listener.answer(message);
    }
  }

  /** Unless one is under way: nothing overtakes it, and its answer is as good. */
  #ping(): void {
    if (this.#pingOpen) return;
    this.#pingId = (this.#pingId + 1) & 0xffff;
    this.#pingAt = this.#now();
    this.#pingOpen = true;
    this.#channel?.send({ type: 'ping', id: this.#pingId });
  }

  #beat(): void {
    this.#cancelHeartbeat?.();
    this.#cancelHeartbeat = this.#options.env.clock.after(heartbeatMs, () => {
      const quiet = this.#now() - this.#heardAt >= heartbeatMs - 100;
      if (!quiet) this.#missed = 0;
      else if (this.#pingOpen && ++this.#missed >= heartbeatsLost) {
        this.#channel?.terminate(`no sign of life for ${Math.round((this.#now() - this.#heardAt) / 1000)} s`);
        return;
      }
      const busy = this.#now() - this.#dataAt < busyForMs;
      if (quiet || this.#now() - this.#measuredAt >= (busy ? busyMeasureMs : measureMs)) this.#ping();
      this.#beat();
    });
  }

  #busy(): void {
    this.#dataAt = this.#now();
    if (!this.#cancelWatch) this.#watch();
  }

  /** Looks once a second, for as long as packets use the connection. */
  #watch(): void {
    this.#cancelWatch = this.#options.env.clock.after(busyQuietMs, () => {
      this.#cancelWatch = undefined;
      const now = this.#now();
      if (now - this.#dataAt >= busyForMs) return;
      if (now - this.#heardAt >= busyQuietMs) this.doubt();
      this.#watch();
    });
  }

  #stopTimers(): void {
    this.#cancelHeartbeat?.();
    this.#cancelNudge?.();
    this.#cancelWatch?.();
    this.#cancelHeartbeat = this.#cancelNudge = this.#cancelWatch = undefined;
  }

  #ended(end: ChannelEnd): void {
    if (end.answered) this.#heardAt = this.#now();
    const wasUp = this.#cancelHeartbeat !== undefined;
    this.#channel = undefined;
    this.#stopTimers();
    if (this.#lingers) return;
    if (wasUp) this.#downSince = this.#now();
    if (this.#next) {
      // The relay went before the other process had taken us in: that attempt is the one to wait for.
      this.#channel = this.#next;
      this.#next = undefined;
      this.#listener.down(end.error, 0);
      return;
    }
    const attempt = end.refusal || end.code === CloseCode.replaced ? 0 : this.#failures++;
    const { env } = this.#options;
    const retryIn = waitAfter(
      end,
      attempt,
      this.#now() - this.#downSince,
      env.random,
      this.#options.members?.(),
    );
    this.#retryIn(retryIn);
    if (end.refusal) this.#listener.refused(end.error, end.refusal.code, end.refusal.detail);
    else this.#listener.down(end.error, retryIn);
  }
}

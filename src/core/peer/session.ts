/**
 * The session with one peer: handshakes, keypairs, rekeying. A machine without I/O.
 *
 * Timers and the idea of three keypairs are WireGuard's (paper, section 6). Two differences: an initiation of ours
 * and one of the peer's are kept apart, so that both sides may begin at once; and the first retries come fast, because
 * a relay may still be learning that the peer exists.
 */
import type { HeldCounters, HeldKey, Path, SessionKeys } from '../dataplane/plane/plane.js';
import { wipe } from '../lib/bytes.js';
import type { Env } from '../lib/env.js';
import { CookieJar } from '../noise/cookie.js';
import {
  createInitiation,
  type Established,
  type InitiatorState,
  type PendingInitiation,
} from '../noise/ik.js';
import type { DhKeys } from '../noise/suite.js';
import { compareStamps, type StampSource } from '../noise/tai64n.js';
import {
  encodeInitPayload,
  encodeResponsePayload,
  type InitPayload,
  type ResponsePayload,
} from '../wire/handshake.js';
import type { Suite } from '../wire/packet.js';
import type { HeldSession } from './held.js';
import type { IndexTable } from './index-table.js';

/* Specification constants (WireGuard paper, table in section 6.1) */
export const rekeyAfterMs = 120_000;
/** A key lives this much longer than the moment of its rekey. */
export const rejectMarginMs = 60_000;

/* Tuning constants */
export const retryMs = [400, 600, 1_000, 2_000, 4_000, 5_000] as const;
/** A try that is further off than this is made at once when somebody asks for it. */
export const hurryMs = 1_000;
/** Once so many tries failed, ask less often. */
export const slowAfterTries = 8;
export const slowRetryMs = 15_000;
export const jitterMs = 333;
/** The responder rekeys itself when the initiator did not within this time. */
const responderGraceMs = 10_000;

/** What all sessions of a node share. */
export interface SessionContext {
  readonly env: Env;
  readonly localStatic: DhKeys;
  readonly prologue: Uint8Array;
  readonly suite: Suite;
  /** Names this process to peers; a process that goes on in the place of another takes over its number. */
  boot: number;
  readonly stamps: StampSource;
  readonly indexes: IndexTable<Session>;
  readonly rekeyAfterMs: number;
  credential(): Uint8Array;
}

export interface SessionPorts {
  /** Ways by which a handshake may reach the peer now, best first. Empty: there is none yet. */
  handshakePaths(): readonly Path[];
  /** A relay carries handshakes to the peer now. */
  relayed(): boolean;
  send(packet: Uint8Array, path: Path): void;
  /** Bytes of the credential that the peer will answer with, as far as we know. */
  answerLength(): number;
  /** `held`: what a process before this one did with them. */
  addKey(keys: SessionKeys, held?: HeldCounters): void;
  useKey(localIndex: number): void;
  removeKey(localIndex: number): void;
  /** An empty packet, which confirms the keys to the peer. */
  keepalive(): void;
  /** A keypair is in use. `restarted`: the peer is another process than before (or the first). */
  established(restarted: boolean): void;
  /** No keypair is left. */
  lost(): void;
}

interface Keypair {
  readonly localIndex: number;
  readonly initiator: boolean;
  readonly createdAt: number;
  confirmed: boolean;
}

interface Attempt {
  readonly state: InitiatorState;
  readonly index: number;
}

export class Session {
  readonly #context: SessionContext;
  readonly #ports: SessionPorts;
  readonly #remoteStatic: Uint8Array;
  readonly #cookies: CookieJar;
  readonly #keypairs: Keypair[] = [];
  #current: Keypair | undefined;
  #attempts: Attempt[] = [];
  #tries = 0;
  #retryAt = Infinity;
  /** The last try went by a relay, among other ways. */
  #byRelay = false;
  #lastStamp: Uint8Array | undefined;
  #peerBoot: number | undefined;
  #handshakeAt: number | undefined;
  #accepted = 0;
  /** The newest keypair is of another process of the peer; told once it is in use. */
  #restarted = false;

  constructor(context: SessionContext, ports: SessionPorts, remoteStatic: Uint8Array) {
    this.#context = context;
    this.#ports = ports;
    this.#remoteStatic = remoteStatic;
    this.#cookies = new CookieJar(remoteStatic);
  }

  get established(): boolean {
    return this.#current !== undefined;
  }

  /** True while a handshake of ours is under way. */
  get connecting(): boolean {
    return this.#retryAt !== Infinity;
  }

  /** Initiations sent since the last success. */
  get tries(): number {
    return this.#tries;
  }

  /** Initiations of the peer that were answered, ever. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Monotonic ms of the last completed handshake. */
  get handshakeAt(): number | undefined {
    return this.#handshakeAt;
  }

  /** When `tick` has something to do: ms of the clock, Infinity for never. */
  get dueAt(): number {
    let at = this.#retryAt === Infinity ? this.#rekeyAt : this.#retryAt;
    for (const pair of this.#keypairs) at = Math.min(at, this.#rejectAt(pair));
    return at;
  }

  /** When the keys in use are to be replaced. */
  get #rekeyAt(): number {
    const current = this.#current;
    if (!current) return Infinity;
    const { rekeyAfterMs } = this.#context;
    const grace = current.initiator ? 0 : Math.min(responderGraceMs, rekeyAfterMs);
    return current.createdAt + rekeyAfterMs + grace;
  }

  #rejectAt(pair: Keypair): number {
    return pair.createdAt + this.#context.rekeyAfterMs + rejectMarginMs;
  }

  /** Begins a handshake unless one is under way; `soon` also cuts a long retry wait short. */
  connect(now: number, soon = true): void {
    if (this.#retryAt === Infinity) {
      this.#tries = 0;
      this.#initiate(now);
    } else if (soon && this.#retryAt - now > hurryMs) {
      this.#tries = Math.min(this.#tries, 2);
      this.#initiate(now);
    }
  }

  /**
   * Ways through relays came or went. A handshake that began before there was one, as at the start of a node, is made again
   * at once: its next try would be up to 0.7 s away, and streams stand still meanwhile.
   */
  waysChanged(now: number): void {
    if (this.connecting && !this.#byRelay && this.#ports.relayed()) this.#initiate(now);
  }

  /**
   * The peer may have lost this session, which nothing tells: a handshake at once, beside the keys that stand. It counts as one with
   * another process, since what the peer had learnt of us would be gone as well.
   */
  renew(now: number): void {
    this.#restarted = true;
    this.#tries = 0;
    this.#initiate(now);
  }

  tick(now: number): void {
    const current = this.#current;
    for (const pair of [...this.#keypairs]) if (now >= this.#rejectAt(pair)) this.#drop(pair);
    if (current && this.#current === undefined) this.#ports.lost();
    if (this.#retryAt === Infinity && now >= this.#rekeyAt) this.connect(now);
    if (now >= this.#retryAt) this.#initiate(now);
  }

  /**
   * A verified initiation of this peer. The caller has checked gate, certificate and that it belongs to this peer.
   * False when its stamp is not newer than the last: a replay, or our own duplicate by another path.
   */
  acceptInitiation(now: number, initiation: PendingInitiation, payload: InitPayload, origin: Path): boolean {
    if (this.#lastStamp && compareStamps(payload.stamp, this.#lastStamp) <= 0) return false;
    this.#lastStamp = payload.stamp;
    this.#accepted++;
    const index = this.#context.indexes.allocate(this);
    const response: ResponsePayload = { boot: this.#context.boot, certificate: this.#context.credential() };
    const { packet, keys, suite } = initiation.respond({
      payload: encodeResponsePayload(response),
      senderIndex: index,
      random: this.#context.env.random,
    });
    this.#cookies.stamp(packet, now);
    this.#install(now, index, initiation.senderIndex, suite, keys, false, payload.boot);
    this.#ports.send(packet, origin);
    return true;
  }

  /** True for a stamp from before the last initiation that was accepted. */
  isPast(stamp: Uint8Array): boolean {
    return this.#lastStamp !== undefined && compareStamps(stamp, this.#lastStamp) < 0;
  }

  /** A response to one of our initiations. Undefined when it is not genuine; its payload otherwise, to be verified before `complete`. */
  openResponse(packet: Uint8Array, receiverIndex: number): Established | undefined {
    return this.#attempts.find((attempt) => attempt.index === receiverIndex)?.state.consumeResponse(packet);
  }

  /** Takes the keys of a response whose certificate was verified. */
  complete(now: number, established: Established, receiverIndex: number, boot: number): void {
    this.#attempts = this.#attempts.filter((attempt) => attempt.index !== receiverIndex);
    this.#abandonAttempts();
    this.#tries = 0;
    this.#install(
      now,
      receiverIndex,
      established.senderIndex,
      established.suite,
      established.keys,
      true,
      boot,
    );
  }

  /** A cookie reply addressed to one of our handshakes: the next try carries the cookie, and comes at once. */
  takeCookie(now: number, packet: Uint8Array): void {
    if (this.#cookies.consume(packet, now) && this.#retryAt !== Infinity) this.#retryAt = now;
  }

  /** The plane saw the first genuine packet under a key: the peer has it, so we may send with it. */
  confirm(now: number, localIndex: number): void {
    const pair = this.#keypairs.find((p) => p.localIndex === localIndex);
    if (!pair || pair.confirmed) return;
    this.#promote(now, pair);
  }

  /** The key runs out of numbers. */
  exhausted(now: number, localIndex: number): void {
    if (this.#current?.localIndex === localIndex) this.connect(now);
  }

  /** Forgets all keys: the peer said goodbye, or we remove it. */
  reset(): void {
    this.#abandonAttempts();
    for (const pair of [...this.#keypairs]) this.#drop(pair);
    this.#peerBoot = undefined;
    this.#handshakeAt = undefined;
  }

  /** For the process that goes on with it. */
  held(now: number): HeldSession {
    return {
      keypairs: this.#keypairs.map(({ localIndex, initiator, confirmed, createdAt }) => ({
        localIndex,
        initiator,
        confirmed,
        ageMs: now - createdAt,
      })),
      current: this.#current?.localIndex ?? null,
      peerBoot: this.#peerBoot ?? null,
      lastStamp: this.#lastStamp ?? null,
      handshakeAgeMs: this.#handshakeAt === undefined ? null : now - this.#handshakeAt,
      accepted: this.#accepted,
      wanted: this.connecting,
    };
  }

  /**
   * Goes on with the session of the process before, with those of its keys that there are. Only for a session that has not
   * begun. True when it is established.
   */
  adopt(now: number, held: HeldSession, keysOf: (localIndex: number) => HeldKey | undefined): boolean {
    for (const { localIndex, initiator, confirmed, ageMs } of held.keypairs) {
      const found = keysOf(localIndex);
      if (!found || !this.#context.indexes.reserve(localIndex, this)) continue;
      this.#ports.addKey(found.keys, found.counters);
      this.#keypairs.push({ localIndex, initiator, confirmed, createdAt: now - ageMs });
    }
    this.#peerBoot = held.peerBoot ?? undefined;
    this.#lastStamp = held.lastStamp ?? undefined;
    this.#accepted = held.accepted;
    this.#handshakeAt = held.handshakeAgeMs === null ? undefined : now - held.handshakeAgeMs;
    this.#current = this.#keypairs.find(({ localIndex }) => localIndex === held.current);
    if (this.#current) this.#ports.useKey(this.#current.localIndex);
    return this.#current !== undefined;
  }

  #initiate(now: number): void {
    const paths = this.#ports.handshakePaths();
    this.#byRelay = paths.some(({ kind }) => kind === 'relay' || kind === 'carrier');
    const step =
      this.#tries >= slowAfterTries
        ? slowRetryMs
        : (retryMs[Math.min(this.#tries, retryMs.length - 1)] ?? slowRetryMs);
    this.#retryAt = now + step + this.#context.env.random.unit() * jitterMs;
    if (paths.length === 0) return; // nothing to send it by: try again without counting
    this.#tries++;
    const index = this.#context.indexes.allocate(this);
    const payload: InitPayload = {
      stamp: this.#context.stamps.next(),
      boot: this.#context.boot,
      certificate: this.#context.credential(),
    };
    const { packet, state } = createInitiation({
      suite: this.#context.suite,
      prologue: this.#context.prologue,
      localStatic: this.#context.localStatic,
      remoteStatic: this.#remoteStatic,
      payload: encodeInitPayload(payload, this.#ports.answerLength()),
      senderIndex: index,
      random: this.#context.env.random,
    });
    this.#cookies.stamp(packet, now);
    // The last two are kept: a slow answer to the one before is still an answer.
    this.#attempts.push({ state, index });
    if (this.#attempts.length > 2) this.#abandon(this.#attempts.shift() as Attempt);
    for (const path of paths) this.#ports.send(packet, path);
  }

  #install(
    now: number,
    localIndex: number,
    remoteIndex: number,
    suite: Suite,
    keys: { send: Uint8Array; receive: Uint8Array },
    initiator: boolean,
    boot: number,
  ): void {
    this.#ports.addKey({ localIndex, remoteIndex, suite, sendKey: keys.send, receiveKey: keys.receive });
    wipe(keys.send);
    wipe(keys.receive);
    const pair: Keypair = { localIndex, initiator, createdAt: now, confirmed: initiator };
    this.#keypairs.push(pair);
    const restarted = this.#peerBoot !== boot;
    this.#peerBoot = boot;
    this.#handshakeAt = now;
    this.#restarted ||= restarted;
    if (initiator) {
      this.#promote(now, pair);
      this.#ports.keepalive();
    } else {
      // Unconfirmed keys of a flood of initiations must not pile up: keep the newest beside current and previous.
      const spare = this.#keypairs.filter((p) => !p.confirmed);
      if (spare.length > 2) this.#drop(spare[0] as Keypair);
    }
  }

  #promote(now: number, pair: Keypair): void {
    pair.confirmed = true;
    const previous = this.#current;
    this.#current = pair;
    this.#ports.useKey(pair.localIndex);
    for (const old of [...this.#keypairs]) {
      if (old !== pair && old !== previous && old.confirmed) this.#drop(old);
    }
    if (!pair.initiator) {
      this.#tries = 0;
      this.#abandonAttempts();
    }
    this.#handshakeAt = now;
    const restarted = this.#restarted || !previous;
    this.#restarted = false;
    this.#ports.established(restarted);
  }

  #drop(pair: Keypair): void {
    const at = this.#keypairs.indexOf(pair);
    if (at >= 0) this.#keypairs.splice(at, 1);
    if (this.#current === pair) this.#current = undefined;
    this.#ports.removeKey(pair.localIndex);
    this.#context.indexes.release(pair.localIndex);
  }

  #abandon(attempt: Attempt): void {
    attempt.state.destroy();
    this.#context.indexes.release(attempt.index);
  }

  #abandonAttempts(): void {
    for (const attempt of this.#attempts) this.#abandon(attempt);
    this.#attempts = [];
    this.#retryAt = Infinity;
  }
}

/**
 * Our membership goes on by itself: in good time this node asks an admin, one after the other, until one renews it. On a
 * machine that may invite it renews its own, and answers those who ask.
 *
 *   member ── renew (the certificate that it wishes) ──▶ admin: known, not barred, same name and address → signs
 *   member ◀──────────── renewed (credential) ────────── admin
 *
 * Nobody is told why there is no answer: it may only be lost. The member asks again, less and less often.
 */
import type { Keys } from '../identity/keys.js';
import type { LedgerKeeper } from '../ledger/keeper.js';
import type { Env } from '../lib/env.js';
import { TokenBucket } from '../lib/token-bucket.js';
import type { OwnCredential } from '../membership/own-credential.js';
import {
  isImprovement,
  renew,
  renewableOf,
  renewalDate,
  termOf,
  wishCertificate,
} from '../membership/renewal.js';
import type { Peer } from '../peer/peer.js';
import type { Peers } from '../peer/peers.js';
import { encodeTestimony } from '../wire/testimony.js';
import { knownAdmins } from './known-admins.js';
import type { Timed } from './pulse.js';

/** How often the date is looked at, ms: the machine's clock may be set meanwhile. */
const lookMs = 600_000;
/** An admin has so long to be reached, and so long to answer, ms. */
const answerMs = 4_000;
/** When no admin answered all are asked again after so long, twice as long each time, ms. */
const againFirstMs = 10_000;
const againLastMs = 3_600_000;
/** Requests that are looked at, at once and a second: each costs a few signatures. */
const heardAtOnce = 50;
const heardPerS = 20;

export interface RenewalsParts {
  readonly env: Env;
  readonly credential: OwnCredential;
  readonly ledger: LedgerKeeper;
  readonly members: Peers;
  /** How long a membership goes on, ms. */
  readonly lifeMs: number;
  /** The keys by which this machine may renew now; undefined: it may not. */
  readonly issuer: () => Keys | undefined;
  /** Seals and sends a control message to a connected peer. */
  readonly send: (peer: Peer, message: Uint8Array) => void;
  readonly connect: (peer: Peer) => void;
  /** Has relays look for a member that is not known here. */
  readonly seek: (idText: string) => void;
  /** The node has another credential: it is to be kept, and relays are to know it. */
  readonly renewed: (credential: Uint8Array) => void;
}

/** What reports say of our certificate. */
export interface RenewalReport {
  /** ms since 1970. */
  readonly until: number;
  /** Rounds in which no admin answered, since it is due; undefined while it is not. */
  readonly failures: number | undefined;
}

export class Renewals implements Timed {
  readonly #parts: RenewalsParts;
  readonly #chance: number;
  readonly #hearing: TokenBucket;
  /** When we look at the date, or ask. */
  #at: number;
  /** Admins of this round that were not asked yet; undefined between rounds. */
  #round: string[] | undefined;
  /** Who was asked last: its answer counts. */
  #asked: string | undefined;
  #failures: number | undefined;

  constructor(parts: RenewalsParts) {
    this.#parts = parts;
    const { clock, random } = parts.env;
    this.#chance = random.unit();
    this.#hearing = new TokenBucket(heardPerS, heardAtOnce, clock.now());
    // Not before the first members are known.
    this.#at = clock.now() + answerMs;
  }

  get dueAt(): number {
    return this.#at;
  }

  report(): RenewalReport {
    const now = this.#parts.env.clock.now();
    // Where the clock was wrong, and is right now, it is not due any more.
    const due = this.#dueIn(now) <= now;
    return { until: termOf(this.#parts.credential.self).until, failures: due ? this.#failures : undefined };
  }

  tick(now: number): void {
    if (now < this.#at) return;
    const dueAt = this.#dueIn(now);
    if (dueAt > now) {
      this.#failures = this.#round = this.#asked = undefined;
      this.#at = dueAt;
      return;
    }
    this.#failures ??= 0;
    const { issuer, credential, lifeMs, env, members, ledger } = this.#parts;
    const keys = issuer();
    if (keys) {
      const { self } = credential;
      const date = env.clock.date();
      const wish = wishCertificate(self, lifeMs, date);
      const renewed = renew(
        wish,
        renewableOf(self),
        self.network,
        keys,
        ledger.ledger.standing,
        lifeMs,
        date,
      );
      if (renewed) this.#take(now, renewed);
      else this.#again(now);
      return;
    }
    this.#round ??= knownAdmins(ledger.ledger.standing, members, credential.self.idText);
    const next = this.#round[0];
    if (next === undefined) {
      this.#again(now);
      return;
    }
    const peer = members.get(next);
    if (!peer) {
      this.#skip(now, next);
      return;
    }
    this.#at = now + answerMs;
    if (!peer.session.established) {
      // It has until the next time.
      if (this.#asked === next) {
        this.#skip(now, next);
        return;
      }
      this.#asked = next;
      this.#parts.connect(peer);
      return;
    }
    this.#round.shift();
    this.#asked = next;
    const wish = wishCertificate(credential.self, lifeMs, env.clock.date());
    this.#parts.send(peer, encodeTestimony({ type: 'renew', document: wish }));
  }

  /** A session with the member stands: it may be an admin that we wait for. */
  connected(now: number, { member }: Peer): void {
    if (this.#round?.[0] === member.idText) this.#at = now;
  }

  /** A member asks to be renewed. */
  requested(now: number, peer: Peer, wish: Uint8Array): void {
    const { issuer, credential, lifeMs, env, ledger, send } = this.#parts;
    const keys = issuer();
    const { standing } = ledger.ledger;
    const { member } = peer;
    if (!keys || standing.isBarred(member.idText) || !this.#hearing.take(1, now)) return;
    const { network } = credential.self;
    const renewed = renew(wish, member, network, keys, standing, lifeMs, env.clock.date());
    if (!renewed) {
      env.log.warn('a membership was not renewed', { peer: member.name });
      return;
    }
    env.log.info('membership renewed', { peer: member.name });
    send(peer, encodeTestimony({ type: 'renewed', document: renewed }));
  }

  /** An admin answers. */
  received(now: number, { member }: Peer, renewed: Uint8Array): void {
    if (this.#failures === undefined || this.#asked !== member.idText) return;
    const { credential, ledger, env } = this.#parts;
    if (isImprovement(renewed, credential.self, ledger.ledger.standing, env.clock.date()))
      this.#take(now, renewed);
  }

  #take(now: number, renewed: Uint8Array): void {
    const { credential, env } = this.#parts;
    if (!credential.adopt(renewed, undefined)) return;
    this.#failures = this.#round = this.#asked = undefined;
    this.#at = now + answerMs;
    const { until } = termOf(credential.self);
    env.log.info('our membership was renewed', { until: new Date(until).toISOString() });
    this.#parts.renewed(renewed);
  }

  #skip(now: number, idText: string): void {
    this.#round?.shift();
    this.#asked = undefined;
    this.#parts.seek(idText);
    this.#at = now;
    if (this.#round?.length === 0) this.#again(now);
  }

  /** Nobody answered. */
  #again(now: number): void {
    const { env, credential } = this.#parts;
    const failures = (this.#failures ?? 0) + 1;
    const waitMs = Math.min(againFirstMs * 2 ** (failures - 1), againLastMs);
    this.#failures = failures;
    this.#round = this.#asked = undefined;
    this.#at = now + Math.ceil(waitMs * (0.5 + env.random.unit() / 2));
    const { until } = termOf(credential.self);
    env.log.warn('no admin renews the membership of this machine', {
      until: new Date(until).toISOString(),
      failures,
    });
  }

  /** When we should ask, ms of the clock; at most `lookMs` ahead. */
  #dueIn(now: number): number {
    const { credential, env } = this.#parts;
    const inMs = renewalDate(termOf(credential.self), this.#chance) - env.clock.date();
    return now + Math.min(Math.max(inMs, 0), lookMs);
  }
}

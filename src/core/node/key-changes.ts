/**
 * Another key for this machine, and for those that ask this admin:
 *
 *   member ── rekey (its key names the next, the certificate that this is to have) ──▶ admin: known, not barred → signs
 *   member ◀──────────────────────── rekeyed (credential) ────────────────────────── admin
 *   member: the key and its credential are on disk, in one write; begins anew by them
 *   member ── comes with the credential, and waits ──▶ admin: the ledger says that this key follows that one
 *
 * Until the ledger says it the credential admits nobody, and from then on the old key is barred, everywhere at once and for
 * good. So there is one instant in which the machine changes, that of its own write: before it nothing has happened, after it
 * the machine waits until any admin has seen it. Nobody grants itself a key, the machine with the root key neither: others
 * hear that one key follows another only from somebody whom they know already. Of two keys that follow one only the first is ever taken.
 */
import { parseCredential, type Member } from '../identity/certificate.js';
import type { Keys } from '../identity/keys.js';
import { idOfKey } from '../ledger/statement.js';
import type { LedgerKeeper } from '../ledger/keeper.js';
import type { Env } from '../lib/env.js';
import { messageOf } from '../lib/errors.js';
import { equalBytes, toHex } from '../lib/bytes.js';
import { TokenBucket } from '../lib/token-bucket.js';
import { parseInvite } from '../identity/invite.js';
import { dayMs, isForKey, keysPerDay, renewForKey, wishNewKey } from '../membership/new-key.js';
import type { OwnCredential } from '../membership/own-credential.js';
import { reservedRoom, successionIn } from '../membership/succeed.js';
import type { Peer } from '../peer/peer.js';
import type { Peers } from '../peer/peers.js';
import { encodeTestimony } from '../wire/testimony.js';
import type { Timed } from './pulse.js';

/** An admin has so long to be reached, and to answer, ms. */
const answerMs = 2_000;
/** When none of them answered they are asked again after so long, ms. */
const againMs = 1_000;
/** Admins wait for the one who signed, ms: from once to twice that; after what failed, longer. */
const patienceMs = 3_000;
const failedMs = 60_000;
/** Requests that are looked at, at once and a second: each costs some signatures. */
const heardAtOnce = 8;
const heardPerS = 2;

export interface KeyChangesParts {
  readonly env: Env;
  readonly credential: OwnCredential;
  readonly ledger: LedgerKeeper;
  readonly members: Peers;
  readonly lifeMs: number;
  /** The keys by which this machine may renew now; undefined: it may not. */
  readonly issuer: () => Keys | undefined;
  /** True when this machine may end an admin of this rank. */
  readonly ends: (rank: number) => boolean;
  /** Node ids of the admins that are known, those first that are to be asked first. */
  readonly admins: () => string[];
  /** Who waits here to be let in. */
  readonly waiting: () => readonly Member[];
  readonly send: (peer: Peer, message: Uint8Array) => void;
  readonly connect: (peer: Peer) => void;
  /** Has relays look for a member that is not known here. */
  readonly seek: (idText: string) => void;
  /** Has the ledger say that this key, which waits, follows the one before. */
  readonly state: (idText: string) => Promise<unknown>;
}

interface Asking {
  readonly next: Keys;
  readonly until: number;
  readonly done: (credential: Uint8Array | undefined) => void;
  /** Who was not asked yet in this round. */
  round: string[];
  asked: string | undefined;
}

export class KeyChanges implements Timed {
  readonly #parts: KeyChangesParts;
  readonly #hearing: TokenBucket;
  #asking: Asking | undefined;
  /** When the member side does something. */
  #at = Infinity;
  /** When each that waits is let in, by node id. */
  readonly #due = new Map<string, number>();

  constructor(parts: KeyChangesParts) {
    this.#parts = parts;
    this.#hearing = new TokenBucket(heardPerS, heardAtOnce, parts.env.clock.now());
  }

  get dueAt(): number {
    let first = this.#at;
    for (const at of this.#due.values()) first = Math.min(first, at);
    return first;
  }

  tick(now: number): void {
    if (now >= this.#at) this.#ask(now);
    for (const [idText, at] of this.#due) {
      if (now < at) continue;
      this.#due.delete(idText);
      if (this.#parts.waiting().some((member) => member.idText === idText && this.#isDue(member)))
        this.#state(idText);
    }
  }

  // The member

  /**
   * Asks the admins, one after the other, for a credential of another key.
   *
   * @param untilMs how long. `done` gets undefined when nobody gave one by then
   */
  ask(now: number, next: Keys, untilMs: number, done: (credential: Uint8Array | undefined) => void): void {
    this.#asking?.done(undefined);
    this.#asking = { next, until: now + untilMs, done, round: [], asked: undefined };
    this.#at = now;
    this.#ask(now);
  }

  /** A session with the member stands: it may be an admin that we wait for. */
  connected(now: number, { member }: Peer): void {
    if (this.#asking?.asked === member.idText) this.#send(now, member.idText);
  }

  /** An admin answers. */
  received(credential: Uint8Array): void {
    const asking = this.#asking;
    if (!asking) return;
    const { credential: own, ledger, env } = this.#parts;
    const { standing } = ledger.ledger;
    if (isForKey(credential, asking.next.publicKey, own.self, standing, env.clock.date()))
      this.#end(credential);
  }

  #ask(now: number): void {
    const asking = this.#asking;
    if (!asking) {
      this.#at = Infinity;
      return;
    }
    if (now >= asking.until) {
      this.#end(undefined);
      return;
    }
    const { members, connect, seek, admins } = this.#parts;
    if (asking.round.length === 0) asking.round = admins();
    const next = asking.round.shift();
    this.#at = now + (next === undefined ? againMs : answerMs);
    asking.asked = next;
    const peer = next === undefined ? undefined : members.get(next);
    if (peer?.session.established) this.#send(now, peer.member.idText);
    else if (peer) connect(peer);
    else if (next !== undefined) seek(next);
  }

  #send(now: number, idText: string): void {
    const { members, credential, env, lifeMs, send } = this.#parts;
    const peer = members.get(idText);
    if (!this.#asking || !peer) return;
    const document = wishNewKey(credential.self, this.#asking.next, lifeMs, env.clock.date());
    send(peer, encodeTestimony({ type: 'rekey', document }));
    this.#at = now + answerMs;
  }

  #end(credential: Uint8Array | undefined): void {
    const done = this.#asking?.done;
    this.#asking = undefined;
    this.#at = Infinity;
    done?.(credential);
  }

  // The admin

  /** A member asks for a credential of another key. Nothing follows from the answer before the ledger says so. */
  requested(now: number, peer: Peer, wish: Uint8Array): void {
    const { issuer, credential, ledger, lifeMs, env, send, ends } = this.#parts;
    const keys = issuer();
    const { member } = peer;
    const { standing } = ledger.ledger;
    if (!keys || !this.#hearing.take(1, now)) return;
    const date = env.clock.date();
    // What could not be said to the ledger afterwards is not granted.
    const admin = standing.author(toHex(member.key));
    const sayable =
      standing.successionsSince(member.idText, date - dayMs) < keysPerDay &&
      ledger.ledger.spareOf(keys.publicKey) >= reservedRoom &&
      (admin?.active !== true || ends(admin.rank));
    const renewed = sayable
      ? renewForKey(wish, member, credential.self.network, keys, standing, lifeMs, date)
      : undefined;
    if (!renewed) {
      env.log.warn('another key was not granted', { peer: member.name });
      return;
    }
    send(peer, encodeTestimony({ type: 'rekeyed', document: renewed }));
  }

  /** Others wait than before, or the ledger says something else. */
  look(now: number): void {
    const { issuer, env, waiting } = this.#parts;
    if (!issuer()) return;
    for (const member of waiting()) {
      if (this.#due.has(member.idText) || !this.#isDue(member)) continue;
      const waitMs = this.#isOurs(member) ? 0 : Math.ceil(patienceMs * (1 + env.random.unit()));
      this.#due.set(member.idText, now + waitMs);
    }
  }

  #isOpen(before: string, idText: string): boolean {
    return this.#parts.ledger.ledger.standing.succession(before, idText) === 'open';
  }

  #isDue(member: Member): boolean {
    const follows = successionIn(member);
    return follows !== undefined && this.#isOpen(idOfKey(follows.key), member.idText);
  }

  #isOurs({ credential }: Member): boolean {
    const parts = parseCredential(credential);
    const issuer = parts && parseInvite(parts.invite)?.issuer;
    const keys = this.#parts.issuer();
    return issuer !== undefined && keys !== undefined && equalBytes(issuer, keys.publicKey);
  }

  #state(idText: string): void {
    const { env, state } = this.#parts;
    // Until it has been said, or has failed.
    this.#due.set(idText, Infinity);
    state(idText).then(
      () => {
        this.#due.delete(idText);
        env.log.info('a member goes on under another key', { id: idText });
      },
      (thrown: unknown) => {
        env.log.warn('another key was not let in', { id: idText, reason: messageOf(thrown) });
        this.#due.set(idText, env.clock.now() + failedMs);
      },
    );
  }
}

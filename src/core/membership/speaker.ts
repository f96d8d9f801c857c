/**
 * How an admin's machine speaks in the ledger: by which of its keys, its own or the root's, and what has to be said before
 * anything else. Stores and sends nothing.
 */
import type { Member } from '../identity/certificate.js';
import { isRenewal, parseInvite, Right } from '../identity/invite.js';
import type { Keys } from '../identity/keys.js';
import { badValue } from '../identity/names.js';
import type { Ledger } from '../ledger/ledger.js';
import type { Standing } from '../ledger/standing.js';
import { maxKept, type Said } from '../ledger/statement.js';
import { toHex } from '../lib/bytes.js';
import { EvioError } from '../lib/errors.js';
import type { Profile } from './profile.js';
import { rootKeysOf } from './root-keys.js';
import type { Self } from './self.js';

type Saying = Exclude<Said, { kind: 'unknown' }>;

export interface AmendContext {
  readonly profile: Profile;
  readonly self: Self;
  readonly ledger: Ledger;
  /** All members that are known here: those of them stay who came as the revoked one did. */
  readonly members: readonly Member[];
  /** False: the network has members that are not known here. */
  readonly complete?: boolean | undefined;
  readonly dateMs: number;
}

/**
 * The first machine of a network is an admin by its certificate, which the root signed; the ledger says so before anything
 * else is said. Its root keys must be at hand for that.
 */
export function nameFirstAdmin({
  profile,
  self,
  ledger,
  dateMs,
}: Omit<AmendContext, 'members'>): Uint8Array[] {
  const { standing } = ledger;
  const root = rootKeysOf(profile, standing.rootKey);
  const { certificate, keys } = self;
  if (!root || !isOfRoot(self, standing)) return [];
  if ((certificate.rights & Right.admin) === 0 || standing.author(toHex(keys.publicKey))) return [];
  return [ledger.say({ kind: 'admin-add', key: keys.publicKey }, root, dateMs)];
}

/** True for the member that the root signed, at first or when it renewed it. */
export function isOfRoot({ parts }: Self, standing: Standing): boolean {
  if (parts.invite.length === 0) return true;
  const invite = parseInvite(parts.invite);
  return invite !== undefined && isRenewal(invite) && standing.isRoot(invite.issuer);
}

/** The keys by which this machine may sign invites now: its own as an admin, or the root's. Undefined: it may not. */
export function inviterKeys(profile: Profile, self: Self, ledger: Ledger): Keys | undefined {
  const root = rootKeysOf(profile, ledger.standing.rootKey);
  if (root) return root;
  return ledger.standing.maySign(self.keys.publicKey) ? self.keys : undefined;
}

/** Says things by the key of this machine, and by the root's where only that one may. */
export class Speaker {
  readonly statements: Uint8Array[];
  readonly #context: AmendContext;
  readonly #root: Keys | undefined;

  constructor(context: AmendContext) {
    const { profile, ledger } = context;
    this.#context = context;
    this.#root = rootKeysOf(profile, ledger.standing.rootKey);
    this.statements = nameFirstAdmin(context);
    if (!this.#root && this.rank === Infinity) throw notAdmin(context.self.network.name);
  }

  /** Rank of this machine as an admin; Infinity when it is none. */
  get rank(): number {
    const { self, ledger } = this.#context;
    const { publicKey } = self.keys;
    return ledger.standing.maySign(publicKey)
      ? (ledger.standing.author(toHex(publicKey))?.rank ?? Infinity)
      : Infinity;
  }

  /** True when something by which an admin of this rank is ended can be said here. */
  ends(rank: number): boolean {
    return rank > 0 && (this.rank <= rank || this.#root !== undefined);
  }

  /** @param rank of the admin that it is to end; then it must be said by somebody not below */
  say(saying: Saying, rank = Infinity): void {
    const { self } = this.#context;
    // The root's key speaks seldom: it may be on several machines, which know nothing of each other.
    const keys = this.rank !== Infinity && this.rank <= rank ? self.keys : this.#root;
    if (!keys) throw notAdmin(self.network.name);
    this.#say(saying, keys);
  }

  /** Says something in the name of whoever stands above this rank: by the root key, where it is here and may. */
  sayFor(saying: Saying, rank: number): void {
    if (this.#root && rank === 1) this.sayAsRoot(saying);
    else this.say(saying);
  }

  /** The part of its room in the ledger that is left to the key that speaks, 0 to 1. */
  get spare(): number {
    const { ledger, self } = this.#context;
    const keys = this.rank === Infinity ? this.#root : self.keys;
    return keys ? ledger.spareOf(keys.publicKey) : 0;
  }

  /** What no admin may say by itself. */
  sayAsRoot(saying: Saying): void {
    if (!this.#root) {
      throw new EvioError('EVIO_ROOT_KEY', "Only the network's root key says this, and it is not here.", [
        'Do it on the machine that made the network.',
        'Or put the key back first: evio root import FILE, and have a node that runs here take it: evio upgrade',
      ]);
    }
    this.#say(saying, this.#root);
  }

  #say(saying: Saying, keys: Keys): void {
    const { ledger, dateMs } = this.#context;
    try {
      this.statements.push(ledger.say(saying, keys, dateMs));
    } catch (thrown) {
      throw new EvioError('EVIO_BAD_VALUE', 'The ledger of the network has no room for this.', [], {
        cause: thrown,
      });
    }
  }
}

function notAdmin(network: string): EvioError {
  return new EvioError('EVIO_NOT_ADMIN', `This machine is no admin of the network ${network}.`, [
    'Do it on an admin machine; they are listed by: evio admin list',
    'Have an admin name this one: evio admin add NAME',
  ]);
}

/** Those that a statement keeps. Throws EvioError EVIO_BAD_VALUE for more than it holds. */
export function checkKept(ids: string[]): string[] {
  if (ids.length <= maxKept) return ids;
  throw badValue(`More than ${maxKept} members came by the same invite: they cannot all be named.`);
}

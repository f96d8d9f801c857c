/**
 * The ledgers of the networks that this relay serves: statements that members brought, kept in `<home>/relay/ledgers` and
 * given to everybody who registers. The relay refuses whom they bar. It can keep them back, and make none: each is signed by
 * the network's root or by an admin.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { RecordFile } from '../core/disk/record-file.js';
import type { Authority } from '../core/identity/authority.js';
import {
  isRevoked,
  isWaiting,
  parseCertificate,
  parseCredential,
  type Member,
} from '../core/identity/certificate.js';
import { Right } from '../core/identity/invite.js';
import type { NetworkFacts } from '../core/identity/network.js';
import { networkIdOf } from '../core/identity/node-id.js';
import { factsNow } from '../core/ledger/facts.js';
import { headsOf, Ledger } from '../core/ledger/ledger.js';
import { authorOf, maxStatementLength } from '../core/ledger/statement.js';
import { equalBytes, toHex } from '../core/lib/bytes.js';
import type { Logger } from '../core/lib/env.js';
import { messageOf } from '../core/lib/errors.js';
import type { AuthorEnds } from '../core/wire/ledger.js';
import { LedgerJoiner, ledgerNews, type LedgerNews } from '../core/wire/signal.js';
import type { Registry } from './registry.js';

/** Bytes of the ledgers of all networks together. */
const maxBytes = 67_108_864;

export interface Judged {
  readonly facts: NetworkFacts;
  readonly authority: Authority;
}

/** One network's. */
export class NetworkLedger {
  readonly #ledger: Ledger;
  readonly #ledgers: Ledgers;
  readonly #file: RecordFile;
  #bytes = 0;

  constructor(networkKey: Uint8Array, file: RecordFile, ledgers: Ledgers, kept = file.read()) {
    this.#ledger = new Ledger(networkKey);
    this.#file = file;
    this.#ledgers = ledgers;
    for (const statement of kept) if (isTaken(this.#ledger.take(statement))) this.#grow(statement.length);
  }

  /** Of the statements that are here. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The first root key. */
  get networkKey(): Uint8Array {
    return this.#ledger.networkKey;
  }

  get authority(): Authority {
    return this.#ledger.standing;
  }

  get heads(): AuthorEnds[] {
    return headsOf(this.#ledger);
  }

  /** The statements that are here, for a judgement that adds others. */
  copy(): Ledger {
    return this.#ledger.clone();
  }

  /** What an admin has changed of the facts that a node brings. */
  facts(signed: NetworkFacts): NetworkFacts {
    return factsNow(signed, this.#ledger.standing.facts);
  }

  /** True when the member of this credential is one no more, or has to be let in. */
  bars(credential: Uint8Array): boolean {
    const parts = parseCredential(credential);
    const certificate = parts && parseCertificate(parts.certificate);
    if (!parts || !certificate) return true;
    const { authority } = this;
    return (
      isRevoked(parts, certificate, this.#ledger.networkKey, authority) ||
      isWaiting(parts, certificate, authority)
    );
  }

  /** True when the member may speak for the network: by the ledger, or, before it says anything, by the root's certificate. */
  isAdmin({ key, inviteId, rights }: Pick<Member, 'key' | 'inviteId' | 'rights'>): boolean {
    const { standing } = this.#ledger;
    const first = inviteId === '' && (rights & Right.admin) !== 0 && !standing.author(toHex(key));
    return first || standing.maySign(key);
  }

  /** Takes statements, and returns those that are new here: they are on disk, or that was tried in vain. */
  take(statements: readonly Uint8Array[]): { readonly taken: Uint8Array[]; readonly gap: boolean } {
    const taken: Uint8Array[] = [];
    let gap = false;
    for (const bytes of statements) {
      if (!this.#ledgers.hasRoom(bytes.length)) break;
      const verdict = this.#ledger.take(bytes);
      gap ||= verdict === 'gap' || verdict === 'stranger';
      if (!isTaken(verdict)) continue;
      taken.push(bytes);
      this.#grow(bytes.length);
    }
    this.#ledgers.store(this.#file, taken);
    return { taken, gap };
  }

  /** What a node that has this lacks, with what is here: at least one message. */
  newsFor(heads: readonly AuthorEnds[] | undefined): LedgerNews[] {
    const has = new Map((heads ?? []).map(({ author, ends }) => [author, ends]));
    const missing = this.#ledger.missing(has).map(({ bytes }) => bytes);
    return ledgerNews(missing, headsOf(this.#ledger));
  }

  #grow(bytes: number): void {
    this.#bytes += bytes;
    this.#ledgers.grow(bytes);
  }
}

/** All of them; each is read when its network is first heard of. */
export class Ledgers {
  readonly #folder: string;
  readonly #log: Logger;
  readonly #networks = new Map<string, NetworkLedger>();
  #bytes = 0;
  #failing = false;

  /** @param folder `<home>/relay` */
  constructor(folder: string, log: Logger) {
    this.#folder = join(folder, 'ledgers');
    this.#log = log;
  }

  /** Reads the ledgers of the networks that the relay knows, and forgets the members whom they bar. */
  open(registry: Registry): void {
    for (const record of registry.networks) {
      const file = new RecordFile(this.#path(record.id), maxStatementLength);
      const kept = file.read();
      // The first statement of a ledger is its root's.
      const rootKey = kept[0] && authorOf(kept[0]);
      if (!rootKey || networkIdOf(rootKey) !== record.id) continue;
      const ledger = new NetworkLedger(rootKey, file, this, kept);
      this.#networks.set(record.id, ledger);
      for (const { id, credential } of record.members) if (ledger.bars(credential)) record.delete(id);
    }
  }

  /** The ledger of the network with this root key. */
  of(rootKey: Uint8Array): NetworkLedger {
    const id = networkIdOf(rootKey);
    let ledger = this.#networks.get(id);
    if (!ledger) {
      ledger = new NetworkLedger(rootKey, new RecordFile(this.#path(id), maxStatementLength), this);
      this.#networks.set(id, ledger);
    }
    return ledger;
  }

  /** That of a network of which a member was admitted in this run. */
  known(networkId: string): NetworkLedger | undefined {
    return this.#networks.get(networkId);
  }

  /**
   * What a node's facts are worth by the ledger: that of this relay, and, where the network is new here or its facts as they are
   * here do not name the relay, what the node brings along (which is not kept before the node is admitted).
   *
   * @param relayKey of this relay
   */
  judge(
    signed: NetworkFacts,
    isKnown: boolean,
    brought: LedgerNews | undefined,
    relayKey: Uint8Array,
  ): Judged {
    const known = isKnown ? this.of(signed.rootKey) : undefined;
    if (known && (!brought || named(known.facts(signed), relayKey)))
      return { facts: known.facts(signed), authority: known.authority };
    const ledger = known?.copy() ?? new Ledger(signed.rootKey);
    if (brought) for (const statement of new LedgerJoiner().take(brought)) ledger.take(statement);
    const { standing } = ledger;
    return { facts: factsNow(signed, standing.facts), authority: standing };
  }

  /** A network that was forgotten leaves nothing behind. */
  forget(networkId: string): void {
    this.grow(-(this.#networks.get(networkId)?.bytes ?? 0));
    this.#networks.delete(networkId);
    try {
      rmSync(this.#path(networkId), { force: true });
    } catch (thrown) {
      this.#log.error('relay cannot remove a ledger', { reason: messageOf(thrown) });
    }
  }

  /** Those of networks that the relay does not know any more. */
  prune(registry: Registry): void {
    for (const id of [...this.#networks.keys()]) if (!registry.network(id)) this.forget(id);
  }

  /** What all of them take. */
  get bytes(): number {
    return this.#bytes;
  }

  hasRoom(bytes: number): boolean {
    return this.#bytes + bytes <= maxBytes;
  }

  grow(bytes: number): void {
    this.#bytes += bytes;
  }

  /** A full disk does not stop the relay: members bring the statements again after its next start. */
  store(file: RecordFile, statements: readonly Uint8Array[]): void {
    if (statements.length === 0) return;
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      file.append(statements);
      this.#failing = false;
    } catch (thrown) {
      if (!this.#failing) this.#log.error('relay cannot keep a ledger', { reason: messageOf(thrown) });
      this.#failing = true;
    }
  }

  #path(id: string): string {
    return join(this.#folder, `${id}.log`);
  }
}

function isTaken(verdict: string): boolean {
  return verdict === 'new' || verdict === 'fork';
}

/** True when the network names the relay of this key. */
export function named({ relays }: NetworkFacts, relayKey: Uint8Array): boolean {
  return relays.some(({ key }) => equalBytes(key, relayKey));
}

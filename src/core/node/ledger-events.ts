/**
 * The ledger in a running node: members and relays bring statements, and what follows from them takes effect here. Who is
 * barred is disconnected in the same turn, after it was told; this node, when it is barred itself, ends.
 */
import type { Member } from '../identity/certificate.js';
import type { Clock, Logger } from '../lib/env.js';
import { EvioError } from '../lib/errors.js';
import { printable } from '../lib/printable.js';
import { Gossip } from '../ledger/gossip.js';
import type { LedgerKeeper } from '../ledger/keeper.js';
import type { Summary } from '../ledger/ledger.js';
import type { Standing } from '../ledger/standing.js';
import type { ChangedFacts } from '../ledger/statement.js';
import type { Peer } from '../peer/peer.js';
import type { Peers } from '../peer/peers.js';
import type { PolicyDocument } from '../policy/enforcement.js';
import type { LedgerMessage } from '../wire/ledger.js';
import { LedgerJoiner, type LedgerNews } from '../wire/signal.js';
import type { NodeEvent } from './events.js';
import type { Timed } from './pulse.js';

export interface LedgerEventParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Id of the network. */
  readonly network: string;
  /** Our own node id. */
  readonly idText: string;
  readonly keeper: LedgerKeeper;
  readonly members: Peers;
  /** To a connected peer. */
  readonly send: (peer: Peer, message: LedgerMessage) => void;
  /** To every relay that is connected, but for the one that brought it. */
  readonly tellRelays: (statements: readonly Uint8Array[], from: string | undefined) => void;
  readonly tell: (event: NodeEvent) => void;
  /** The network has other facts. */
  readonly refacted: (facts: ChangedFacts) => void;
  /** The network has another policy, or its first. */
  readonly policy: (policy: PolicyDocument) => void;
  /** The member with this id passed on what nobody signed. */
  readonly forged?: (from: string) => void;
  /** Anything else that follows from the ledger is to be looked at. */
  readonly changed: () => void;
  /** The node cannot go on. */
  readonly fatal: (error: Error) => void;
}

export class LedgerEvents implements Timed {
  readonly #parts: LedgerEventParts;
  readonly #gossip: Gossip;
  /** What has taken effect. */
  #standing: Standing;
  readonly #forks = new Set<string>();
  /** By relay. */
  readonly #joiners = new Map<string, LedgerJoiner>();

  constructor(parts: LedgerEventParts) {
    this.#parts = parts;
    const { keeper, members, log } = parts;
    this.#standing = keeper.ledger.standing;
    for (const { author } of keeper.ledger.forks) this.#forks.add(author);
    this.#gossip = new Gossip({
      ledger: keeper.ledger,
      send: (idText, message) => {
        const peer = members.get(idText);
        if (peer?.session.established) parts.send(peer, message);
      },
      taken: (statements) => {
        keeper.keep(statements);
        parts.tellRelays(statements, undefined);
      },
      refused: (verdict, from) => {
        if (verdict === 'forged') parts.forged?.(from);
        if (verdict === 'rival') this.#tellRival(members.get(from)?.member.name ?? from);
        log.debug('statement refused', { reason: verdict, peer: members.get(from)?.member.name });
      },
    });
  }

  get dueAt(): number {
    return this.#gossip.dueAt;
  }

  tick(now: number): void {
    this.#gossip.tick(now);
  }

  /** A session with the member stands, or it is another process than before. */
  connected({ member }: Peer): void {
    this.#gossip.connected(this.#now, member.idText);
  }

  disconnected({ member }: Peer): void {
    this.#gossip.disconnected(member.idText);
  }

  receive({ member }: Peer, message: LedgerMessage): void {
    this.#gossip.receive(this.#now, member.idText, message);
    this.settle();
  }

  /** A relay tells what it has, and brings what it thinks we lack. What it lacks is the answer. */
  relay(url: string, message: LedgerNews): Uint8Array[] {
    const { keeper, log } = this.#parts;
    const { ledger } = keeper;
    const taken: Uint8Array[] = [];
    let joiner = this.#joiners.get(url);
    if (!joiner) this.#joiners.set(url, (joiner = new LedgerJoiner()));
    for (const bytes of joiner.take(message)) {
      const verdict = ledger.take(bytes);
      if (verdict === 'new' || verdict === 'fork') taken.push(bytes);
      else if (verdict === 'rival') this.#tellRival(url);
      else if (verdict !== 'known') log.debug('statement refused', { reason: verdict, relay: url });
    }
    if (taken.length > 0) {
      keeper.keep(taken);
      this.#gossip.said(this.#now, taken);
      this.#parts.tellRelays(taken, url);
      this.settle();
    }
    if (!message.heads) return [];
    const summary: Summary = new Map(message.heads.map(({ author, ends }) => [author, ends]));
    return ledger.missing(summary).map(({ bytes }) => bytes);
  }

  /** Statements that a person made here: everybody hears of them, and they take effect. */
  said(statements: readonly Uint8Array[]): void {
    this.#gossip.said(this.#now, statements);
    this.#parts.tellRelays(statements, undefined);
    this.settle();
  }

  /** What is in the ledger takes effect. Cheap when nothing has changed. */
  settle(): void {
    const { keeper, members, idText, log, tell, network, refacted, policy, changed, fatal } = this.#parts;
    const { standing } = keeper.ledger;
    const before = this.#standing;
    if (standing === before) return;
    this.#standing = standing;
    for (const member of members.enforce((revoked) => reasonOf(standing, revoked))) {
      const reason = reasonOf(standing, member);
      const id = standing.successorOf(member.idText);
      // Nobody was revoked: the machine comes again, under its new key.
      if (id !== undefined) {
        log.info('a member has another key', { peer: member.name, id });
        continue;
      }
      log.warn('member revoked', { peer: member.name, reason });
      tell({ event: 'peer-revoked', network, peer: member.idText, name: member.name, reason });
    }
    this.#tellForks();
    const own = standing.bar(idText);
    if (own) {
      fatal(revokedError(own.reason));
      return;
    }
    const { facts } = standing;
    if (facts && facts !== before.facts) refacted(facts);
    const newest = standing.policy;
    // Two may have one serial: then the same of them counts everywhere, whichever came first here.
    if (newest && newest.document !== before.policy?.document) policy(newest);
    changed();
  }

  /** Nothing follows from it here, but whoever was away, or is new, may come to believe it. */
  #tellRival(from: string): void {
    this.#parts.log.error('somebody has a former root key, and names another that is to follow it', { from });
  }

  /** An author that says two things at one place cannot be trusted any more, and only a person can do something about it. */
  #tellForks(): void {
    for (const { author, proof } of this.#parts.keeper.ledger.forks) {
      if (this.#forks.has(author)) continue;
      this.#forks.add(author);
      this.#parts.log.error('an admin said two things at once: its statements count up to there only', {
        author: author.slice(0, 16),
        sequence: proof[0].sequence,
      });
    }
  }

  get #now(): number {
    return this.#parts.clock.now();
  }
}

/** Why a member does not count any more. */
function reasonOf(standing: Standing, { idText }: Member): string {
  const bar = standing.bar(idText);
  if (!bar) return 'revoked: what it joined by counts no more';
  return bar.reason === '' ? 'revoked' : `revoked: ${printable(bar.reason)}`;
}

/** This machine was barred. */
export function revokedError(reason: string): EvioError {
  return new EvioError(
    'EVIO_REVOKED',
    reason === ''
      ? 'This machine was revoked from the network.'
      : `This machine was revoked from the network: ${printable(reason)}.`,
    [
      'Ask an admin of the network for a new token.',
      'Forget the membership, then join anew with another key: evio leave, then sudo evio join TOKEN',
    ],
  );
}

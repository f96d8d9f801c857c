/**
 * Who sent what was refused: counts by member and reason, for `evio status`, and an event where an honest member could not have
 * done it. Whoever passes on what proves itself has verified it before, so a forged certificate, statement or farewell is the lie of
 * the member in whose session it came; a stale certificate, or too much of something, may be an accident.
 */
import type { Clock, Logger } from '../lib/env.js';
import { toHex } from '../lib/bytes.js';
import { Paced } from '../lib/paced.js';
import type { NodeEvent } from './events.js';
import { isLie, reasonOf, type RefusalReason } from './refusal-reasons.js';

/** What was refused of one member. */
export interface RefusalReport {
  /** Node id. */
  readonly peer: string;
  readonly name: string;
  /** How often, by reason; those that never were are left out. */
  readonly count: Readonly<Record<string, number>>;
}

/** Members that are remembered: of more, the one of whom least was refused is forgotten. */
const memberLimit = 512;
/** The same of the same member is told so often, ms. */
const tellEveryMs = 10_000;
export interface RefusalParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Id of the network. */
  readonly network: string;
  /** By node id; undefined for who is no member here. */
  readonly nameOf: (idText: string) => string | undefined;
  readonly tell: (event: NodeEvent) => void;
}

export class Refusals {
  readonly #parts: RefusalParts;
  readonly #counts = new Map<string, { readonly name: string; readonly count: Map<RefusalReason, number> }>();
  readonly #told = new Paced(tellEveryMs);

  constructor(parts: RefusalParts) {
    this.#parts = parts;
  }

  /** Something of this member was refused. Who is none is not remembered. */
  readonly refused = (idText: string, reason: RefusalReason): void => {
    const { clock, log, network, nameOf, tell } = this.#parts;
    const name = nameOf(idText);
    if (name === undefined) return;
    const { count } = this.#counts.get(idText) ?? this.#begin(idText, name);
    count.set(reason, (count.get(reason) ?? 0) + 1);
    if (!isLie(reason) || !this.#told.due(`${idText} ${reason}`, clock.now())) return;
    log.warn('peer is suspect', { peer: name, reason });
    tell({ event: 'peer-suspect', network, peer: idText, name, reason });
  };

  /** A member passed on a credential that is refused for this fault, or older than the one that is known (`stale`). */
  readonly unfit = (from: string, fault: string): void => {
    const reason = fault === 'stale' ? 'stale-certificate' : reasonOf(fault);
    if (reason) this.refused(from, reason);
  };

  /** A relay says that this came from the member with id `source`, and it is another's handshake. */
  readonly foreign = (source: Uint8Array): void => {
    this.refused(toHex(source), 'foreign-handshake');
  };

  /** Notes this reason, of whoever it is told. */
  as(reason: RefusalReason): (idText: string) => void {
    return (idText) => {
      this.refused(idText, reason);
    };
  }

  /** Members of whom something was refused. */
  report(): RefusalReport[] {
    return [...this.#counts].map(([peer, { name, count }]) => ({
      peer,
      name,
      count: Object.fromEntries(count),
    }));
  }

  #begin(
    idText: string,
    name: string,
  ): { readonly name: string; readonly count: Map<RefusalReason, number> } {
    if (this.#counts.size >= memberLimit) {
      let [least, fewest] = ['', Infinity];
      for (const [id, { count }] of this.#counts) {
        const sum = [...count.values()].reduce((a, b) => a + b, 0);
        if (sum < fewest) [least, fewest] = [id, sum];
      }
      this.#counts.delete(least);
    }
    const entry = { name, count: new Map<RefusalReason, number>() };
    this.#counts.set(idText, entry);
    return entry;
  }
}

/**
 * What a node asks its relays where they do not list everybody: who is next to a place on the ring, who goes by a name,
 * whether somebody is there. It keeps what is under way; what the answers mean for the node is relay-set.ts.
 */
import { fromBase64Url } from '../lib/bytes.js';
import type { Env } from '../lib/env.js';
import {
  maxNamed,
  type FindRequest,
  type LocateRequest,
  type PlacedRequest,
  type ToNode,
} from '../wire/signal.js';

/** How long an answer is waited for, ms. */
const findMs = 3_000;
/** Questions of `ask` go out together, this far apart at least, ms. */
const askMs = 250;
/** Nobody is asked for again within this time, ms. */
export const askAgainMs = 10_000;
/** Ids remembered for that, and ids that may wait to be asked for. */
const askedLimit = 1_024;
const waitingLimit = 256;

/** By name, IPv4 address, id or beginning of an id; by MAC address (12 hexadecimal characters); or by ids (16 at most). */
export type FindKey =
  { readonly text: string } | { readonly mac: string } | { readonly ids: readonly string[] };

/** A relay that may be asked. */
export interface Askable {
  readonly up: boolean;
  /** False: it tells of some members only. */
  readonly complete: boolean;
  readonly rttMs: number | null;
  /** False when it cannot be asked now. */
  request(message: LocateRequest | FindRequest | PlacedRequest): boolean;
}

interface Pending {
  readonly ids: readonly string[];
  /** Base64url, so that each is there once. */
  readonly members: Set<string>;
  readonly waitsFor: Set<Askable>;
  readonly finish: () => void;
}

export class RelayQueries {
  readonly #env: Env;
  readonly #relays: () => readonly Askable[];
  readonly #pending = new Map<number, Pending>();
  /** When each id was asked for, longest ago first. */
  readonly #asked = new Map<string, number>();
  readonly #waiting = new Set<string>();
  #cancelAsk: (() => void) | undefined;
  #askedAt = -Infinity;
  #query = 0;

  constructor(env: Env, relays: () => readonly Askable[]) {
    this.#env = env;
    this.#relays = relays;
  }

  /** Ends what is under way. */
  stop(): void {
    this.#cancelAsk?.();
    this.#cancelAsk = undefined;
    this.#waiting.clear();
    this.#asked.clear();
    for (const pending of [...this.#pending.values()]) pending.finish();
  }

  /** Asks the nearest relay that can be asked, all targets of the ring; false when there is none. */
  locate(targets: readonly string[]): boolean {
    const near = (relay: Askable): number => relay.rttMs ?? Infinity;
    const up = this.#relays().filter((relay) => relay.up);
    up.sort((a, b) => (near(a) < near(b) ? -1 : Number(near(a) > near(b))));
    return up.some((relay) => {
      let asked = false;
      for (let at = 0; at < targets.length; at += maxNamed) {
        if (!relay.request({ type: 'locate', targets: targets.slice(at, at + maxNamed) })) break;
        asked = true;
      }
      return asked;
    });
  }

  /** Asks all relays that are up. The credentials found, not verified, when all answered or after 3 s. */
  find(key: FindKey): Promise<Uint8Array[]> {
    const query = (this.#query = (this.#query + 1) >>> 0);
    const ids = 'ids' in key ? key.ids.slice(0, maxNamed) : [];
    const message: FindRequest = { type: 'find', query, ...('ids' in key ? { ids: [...ids] } : key) };
    const waitsFor = new Set(this.#relays().filter((relay) => relay.up && relay.request(message)));
    if (waitsFor.size === 0) return Promise.resolve([]);
    return new Promise((resolve) => {
      const members = new Set<string>();
      const finish = (): void => {
        cancel();
        this.#pending.delete(query);
        resolve([...members].flatMap((text) => fromBase64Url(text) ?? []));
      };
      const cancel = this.#env.clock.after(findMs, finish);
      this.#pending.set(query, { ids, members, waitsFor, finish });
    });
  }

  /** Asks whether a member is online, where that is not known; soon, together with others, and not too often. */
  ask(idText: string): void {
    const now = this.#env.clock.now();
    const asked = this.#asked.get(idText);
    if ((asked !== undefined && now - asked < askAgainMs) || this.#waiting.size >= waitingLimit) return;
    if (!this.#relays().some((relay) => relay.up && !relay.complete)) return;
    this.#asked.delete(idText);
    this.#asked.set(idText, now);
    if (this.#asked.size > askedLimit) this.#asked.delete(this.#asked.keys().next().value as string);
    this.#waiting.add(idText);
    this.#cancelAsk ??= this.#env.clock.after(Math.max(0, this.#askedAt + askMs - now), () => {
      this.#askNow();
    });
  }

  /** A relay answered. The ids that were asked for, or undefined when it was not asked. */
  found(relay: Askable, message: Extract<ToNode, { type: 'found' }>): readonly string[] | undefined {
    const pending = this.#pending.get(message.query);
    if (!pending?.waitsFor.delete(relay)) return undefined;
    for (const member of message.members) pending.members.add(member);
    if (pending.waitsFor.size === 0) pending.finish();
    return pending.ids;
  }

  /** A relay that went answers no more. */
  lost(relay: Askable): void {
    for (const pending of [...this.#pending.values()]) {
      if (pending.waitsFor.delete(relay) && pending.waitsFor.size === 0) pending.finish();
    }
  }

  #askNow(): void {
    this.#cancelAsk = undefined;
    this.#askedAt = this.#env.clock.now();
    const ids = [...this.#waiting].slice(0, maxNamed);
    for (const id of ids) this.#waiting.delete(id);
    void this.find({ ids });
    if (this.#waiting.size > 0) this.#cancelAsk = this.#env.clock.after(askMs, () => this.#askNow());
  }
}

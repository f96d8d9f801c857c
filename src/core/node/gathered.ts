/**
 * What other members say that they see, gathered while somebody looks (`evio web`) and forgotten afterwards. A machine.
 *
 * Members with a session are asked in turn; the others are called one by one, slowly, and let go again by the overlay,
 * which keeps no link that nobody needs. What comes back is what its sender says: it is shown as that, and nothing
 * follows from it here. An answer counts once, from whom it was asked of, while it is waited for.
 */
import type { Random } from '../lib/env.js';
import { EvioError } from '../lib/errors.js';
import { printable } from '../lib/printable.js';
import {
  encodeView,
  type RecalledLine,
  type SeenLink,
  type Verdict,
  type ViewMessage,
} from '../wire/views.js';
import type { Timed } from './pulse.js';

/** Nobody looks any more when nobody asked for so long, ms: a page asks every ten seconds while nothing happens. */
const interestMs = 25_000;
const lookEveryMs = 500;
/** One member is asked again after so long, ms; after twice as long each time that it says the same, up to the second. */
export const askEveryMs = 4_000;
const askSeldomMs = 32_000;
/** Less than this, bytes a second, is what keeps a link open. */
const quietRate = 200;
/** Questions and calls at each look. */
const asksAtOnce = 4;
const callsAtOnce = 2;
/** A member without a session is called again after so long, ms; of many, one a second. */
const callEveryMs = 60_000;
const callStepMs = 1_000;
/** What was said so long ago is told no more, ms; of many, when its turn came twice. */
const keptMs = 180_000;
/** Decision logs that are waited for at a time, and for how long, ms. */
const recallsAtOnce = 16;
const recallMs = 5_000;

/** A member, as far as this machine deals with it. */
export interface Witness {
  readonly id: string;
  readonly connected: boolean;
  /** False: relays say that it is not there. */
  readonly online: boolean;
}

export interface GatheredPorts {
  readonly random: Random;
  readonly members: () => readonly Witness[];
  /** Sends to a member with a session. */
  readonly send: (id: string, message: Uint8Array) => void;
  /** Tries for a session with a member for a while. */
  readonly call: (id: string) => void;
}

/** What one member says. */
export interface Testimony {
  readonly by: string;
  readonly ageMs: number;
  /** `refused`: it shows nothing to this machine. */
  readonly verdict: Verdict;
  /** Links that it has, of which `links` are as many as fitted. */
  readonly of: number;
  readonly links: readonly SeenLink[];
}

interface Heard {
  readonly at: number;
  /** It is asked again after so long. */
  readonly everyMs: number;
  readonly verdict: Verdict;
  readonly of: number;
  readonly links: readonly SeenLink[];
}

interface Recall {
  readonly by: string;
  readonly until: number;
  readonly done: (lines: readonly RecalledLine[] | EvioError) => void;
}

export class Gathered implements Timed {
  readonly #ports: GatheredPorts;
  readonly #heard = new Map<string, Heard>();
  /** Questions under way: number and time, by member. */
  readonly #asked = new Map<string, { readonly request: number; readonly at: number }>();
  readonly #calledAt = new Map<string, number>();
  readonly #recalls = new Map<number, Recall>();
  #interestedUntil = -Infinity;
  #lookAt = Infinity;
  #callEveryMs = callEveryMs;

  constructor(ports: GatheredPorts) {
    this.#ports = ports;
  }

  get dueAt(): number {
    let at = this.#lookAt;
    for (const { until } of this.#recalls.values()) at = Math.min(at, until);
    return at;
  }

  /** What is known now. Members are asked from now on, until nobody asked this for some seconds. */
  look(now: number): Testimony[] {
    this.#interestedUntil = now + interestMs;
    if (this.#lookAt === Infinity) this.#lookAt = now;
    return [...this.#heard]
      .filter(([, { at }]) => now - at <= Math.max(keptMs, 2 * this.#callEveryMs))
      .map(([by, { at, verdict, of, links }]) => ({ by, ageMs: Math.round(now - at), verdict, of, links }));
  }

  /**
   * Asks a member with a session what it decided about another.
   *
   * @param done the lines, the newest last; an EvioError EVIO_TIMEOUT, EVIO_NO_RIGHT
   */
  recall(now: number, by: string, about: string, done: Recall['done']): void {
    if (this.#recalls.size >= recallsAtOnce) {
      done(new EvioError('EVIO_TIMEOUT', 'Too many members are asked at the moment.', ['Ask again.']));
      return;
    }
    const request = this.#number();
    this.#recalls.set(request, { by, until: now + recallMs, done });
    this.#ports.send(by, encodeView({ type: 'recall', request, id: about }));
  }

  /** An answer of this member. False: nobody asked, or it is none. */
  received(now: number, by: string, message: ViewMessage): boolean {
    if (message.type === 'seen') {
      const asked = this.#asked.get(by);
      if (asked?.request !== message.request) return false;
      this.#asked.set(by, { request: -1, at: asked.at });
      const { verdict, of, links } = message;
      const before = this.#heard.get(by);
      const same = before !== undefined && saysTheSame(before, { at: now, verdict, of, links });
      const everyMs = same ? Math.min(askSeldomMs, before.everyMs * 2) : askEveryMs;
      this.#heard.set(by, { at: now, everyMs, verdict, of, links });
      return true;
    }
    if (message.type !== 'recalled') return false;
    const recall = this.#recalls.get(message.request);
    if (recall?.by !== by) return false;
    this.#recalls.delete(message.request);
    if (message.verdict === 'shown') {
      const { lines } = message;
      recall.done(
        lines.map(({ ageS, event, detail }) => ({
          ageS,
          event: printable(event),
          detail: printable(detail),
        })),
      );
    } else
      recall.done(
        message.verdict === 'refused'
          ? new EvioError('EVIO_NO_RIGHT', 'That member does not show this machine what it sees.', [
              'It shows it to admins of the network, unless it runs with --tell.',
            ])
          : new EvioError('EVIO_UNKNOWN_PEER', 'That member knows no such member.'),
      );
    return true;
  }

  tick(now: number): void {
    for (const [request, { until, done }] of this.#recalls) {
      if (now < until) continue;
      this.#recalls.delete(request);
      done(
        new EvioError('EVIO_TIMEOUT', 'That member did not answer.', [
          'It may run an older evio, which shows nothing to others.',
        ]),
      );
    }
    if (now < this.#lookAt) return;
    if (now >= this.#interestedUntil) {
      this.#forget();
      return;
    }
    this.#lookAt = now + lookEveryMs;
    const members = this.#ports.members();
    this.#keepOnly(new Set(members.map(({ id }) => id)));
    this.#ask(now, members);
    this.#call(now, members);
  }

  /** The run is over. */
  stop(): void {
    for (const { done } of this.#recalls.values())
      done(new EvioError('EVIO_NOT_RUNNING', 'The network was stopped.'));
    this.#recalls.clear();
    this.#forget();
  }

  /** Who was asked longest ago, first. */
  #ask(now: number, members: readonly Witness[]): void {
    const askedAt = ({ id }: Witness): number => this.#asked.get(id)?.at ?? -Infinity;
    const everyMs = ({ id }: Witness): number => this.#heard.get(id)?.everyMs ?? askEveryMs;
    const due = members
      .filter((member) => member.connected && now - askedAt(member) >= everyMs(member))
      .sort((a, b) => askedAt(a) - askedAt(b));
    for (const { id } of due.slice(0, asksAtOnce)) {
      const request = this.#number();
      this.#asked.set(id, { request, at: now });
      this.#ports.send(id, encodeView({ type: 'look', request }));
    }
  }

  #call(now: number, members: readonly Witness[]): void {
    const calledAt = ({ id }: Witness): number => this.#calledAt.get(id) ?? -Infinity;
    this.#callEveryMs = Math.max(callEveryMs, callStepMs * members.length);
    const due = members
      .filter((member) => !member.connected && member.online && now - calledAt(member) >= this.#callEveryMs)
      .sort((a, b) => calledAt(a) - calledAt(b));
    for (const { id } of due.slice(0, callsAtOnce)) {
      this.#calledAt.set(id, now);
      this.#ports.call(id);
    }
  }

  #keepOnly(ids: ReadonlySet<string>): void {
    for (const map of [this.#heard, this.#asked, this.#calledAt])
      for (const id of map.keys()) if (!ids.has(id)) map.delete(id);
  }

  #forget(): void {
    this.#lookAt = Infinity;
    for (const map of [this.#heard, this.#asked, this.#calledAt]) map.clear();
  }

  #number(): number {
    return Math.floor(this.#ports.random.unit() * 0xffff_ffff);
  }
}

/** The same links by the same ways, and no more than keeps them open. */
function saysTheSame(before: Omit<Heard, 'everyMs'>, now: Omit<Heard, 'everyMs'>): boolean {
  if (before.verdict !== now.verdict || before.of !== now.of || before.links.length !== now.links.length)
    return false;
  const was = new Map(before.links.map((link) => [link.id, link]));
  const seconds = (now.at - before.at) / 1_000;
  return now.links.every(({ id, path, role, bytes }) => {
    const link = was.get(id);
    return link?.path === path && link.role === role && bytes - link.bytes < quietRate * seconds;
  });
}

/**
 * Two members that bridge one LAN would pass each other's frames round and round. So each says a hello on its LAN every second
 * (wire/lan-hello.ts), and of those that hear each other one passes frames: who does already, since switches of the LAN know the way
 * by it; of two that do, or of those that are about to, the one with the lower node id.
 *
 *            ┌── one that stands before ───┐
 *   waiting ─▶ listening ── 3 s ──▶ open ──┴─▶ blocked ── 5 s without ──▶ listening
 *      ▲                              │
 *      └────── nobody is connected ───┘
 *
 * It listens before it opens, so two that start together do not make a storm of a first second either. A hello proves itself:
 * signed by a member with the bridge right, newer than the last of the same. Its own, when it comes back, says that the LAN
 * has a loop of its own.
 *
 * Who is connected to nobody says nothing, and another takes its place. A machine: time is told.
 */
import type { Keys } from '../identity/keys.js';
import type { Member } from '../identity/certificate.js';
import { Right } from '../identity/invite.js';
import { genuine, seal } from '../identity/signed.js';
import { concatBytes, utf8 } from '../lib/bytes.js';
import { encodeLanHello, lanHelloFrame, parseLanHello } from '../wire/lan-hello.js';
import type { LanReport, LanState } from './report.js';

export const helloEveryMs = 1_000;
/** What is not heard for so long is there no more. */
export const holdMs = 4_000;
export const listenMs = 3_000;
/** Other members on one LAN that are remembered. */
const othersLimit = 64;
const label = utf8('evio lan hello 1');

export interface LanGuardPorts {
  /** Own node id. */
  readonly idText: string;
  readonly name: string;
  readonly mac: Uint8Array;
  readonly keys: Keys;
  readonly word: number;
  date(): number;
  credential(): Uint8Array;
  /** The member of a credential; undefined when it is not valid, `self` for our own. */
  memberOf(credential: Uint8Array): Pick<Member, 'idText' | 'name' | 'key' | 'rights'> | undefined;
  /** Some member is connected. */
  connected(): boolean;
  /** Puts a frame on the LAN. */
  say(frame: Uint8Array): void;
  /** From now on frames pass, or do not. */
  turned(state: LanState): void;
}

interface Other {
  readonly id: string;
  readonly name: string;
  date: number;
  at: number;
  open: boolean;
}

type Standing = Pick<Other, 'id' | 'open'>;

/** Negative: the first stands before the second. */
function compare(a: Standing, b: Standing): number {
  if (a.open !== b.open) return a.open ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}

export class LanGuard {
  readonly #ports: LanGuardPorts;
  readonly #others = new Map<string, Other>();
  #state: LanState = 'waiting';
  #since = 0;
  #helloAt = Infinity;
  #lastDate = 0;
  #looped = -Infinity;
  /** A hello of our own is known by its date; so many are. */
  readonly #said: number[] = [];

  constructor(ports: LanGuardPorts) {
    this.#ports = ports;
  }

  /** @param open the process before had it open: then it stays so */
  start(now: number, open: boolean): void {
    this.#helloAt = now;
    this.#turn(now, open ? 'open' : this.#ports.connected() ? 'listening' : 'waiting');
  }

  stop(): void {
    this.#helloAt = Infinity;
  }

  get state(): LanState {
    return this.#state;
  }

  /** A frame with a hello came from the LAN. False when it is refused. */
  heard(now: number, frame: Uint8Array): boolean {
    if (this.#helloAt === Infinity) return false;
    const { word, keys, idText } = this.#ports;
    const hello = parseLanHello(frame, word);
    if (!hello) return false;
    const signed = concatBytes(hello.body, hello.signature);
    if (this.#said.includes(hello.date) && genuine(label, signed, keys.publicKey)) {
      this.#looped = now;
      this.#look(now);
      return true;
    }
    const member = this.#ports.memberOf(hello.credential);
    if (!member || member.idText === idText || (member.rights & Right.bridge) === 0) return false;
    const known = this.#others.get(member.idText);
    if (known && known.date >= hello.date) return false;
    if (!known && this.#others.size >= othersLimit) return false;
    if (!genuine(label, signed, member.key)) return false;
    const { idText: id, name } = member;
    this.#others.set(id, { id, name, date: hello.date, at: now, open: hello.open });
    this.#look(now);
    return true;
  }

  get dueAt(): number {
    return this.#helloAt;
  }

  tick(now: number): void {
    if (now < this.#helloAt) return;
    this.#helloAt = now + helloEveryMs;
    this.#look(now);
    if (this.#ports.connected()) this.#say();
  }

  report(now: number): Pick<LanReport, 'state' | 'reason' | 'by' | 'others'> {
    const others = this.#present(now).map(({ id, name }) => ({ id, name }));
    const first = this.#first(now);
    const by = first ? { id: first.id, name: first.name } : null;
    return { state: this.#state, reason: this.#reason(now, by?.name), by, others };
  }

  #reason(now: number, by: string | undefined): string | null {
    switch (this.#state) {
      case 'open':
        return null;
      case 'waiting':
        return 'No member is connected.';
      case 'listening':
        return 'It listens whether another member bridges this LAN.';
      default:
        if (by !== undefined) return `${by} bridges this LAN.`;
        return this.#isLooped(now)
          ? 'Its own frames come back: the LAN has a loop.'
          : 'Another member bridged it.';
    }
  }

  #present(now: number): Other[] {
    return [...this.#others.values()].filter(({ at }) => now - at < holdMs);
  }

  /** Who stands before us. */
  #first(now: number): Other | undefined {
    const own = { id: this.#ports.idText, open: this.#state === 'open' };
    return this.#present(now)
      .filter((other) => compare(other, own) < 0)
      .sort(compare)[0];
  }

  #isLooped(now: number): boolean {
    return now - this.#looped < holdMs;
  }

  #look(now: number): void {
    // Dates outlast those who are gone, so that a recording stays one; the oldest make room.
    for (const [id, { at }] of this.#others) {
      if (this.#others.size < othersLimit || now - at < holdMs) break;
      this.#others.delete(id);
    }
    if (!this.#ports.connected()) return this.#turn(now, 'waiting');
    if (this.#first(now) || this.#isLooped(now)) return this.#turn(now, 'blocked');
    if (this.#state === 'blocked' || this.#state === 'waiting') return this.#turn(now, 'listening');
    if (this.#state === 'listening' && now - this.#since >= listenMs) this.#turn(now, 'open');
  }

  #turn(now: number, state: LanState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#since = now;
    this.#ports.turned(state);
  }

  #say(): void {
    const { keys, mac, word } = this.#ports;
    this.#lastDate = Math.max(this.#lastDate + 1, Math.floor(this.#ports.date()));
    this.#said.push(this.#lastDate);
    if (this.#said.length > 8) this.#said.shift();
    const body = encodeLanHello(word, this.#state === 'open', this.#lastDate, this.#ports.credential());
    this.#ports.say(lanHelloFrame(mac, seal(label, body, keys)));
  }
}

/**
 * Associations: the numbers by which the UDP side knows members. Each is bound to one connection, and outlives it for a
 * while, so that data by UDP flows on while the node reconnects.
 */
import type { Env } from '../core/lib/env.js';
import { maxSlots } from './forward/forward-table.js';
import type { LocalMember, LocalNetwork } from './local-network.js';

/** A node whose WebSocket broke is still served by UDP for this long, ms. */
const graceMs = 30_000;

export class Associations {
  readonly #env: Env;
  /** Told when an association is no more. */
  readonly #ended: (association: number) => void;
  readonly #members = new Map<number, LocalMember>();
  /** What cancels the end of those whose connection is gone. */
  readonly #grace = new Map<number, () => void>();
  /** 1: taken. The low 16 bits of an association are its slot in the forwarder's table. */
  readonly #slots = new Uint8Array(maxSlots);
  #next = 0;

  constructor(env: Env, ended: (association: number) => void) {
    this.#env = env;
    this.#ended = ended;
  }

  /** Forgets the timers. */
  stop(): void {
    for (const cancel of this.#grace.values()) cancel();
    this.#grace.clear();
  }

  /** A number that is free, taken from now on; undefined when there is none. */
  take(): number | undefined {
    for (let tried = 0; tried < maxSlots; tried++) {
      const slot = this.#next;
      this.#next = (slot + 1) % maxSlots;
      if (this.#slots[slot] === 1) continue;
      this.#slots[slot] = 1;
      // The upper half is drawn, so that late packets of the one that had the slot before are for nobody.
      return Math.floor(this.#env.random.unit() * 0x1_0000) * 0x1_0000 + slot;
    }
    return undefined;
  }

  /** Gives back a number that was taken and not used. */
  giveBack(association: number): void {
    this.#slots[association & 0xffff] = 0;
  }

  set(member: LocalMember): void {
    this.#members.set(member.association, member);
  }

  /** One that another process took. */
  restore(member: LocalMember): void {
    this.#slots[member.association & 0xffff] = 1;
    this.set(member);
  }

  /** Members whose connection is gone, and that are still served. */
  get lingering(): LocalMember[] {
    return [...this.#grace.keys()].flatMap((association) => this.#members.get(association) ?? []);
  }

  /** Also of a member whose connection is gone, for as long as it is served. */
  get(association: number): LocalMember | undefined {
    return this.#members.get(association);
  }

  /** The connection is gone: the association ends after the time of grace. */
  linger({ association }: LocalMember): void {
    this.#grace.set(
      association,
      this.#env.clock.after(graceMs, () => {
        this.#end(association);
      }),
    );
  }

  /** Ends those that linger of a member, which is back. */
  endLingering(network: LocalNetwork, id: string): void {
    for (const association of this.#grace.keys()) {
      const member = this.#members.get(association);
      if (member?.id === id && member.network === network) this.#end(association);
    }
  }

  /** Ends one at once. */
  end({ association }: LocalMember): void {
    this.#end(association);
  }

  #end(association: number): void {
    this.#grace.get(association)?.();
    this.#grace.delete(association);
    if (!this.#members.delete(association)) return;
    this.giveBack(association);
    this.#ended(association);
  }
}

/** The links that the operator wants whatever the ring says, by the names that a person gives to members. */
import type { OverlayHostPorts } from './ports.js';

/** How often relays that name only some members are asked for those that are not known. */
export const askFixedEveryMs = 30_000;

export class FixedLinks {
  readonly #ports: Pick<OverlayHostPorts, 'members' | 'relays'>;
  #names: readonly string[] = [];
  #unknown = false;
  #askAt = -Infinity;

  constructor(ports: Pick<OverlayHostPorts, 'members' | 'relays'>) {
    this.#ports = ports;
  }

  set(names: readonly string[]): void {
    this.#names = names;
  }

  /** Their ids, as far as they are known by now. */
  ids(): string[] {
    const ids = this.#names.map((name) => this.#ports.members.lookup(name)?.member.idText);
    this.#unknown = ids.includes(undefined);
    return ids.filter((id) => id !== undefined);
  }

  /** Asks the relays for those that are not known. */
  tick(now: number, complete: boolean): void {
    if (now < this.dueAt(complete)) return;
    const { members, relays } = this.#ports;
    this.#askAt = now + askFixedEveryMs;
    for (const name of this.#names) if (!members.lookup(name)) relays.find({ text: name.slice(0, 64) });
  }

  /** @param complete relays tell of every member, so that there is nothing to ask */
  dueAt(complete: boolean): number {
    return complete || !this.#unknown || !this.#ports.relays.anyUp ? Infinity : this.#askAt;
  }
}

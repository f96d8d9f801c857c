/** Asks relays whether a member's UDP comes from where it told us: what is sent there then reaches nobody else. */
import type { Env } from '../lib/env.js';
import type { ToNode } from '../wire/signal.js';
import type { Askable } from './relay-queries.js';

/** How long an answer is waited for, ms; older relays give none. */
const answerMs = 2_000;
/** Questions under way. */
const limit = 16;

type Answer = Extract<ToNode, { type: 'placed' }>;

export class Placements {
  readonly #env: Env;
  readonly #relays: () => readonly Askable[];
  readonly #pending = new Set<(answer: Answer | undefined) => void>();

  constructor(env: Env, relays: () => readonly Askable[]) {
    this.#env = env;
    this.#relays = relays;
  }

  /** True when a relay sees the member (32 hexadecimal characters) at the address; false at the latest after 2 s. */
  ask(id: string, host: string): Promise<boolean> {
    if (this.#pending.size >= limit) return Promise.resolve(false);
    const asked = this.#relays().filter((relay) => relay.up && relay.request({ type: 'placed', id, host }));
    let open = asked.length;
    if (open === 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const hear = (answer: Answer | undefined): void => {
        if (answer && (answer.id !== id || answer.host !== host)) return;
        open--;
        if (answer && !answer.here && open > 0) return;
        cancel();
        this.#pending.delete(hear);
        resolve(answer?.here === true);
      };
      const cancel = this.#env.clock.after(answerMs, () => {
        hear(undefined);
      });
      this.#pending.add(hear);
    });
  }

  /** A relay answered. */
  answered(answer: Answer): void {
    for (const hear of [...this.#pending]) hear(answer);
  }

  /** Ends what is under way. */
  stop(): void {
    for (const hear of [...this.#pending]) hear(undefined);
  }
}

/**
 * Which of the members that share a subnet still live: each is asked now and then, whether traffic goes to it or not, so
 * that the other stands in before anybody has to wait. Only where there is a choice. No I/O.
 *
 *   asked every 400 ms ── silent for 1.6 s ──▶ dead, asked every 2 s ── heard of for 3 s ──▶ alive
 */

const askEveryMs = 400;
const askDeadEveryMs = 2_000;
/** Above what a path takes that loses a packet and asks again. */
const deadAfterMs = 1_600;
/** One that comes and goes is not gone back to at once. */
const backAfterMs = 3_000;
/** A member that was heard of so lately answers. */
const answersMs = 2 * askDeadEveryMs;

export interface RouterWatchPorts {
  /** Makes the member answer, by whatever way it is reached. */
  ask(idText: string): void;
  /** ms since anything authentic came from it; Infinity when nothing has. */
  silence(idText: string): number;
}

interface Watched {
  readonly since: number;
  askAt: number;
  dead: boolean;
  /** Since when a dead one is heard again. */
  heardSince: number;
}

export class RouterWatch {
  readonly #ports: RouterWatchPorts;
  readonly #watched = new Map<string, Watched>();

  constructor(ports: RouterWatchPorts) {
    this.#ports = ports;
  }

  get dueAt(): number {
    let first = Infinity;
    for (const { askAt } of this.#watched.values()) first = Math.min(first, askAt);
    return first;
  }

  /** From now on these are watched, and no others. */
  watch(now: number, ids: ReadonlySet<string>): void {
    for (const id of this.#watched.keys()) if (!ids.has(id)) this.#watched.delete(id);
    for (const id of ids) {
      if (this.#watched.has(id)) continue;
      this.#watched.set(id, { since: now, askAt: now, dead: false, heardSince: Infinity });
    }
  }

  /** False only for one that is watched and silent. */
  alive(idText: string): boolean {
    return this.#watched.get(idText)?.dead !== true;
  }

  /** It said goodbye, or its session ended: nobody waits for it. True when that changes anything. */
  lost(now: number, idText: string): boolean {
    const watched = this.#watched.get(idText);
    if (!watched || watched.dead) return false;
    this.#bury(now, watched);
    return true;
  }

  /** Asks whom it is time to ask. True when one died or came back. */
  tick(now: number): boolean {
    let changed = false;
    for (const [id, watched] of this.#watched) {
      if (now < watched.askAt) continue;
      const silence = this.#ports.silence(id);
      watched.askAt = now + (watched.dead ? askDeadEveryMs : askEveryMs);
      if (!watched.dead && Math.min(silence, now - watched.since) > deadAfterMs) {
        this.#bury(now, watched);
        changed = true;
      } else if (watched.dead) {
        if (silence > answersMs) watched.heardSince = Infinity;
        else watched.heardSince = Math.min(watched.heardSince, now);
        if (now - watched.heardSince >= backAfterMs) {
          watched.dead = false;
          watched.askAt = now + askEveryMs;
          changed = true;
        }
      }
      this.#ports.ask(id);
    }
    return changed;
  }

  #bury(now: number, watched: Watched): void {
    watched.dead = true;
    watched.heardSince = Infinity;
    watched.askAt = now + askDeadEveryMs;
  }
}

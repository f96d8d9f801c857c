/** Members that bridge one LAN, as machines on a shared cable under a clock of numbers. */
import { describe, expect, it } from 'vitest';
import { LanGuard, holdMs, listenMs } from '../../../src/core/bridging/lan-guard.js';
import { Right } from '../../../src/core/identity/invite.js';
import { keysFromSeed, type Keys } from '../../../src/core/identity/keys.js';
import { nodeIdOf, nodeIdText } from '../../../src/core/identity/node-id.js';
import type { LanState } from '../../../src/core/bridging/report.js';

const word = 0x0123_4567;

interface Actor {
  readonly guard: LanGuard;
  readonly id: string;
  readonly name: string;
  readonly keys: Keys;
  readonly states: LanState[];
  alive: boolean;
  connected: boolean;
  rights: number;
}

/** A LAN; `say` reaches everybody but who said it. */
class Lan {
  now = 1_000;
  readonly actors: Actor[] = [];
  readonly said: Uint8Array[] = [];
  /** What is said comes back to who said it. */
  looped = false;
  readonly #queue: (() => void)[] = [];

  /** Lowest node id first. */
  constructor(count: number) {
    const keys = Array.from({ length: count }, (_, i) => keysFromSeed(new Uint8Array(32).fill(i + 1)));
    const named = keys.map((own) => ({ own, id: nodeIdText(nodeIdOf(own.publicKey)) }));
    named.sort((a, b) => (a.id < b.id ? -1 : 1)).forEach(({ own, id }, i) => this.#add(own, id, `m${i}`));
  }

  #add(keys: Keys, id: string, name: string): void {
    const states: LanState[] = [];
    const actor: Actor = {
      ...{ id, name, keys, states, alive: true, connected: true, rights: Right.bridge },
      guard: new LanGuard({
        ...{ idText: id, name, keys, word, mac: new Uint8Array(6).fill(2) },
        date: () => this.now,
        // A stand-in for what the roster verifies.
        credential: () => new TextEncoder().encode(id),
        memberOf: (credential) => {
          const found = this.actors.find((one) => one.id === new TextDecoder().decode(credential));
          return (
            found && { idText: found.id, name: found.name, key: found.keys.publicKey, rights: found.rights }
          );
        },
        connected: () => actor.connected,
        say: (frame) => {
          this.said.push(frame);
          for (const other of this.actors)
            if (other !== actor || this.looped) this.#queue.push(() => this.give(other, frame));
        },
        turned: (state) => states.push(state),
      }),
    };
    this.actors.push(actor);
  }

  give(to: Actor, frame: Uint8Array): boolean {
    return to.alive && to.guard.heard(this.now, frame);
  }

  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; this.now += 50) {
      for (const { alive, guard } of this.actors) if (alive && this.now >= guard.dueAt) guard.tick(this.now);
      for (const deed of this.#queue.splice(0)) deed();
    }
  }

  get open(): string[] {
    return this.actors.filter(({ alive, guard }) => alive && guard.state === 'open').map(({ name }) => name);
  }
}

describe('members that bridge one LAN', () => {
  it('are never open together, and the lowest is', () => {
    const lan = new Lan(3);
    for (const { guard } of lan.actors) guard.start(lan.now, false);
    for (let ms = 0; ms < 20_000; ms += 50) {
      lan.run(50);
      expect(lan.open.length).toBeLessThanOrEqual(1);
    }
    expect(lan.open).toEqual(['m0']);
    const last = lan.actors[2] as Actor;
    expect(last.guard.report(lan.now)).toMatchObject({ state: 'blocked', by: { name: 'm0' } });
    expect(last.guard.report(lan.now).others.map(({ name }) => name)).toEqual(['m0', 'm1']);
  });

  it('take the place of one that is silent within ten seconds, and keep it', () => {
    const lan = new Lan(2);
    const [first, second] = lan.actors as [Actor, Actor];
    first.guard.start(lan.now, false);
    second.guard.start(lan.now, false);
    lan.run(10_000);
    first.alive = false;
    const died = lan.now;
    while (second.guard.state !== 'open' && lan.now - died < 20_000) lan.run(50);
    expect(lan.now - died).toBeLessThan(10_000);
    expect(lan.now - died).toBeGreaterThan(listenMs);
    first.alive = true;
    // It comes as a new process.
    first.guard.start(lan.now, false);
    for (let ms = 0; ms < 10_000; ms += 50) {
      lan.run(50);
      expect(lan.open).toEqual(['m1']);
    }
    expect(first.guard.report(lan.now)).toMatchObject({ state: 'blocked', by: { name: 'm1' } });
  });

  it('that were open on two LANs which become one: the lower stays', () => {
    const lan = new Lan(2);
    const [first, second] = lan.actors as [Actor, Actor];
    first.guard.start(lan.now, true);
    second.guard.start(lan.now, true);
    lan.run(200);
    expect(lan.open).toEqual(['m0']);
  });

  it('leave the LAN to others while they reach nobody', () => {
    const lan = new Lan(2);
    const [first, second] = lan.actors as [Actor, Actor];
    first.connected = false;
    first.guard.start(lan.now, false);
    second.guard.start(lan.now, false);
    lan.run(8_000);
    expect(lan.open).toEqual(['m1']);
    expect(first.guard.state).toBe('waiting');
    first.connected = true;
    for (let ms = 0; ms < 8_000; ms += 50) {
      lan.run(50);
      expect(lan.open).toEqual(['m1']);
    }
  });

  it('go on as they were in another process', () => {
    const lan = new Lan(1);
    const [only] = lan.actors as [Actor];
    only.guard.start(lan.now, true);
    expect(only.guard.state).toBe('open');
    lan.run(10_000);
    expect(only.states).toEqual(['open']);
  });

  it('are closed while their own hellos come back', () => {
    const lan = new Lan(1);
    const [only] = lan.actors as [Actor];
    only.guard.start(lan.now, false);
    lan.run(5_000);
    expect(only.guard.state).toBe('open');
    lan.looped = true;
    lan.run(1_200);
    expect(only.guard.report(lan.now)).toMatchObject({ state: 'blocked', by: null });
    expect(only.guard.report(lan.now).reason).toContain('loop');
    lan.looped = false;
    lan.run(holdMs + listenMs + 2_000);
    expect(only.guard.state).toBe('open');
  });

  it('believe no recording, no stranger, nobody without the right, and nothing that was changed', () => {
    const lan = new Lan(2);
    const [first, second] = lan.actors as [Actor, Actor];
    first.guard.start(lan.now, false);
    second.guard.start(lan.now, false);
    lan.run(1_500);
    const recorded = lan.said.filter((frame) => new TextDecoder('latin1').decode(frame).includes(first.id));
    first.alive = false;
    lan.run(10_000);
    expect(lan.open).toEqual(['m1']);
    for (const frame of recorded) expect(lan.give(second, frame)).toBe(false);
    expect(lan.open).toEqual(['m1']);
    const [frame] = recorded as [Uint8Array];
    for (let at = 14; at < frame.length; at++) {
      const changed = frame.slice();
      changed[at] = (changed[at] as number) ^ 1;
      expect(lan.give(second, changed)).toBe(false);
      expect(lan.give(second, frame.subarray(0, at))).toBe(false);
    }
    first.rights = 0;
    first.alive = true;
    lan.run(3_000);
    expect(lan.open).toContain('m1');
  });
});

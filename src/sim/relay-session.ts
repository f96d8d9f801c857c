/** What a simulated member has to do with the relay: connecting, what it is told, what it asks (relays/relay-set.ts). */
import { Paced } from '../core/lib/paced.js';
import type { Rendezvous } from '../core/overlay/ports.js';
import type { FindKey } from '../core/relays/relay-queries.js';
import type { Member } from './link.js';
import type { SeededRandom } from './random.js';
import {
  askAgainMs,
  memberNoticesMs,
  reconnectMs,
  relayCheckMs,
  relaySilentMs,
  welcomeRoundTrips,
} from './relay.js';
import { locateBytes, welcomeBytes } from './size.js';

export interface RelaySessionPorts {
  readonly self: Member;
  readonly random: SeededRandom;
  /** The relay named these, with their certificates; with a welcome also how many members are online. */
  named(ids: readonly string[], size?: number): void;
  /** A member that the relay named came or went. */
  presence(id: string, online: boolean): void;
}

export class RelaySession implements Rendezvous {
  readonly #ports: RelaySessionPorts;
  readonly #online = new Set<string>();
  readonly #asked = new Paced(askAgainMs);
  #up = false;
  #lostAt = -Infinity;
  /** Tries to connect that came to nothing, since it was connected. */
  #failures = 0;

  constructor(ports: RelaySessionPorts) {
    this.#ports = ports;
  }

  /** It is connected, as it believes itself. */
  get anyUp(): boolean {
    return this.#up;
  }

  get lostAt(): number {
    return this.#up ? -Infinity : this.#lostAt;
  }

  isOnline(id: string): boolean {
    return this.#up && this.#online.has(id);
  }

  connect(): void {
    const { self, random } = this.#ports;
    const { clock, net, relay } = self.world;
    if (!self.world.seesRelay(self)) {
      this.#retry();
      return;
    }
    const oneWay = net.oneWay(self.place, net.relay);
    self.count(welcomeBytes);
    clock.after((2 * welcomeRoundTrips - 1) * net.jittered(oneWay), () => {
      if (!self.alive) return;
      if (!self.world.seesRelay(self)) {
        this.#retry();
        return;
      }
      relay.add(self);
      const named = relay.welcome(self, random);
      const members = relay.size;
      clock.after(net.jittered(oneWay), () => {
        if (!self.alive) return;
        this.#up = true;
        this.#failures = 0;
        this.#named(named, members);
      });
    });
  }

  /** The relay fell out of reach, or came back: both sides notice in their own time. */
  lost(): void {
    if (!this.#up) return;
    const { self, random } = this.#ports;
    const { clock, relay } = self.world;
    clock.after(memberNoticesMs + random.unit() * 1000, () => {
      if (!self.alive || !this.#up || self.world.seesRelay(self)) return;
      this.#up = false;
      this.#lostAt = clock.now();
      this.#online.clear();
      this.connect();
    });
    clock.after(relaySilentMs + random.unit() * relayCheckMs, () => {
      if (!self.world.seesRelay(self)) relay.remove(self);
    });
  }

  /** The member died without a word. */
  died(): void {
    if (!this.#up) return;
    const { self, random } = this.#ports;
    self.world.clock.after(relaySilentMs + random.unit() * relayCheckMs, () => {
      self.world.relay.remove(self);
    });
  }

  /** The relay tells that a member came or went. */
  hear(id: string, online: boolean): void {
    this.#back(() => {
      this.#presence(id, online);
    });
  }

  locate(idTexts: readonly string[]): boolean {
    if (!this.#up) return false;
    const { self } = this.#ports;
    // Not `positionOfText`, which remembers: these come once.
    const positions = idTexts.map((text) => parseInt(text.slice(0, 13), 16));
    this.#request(locateBytes.request(positions.length), () => {
      const ids = self.world.relay.locate(positions, self);
      this.#back(() => {
        this.#named(ids);
      });
    });
    return true;
  }

  ask(id: string): void {
    const { self } = this.#ports;
    if (!this.#up || this.#online.has(id) || !this.#asked.due(id, self.world.clock.now())) return;
    this.find({ ids: [id] });
  }

  /** Only by ids: members of the model have no names, and no frames. */
  find(key: FindKey): void {
    if (!this.#up || !('ids' in key)) return;
    const { self } = this.#ports;
    this.#request(locateBytes.request(2 * key.ids.length), () => {
      const { known, online } = self.world.relay.find(key.ids, self);
      this.#back(() => {
        for (const id of known) this.#learn(id);
        for (const id of key.ids) this.#presence(id, online.includes(id));
      });
    });
  }

  #named(ids: readonly string[], size?: number): void {
    for (const id of ids) {
      this.#online.add(id);
      this.#learn(id);
    }
    this.#ports.named(ids, size);
  }

  #learn(id: string): void {
    const { self } = this.#ports;
    const other = self.world.find(id);
    if (other && other !== self) self.learn(other);
  }

  #presence(id: string, online: boolean): void {
    if (online) {
      this.#online.add(id);
      this.#learn(id);
    } else {
      this.#online.delete(id);
    }
    this.#ports.presence(id, online);
  }

  /** A question on its way to the relay. */
  #request(bytes: number, answer: () => void): void {
    const { self } = this.#ports;
    const { clock, net, relay } = self.world;
    self.count(bytes);
    clock.after(net.jittered(net.oneWay(self.place, net.relay)), () => {
      if (self.world.seesRelay(self) && relay.has(self)) answer();
    });
  }

  /** Something on its way from the relay. */
  #back(arrive: () => void): void {
    const { self } = this.#ports;
    const { clock, net } = self.world;
    clock.after(net.jittered(net.oneWay(self.place, net.relay)), () => {
      if (self.alive && this.#up && self.world.seesRelay(self)) arrive();
    });
  }

  #retry(): void {
    const { self, random } = this.#ports;
    const bound = Math.min(reconnectMs.most, reconnectMs.first * 2 ** Math.min(this.#failures++, 16));
    self.world.clock.after(random.unit() * bound, () => {
      if (self.alive && !this.#up) this.connect();
    });
  }
}

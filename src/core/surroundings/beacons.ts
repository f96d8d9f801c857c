/**
 * Members of one LAN find each other without a relay and without the internet: each says by multicast where it is
 * (wire/beacon.ts). A machine without I/O; times are monotonic ms.
 *
 *   A ── beacon: challenge a ─────────────────▶ B        B notes a; nothing proves yet that this is no recording
 *   A ◀──────── beacon: challenge b, echo a ── B        A finds its own challenge: B is there now, `found`
 *   A ── handshake, to the address in the card ▶ B        which proves the rest
 *
 * No clock need be right. A challenge is good for two to three minutes, so a recording is worth something for so long at
 * most; and whoever replays it elsewhere leads handshakes to the addresses sealed inside, not to itself. Beacons keep their own
 * pace whatever is heard, so that nobody learns by a replay whether somebody here understood it.
 */
import { equalSecret, toHex } from '../lib/bytes.js';
import type { Random } from '../lib/env.js';
import { TokenBucket } from '../lib/token-bucket.js';
import { challengeLength, echoRoom, parseBeacon, sealBeacon } from '../wire/beacon.js';
import type { LanInterface } from './candidate.js';

/** Beacons after the start, and after addresses changed, ms; then one each `steadyMs`, give or take a quarter. */
const firstMs = [0, 500, 1_500, 3_000] as const;
const steadyMs = 6_000;
/** Challenges are replaced after this time; the last three count. */
const rotateMs = 60_000;
const challengesKept = 3;
/** A challenge that was heard is echoed for so long, ms, and so many are remembered. */
const heardMs = 20_000;
const heardLimit = 512;
/** Datagrams that are opened a second, and at once: a flood on the LAN must not cost a processor. */
const openedPerS = 50;
const openedAtOnce = 100;

export interface BeaconsPorts {
  readonly random: Random;
  /** Of `beaconKey`. */
  readonly key: Uint8Array;
  /** Our card, with these addresses of one interface. */
  card(addresses: readonly string[]): Uint8Array;
  /** These interfaces are used from now on, and no others; none: everything is closed. */
  stand(interfaces: readonly LanInterface[]): void;
  /** Multicast on one of them. */
  send(device: string, beacon: Uint8Array): void;
  /** A member is on this LAN now. Its card (wire/ring.ts) is not verified. */
  found(card: Uint8Array): void;
}

interface Heard {
  readonly challenge: Uint8Array;
  at: number;
  echoedAt: number;
}

export class Beacons {
  readonly #ports: BeaconsPorts;
  readonly #bucket: TokenBucket;
  #interfaces: readonly LanInterface[] = [];
  /** Ours, the newest first. */
  #challenges: Uint8Array[] = [];
  #rotateAt = -Infinity;
  readonly #heard = new Map<string, Heard>();
  #sent = 0;
  #nextAt = Infinity;

  constructor(now: number, ports: BeaconsPorts) {
    this.#ports = ports;
    this.#bucket = new TokenBucket(openedPerS, openedAtOnce, now);
  }

  /** When `tick` has something to do: ms of the clock, Infinity for never. */
  get dueAt(): number {
    return this.#nextAt;
  }

  /** The interfaces of this machine that lead to others. */
  look(now: number, interfaces: readonly LanInterface[]): void {
    if (describe(interfaces) === describe(this.#interfaces)) return;
    this.#interfaces = interfaces;
    this.#ports.stand(interfaces);
    this.#sent = 0;
    this.#nextAt = interfaces.length === 0 ? Infinity : now;
    this.tick(now);
  }

  stop(): void {
    this.look(0, []);
    this.#heard.clear();
  }

  tick(now: number): void {
    if (now < this.#nextAt) return;
    if (now >= this.#rotateAt) this.#rotate(now);
    const { key, random } = this.#ports;
    const [challenge] = this.#challenges as [Uint8Array];
    for (const { device, addresses } of this.#interfaces) {
      const card = this.#ports.card(addresses);
      const echoes = this.#echoes(now, echoRoom(card));
      this.#ports.send(device, sealBeacon({ challenge, echoes, card }, key, random));
    }
    const [begun = 0, next] = firstMs.slice(this.#sent);
    this.#sent++;
    this.#nextAt = now + (next === undefined ? steadyMs * (0.75 + random.unit() / 2) : next - begun);
  }

  /** Something came to the multicast group. */
  receive(now: number, packet: Uint8Array): void {
    if (!this.#bucket.take(1, now)) return;
    const beacon = parseBeacon(packet, this.#ports.key);
    if (!beacon || this.#isOurs(beacon.challenge)) return;
    this.#hear(now, beacon.challenge);
    if (beacon.echoes.some((echo) => this.#isOurs(echo))) this.#ports.found(beacon.card);
  }

  #isOurs(challenge: Uint8Array): boolean {
    return this.#challenges.some((ours) => equalSecret(ours, challenge));
  }

  #rotate(now: number): void {
    this.#rotateAt = now + rotateMs;
    const fresh = this.#ports.random.fill(new Uint8Array(challengeLength));
    this.#challenges = [fresh, ...this.#challenges].slice(0, challengesKept);
  }

  #hear(now: number, challenge: Uint8Array): void {
    const text = toHex(challenge);
    const known = this.#heard.get(text);
    if (known) known.at = now;
    else this.#heard.set(text, { challenge, at: now, echoedAt: -Infinity });
    if (this.#heard.size > heardLimit) this.#heard.delete(this.#heard.keys().next().value as string);
  }

  /** The challenges that were echoed longest ago, of those heard of late. */
  #echoes(now: number, room: number): Uint8Array[] {
    for (const [text, { at }] of this.#heard) if (now - at > heardMs) this.#heard.delete(text);
    const chosen = [...this.#heard.values()].sort((a, b) => a.echoedAt - b.echoedAt || b.at - a.at);
    return chosen.slice(0, room).map((heard) => {
      heard.echoedAt = now;
      return heard.challenge;
    });
  }
}

function describe(interfaces: readonly LanInterface[]): string {
  return interfaces.map(({ device, addresses }) => `${device} ${addresses.join()}`).join(' ');
}

/**
 * How many ports, how many packets, and how likely that they meet. No I/O; times are monotonic ms.
 *
 * A NAT that draws ports at random takes one of P = 64,512 (1024 to 65535).
 *
 *   one side random   S of its ports are open towards the one port of the other side, which sends N packets to different ports:
 *                     they meet with 1 - (1 - S/P)^N. S = 256, N = 1,536: 99.8 %; the middle try is the 175th packet.
 *   both random       N packets of each side, each by a port of its own NAT to a port of the other: two packets meet where each was
 *                     sent to the port that the other had, so of N·N pairs each has 1/P²: 1 - exp(-(N/P)²). N = 4,096: 0.4 %.
 *                     Where a provider gives a customer a block of B ports and one knows it, P is B; nobody tells us.
 */
import type { Random } from '../../lib/env.js';
import { TokenBucket } from '../../lib/token-bucket.js';

/** Sockets, so ports that the NAT opens: tables of small routers hold some thousand. */
export const socketCount = 256;
/** Packets to random ports in one try, where one side draws at random and where both do. */
export const packetsOfOne = 1_536;
export const packetsOfBoth = 4_096;
/** A second, and at once: less than a video call. */
const packetsPerSecond = 512;
const packetsAtOnce = 16;
/** How often packets go out, ms. */
const stepMs = 20;

const lowest = 1_024;
export const portCount = 0x1_0000 - lowest;

/** Ports at random, none twice before all were drawn. */
export class PortDraw {
  #at: number;
  readonly #stride: number;

  constructor(random: Random) {
    this.#at = Math.floor(random.unit() * portCount);
    // It has no divisor in common with 64,512 = 2^10 · 3² · 7, so that it comes by every port.
    let stride = Math.floor(random.unit() * portCount) | 1;
    while (stride % 3 === 0 || stride % 7 === 0) stride += 2;
    this.#stride = stride % portCount;
  }

  next(): number {
    this.#at = (this.#at + this.#stride) % portCount;
    return lowest + this.#at;
  }
}

/** Packets to random ports at a bounded rate, up to a number of them. */
export class Spray {
  readonly #ports: PortDraw;
  readonly #bucket: TokenBucket;
  #left: number;
  #nextAt: number;

  constructor(random: Random, total: number, now: number) {
    this.#ports = new PortDraw(random);
    this.#bucket = new TokenBucket(packetsPerSecond, packetsAtOnce, now);
    this.#left = total;
    this.#nextAt = now;
  }

  /** None are left to send. */
  get over(): boolean {
    return this.#left === 0;
  }

  /** When the next are due, ms of the clock; Infinity: never. */
  get dueAt(): number {
    return this.over ? Infinity : this.#nextAt;
  }

  /** Sends those that are due. */
  tick(now: number, send: (port: number) => void): void {
    if (now < this.dueAt) return;
    this.#nextAt = now + stepMs;
    for (; this.#left > 0 && this.#bucket.take(1, now); this.#left--) send(this.#ports.next());
  }
}

/**
 * When to ask for cookies, how often a proven source may shake hands, and the gate that puts both in order before any
 * Diffie-Hellman is done. No I/O; times are ms of the monotonic clock.
 */
import type { Random } from '../lib/env.js';
import type { Endpoint } from '../lib/endpoint.js';
import { addressBytes } from '../lib/endpoint.js';
import { toHex } from '../lib/bytes.js';
import { SourceLimiter } from '../lib/source-limiter.js';
import { parseInit, parseResponse } from '../wire/handshake.js';
import { CookieChecker } from './cookie.js';
import { checkMac1, mac1KeyOf } from './mac.js';

/** Handshakes a second that are answered without asking for cookies: about a fifth of a core at 7 ms each. */
export const calmHandshakesPerSecond = 30;
/** Handshakes at once that are still calm: a relay's restart wakes many members together. */
export const calmBurst = 60;
/** Cookies are asked for until the load has been low for this long (wireguard-linux: 1 s). */
export const loadHoldMs = 1_000;
/** Handshakes a second from one source under load, and at once (wireguard-linux ratelimiter.c: 20 and 5). */
export const sourcePacketsPerSecond = 20;
export const sourceBurst = 5;
/** Sources remembered; the one that was quiet longest goes first. */
export const sourceLimit = 4_096;

/** A leaky count of handshake messages. */
export class LoadDetector {
  #level = 0;
  #atMs = 0;
  #loadedUntilMs = -Infinity;

  /** One handshake message that will cost Diffie-Hellman work. */
  count(nowMs: number): void {
    this.#leak(nowMs);
    // The cap lets a flood of hours be forgotten in seconds.
    this.#level = Math.min(this.#level + 1, 2 * calmBurst);
    if (this.#level > calmBurst) this.#loadedUntilMs = nowMs + loadHoldMs;
  }

  underLoad(nowMs: number): boolean {
    this.#leak(nowMs);
    return this.#level > calmBurst || nowMs < this.#loadedUntilMs;
  }

  #leak(nowMs: number): void {
    this.#level = Math.max(0, this.#level - ((nowMs - this.#atMs) * calmHandshakesPerSecond) / 1000);
    this.#atMs = nowMs;
  }
}

/** Who counts as one source: an IPv4 address, an IPv6 /64 (what one host is given), or a node id behind a relay. */
export function limiterKey(source: Endpoint | Uint8Array): string {
  if (source instanceof Uint8Array) return toHex(source);
  const address = addressBytes(source.host) ?? new Uint8Array(16);
  return toHex(source.host.includes(':') ? address.subarray(0, 8) : address);
}

export type GateVerdict =
  /** Do the handshake. */
  | { readonly kind: 'pass' }
  /** Drop and count. */
  | { readonly kind: 'drop'; readonly reason: 'malformed' | 'mac1' | 'limited' }
  /** Send this cookie reply to where the packet came from; nothing else. */
  | { readonly kind: 'reply'; readonly packet: Uint8Array };

/** What stands between a stranger's initiation or response and our Diffie-Hellman. */
export class HandshakeGate {
  readonly #mac1Key: Uint8Array;
  readonly #cookies: CookieChecker;
  readonly #load = new LoadDetector();
  readonly #sources = new SourceLimiter(sourcePacketsPerSecond, sourceBurst, sourceLimit);

  constructor(localPublic: Uint8Array, random: Random) {
    this.#mac1Key = mac1KeyOf(localPublic);
    this.#cookies = new CookieChecker(localPublic, random);
  }

  underLoad(nowMs: number): boolean {
    return this.#load.underLoad(nowMs);
  }

  /**
   * Judges an init or a response. `source` is what the cookie is bound to (`endpointSource`, or a node id vouched for
   * by a relay), `key` what the limiter counts by (`limiterKey`). `answer` are the bytes of what goes back if it passes:
   * who brings less than that has to prove with a cookie that it is where it says. 0: it is known to be there.
   */
  judge(packet: Uint8Array, source: Uint8Array, key: string, nowMs: number, answer = 0): GateVerdict {
    const parsed = parseInit(packet) ?? parseResponse(packet);
    if (!parsed) return { kind: 'drop', reason: 'malformed' };
    if (!checkMac1(packet, this.#mac1Key)) return { kind: 'drop', reason: 'mac1' };
    const loaded = this.#load.underLoad(nowMs);
    if (loaded || packet.length < answer) {
      if (!this.#cookies.check(packet, source, nowMs)) {
        // Counted as load all the same, or the flood would switch its own defence off.
        this.#load.count(nowMs);
        return { kind: 'reply', packet: this.#cookies.reply(packet, parsed.senderIndex, source, nowMs) };
      }
      if (loaded && !this.#sources.take(key, nowMs)) return { kind: 'drop', reason: 'limited' };
    }
    this.#load.count(nowMs);
    return { kind: 'pass' };
  }

  destroy(): void {
    this.#cookies.destroy();
  }
}

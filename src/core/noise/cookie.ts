/**
 * Cookies against floods of handshakes (WireGuard paper, sections 5.3 and 5.4.7). A responder under load answers an
 * initiation without mac2 by a cookie reply and keeps no state for it; only who receives at the claimed source can
 * then make mac2. The reply is sealed with the initiation's mac1 as associated data, so only who saw that initiation
 * can forge one. Both machines do no I/O; times are ms of the monotonic clock.
 */
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { blake2s } from '@noble/hashes/blake2.js';
import { copyBytes, utf8, wipe } from '../lib/bytes.js';
import { addressBytes, type Endpoint } from '../lib/endpoint.js';
import type { Random } from '../lib/env.js';
import { cookieLength, cookieNonceLength, encodeCookieReply, parseCookieReply } from '../wire/handshake.js';
import { checkMac2, mac1Of, setMac2 } from './mac.js';
import { hash } from './suite.js';

/** How long a responder keeps its secret, and an initiator a cookie (paper, section 6.6). */
export const cookieLifeMs = 120_000;

const cookieLabel = utf8('evio cookie--');

/** The key that seals cookie replies of whoever holds this static public key. */
function cookieKeyOf(responderPublic: Uint8Array): Uint8Array {
  return hash(cookieLabel, responderPublic);
}

/**
 * The source that a cookie is bound to: 18 bytes of address and port. A relayed packet has the 16 bytes of the node id
 * that the relay vouches for instead; the lengths keep the two apart. Throws TypeError when the host is not an IP literal.
 */
export function endpointSource(endpoint: Endpoint): Uint8Array {
  const address = addressBytes(endpoint.host);
  if (!address) throw new TypeError(`not an IP address: ${endpoint.host}`);
  const out = new Uint8Array(18);
  out.set(address);
  new DataView(out.buffer).setUint16(16, endpoint.port);
  return out;
}

/** The responder's side. */
export class CookieChecker {
  readonly #random: Random;
  readonly #replyKey: Uint8Array;
  readonly #secret = new Uint8Array(32);
  #secretBornMs = -Infinity;

  constructor(localPublic: Uint8Array, random: Random) {
    this.#random = random;
    this.#replyKey = cookieKeyOf(localPublic);
  }

  /** True when mac2 was made with the cookie that this source has from us, in this secret's life. */
  check(packet: Uint8Array, source: Uint8Array, nowMs: number): boolean {
    return checkMac2(packet, this.#cookie(source, nowMs));
  }

  /** The cookie reply (64 bytes, shorter than any initiation or response) to a packet whose mac1 was checked. */
  reply(packet: Uint8Array, senderIndex: number, source: Uint8Array, nowMs: number): Uint8Array {
    const nonce = this.#random.fill(new Uint8Array(cookieNonceLength));
    const cipher = xchacha20poly1305(this.#replyKey, nonce, mac1Of(packet));
    const sealedCookie = cipher.encrypt(this.#cookie(source, nowMs));
    return encodeCookieReply({ receiverIndex: senderIndex, nonce, sealedCookie });
  }

  destroy(): void {
    wipe(this.#secret);
    this.#secretBornMs = -Infinity;
  }

  #cookie(source: Uint8Array, nowMs: number): Uint8Array {
    if (nowMs - this.#secretBornMs >= cookieLifeMs) {
      this.#random.fill(this.#secret);
      this.#secretBornMs = nowMs;
    }
    return blake2s(source, { key: this.#secret, dkLen: cookieLength });
  }
}

/** The initiator's side: one jar a responder. */
export class CookieJar {
  readonly #responderPublic: Uint8Array;
  #lastMac1: Uint8Array | undefined;
  #cookie: Uint8Array | undefined;
  #cookieBornMs = 0;

  constructor(responderPublic: Uint8Array) {
    this.#responderPublic = responderPublic;
  }

  /** Call for every handshake packet just before it is sent: writes mac2 when there is a cookie, and remembers mac1. */
  stamp(packet: Uint8Array, nowMs: number): void {
    this.#lastMac1 = copyBytes(mac1Of(packet));
    const cookie = this.cookie(nowMs);
    if (cookie) setMac2(packet, cookie);
  }

  /** The cookie in force, if any; stays the jar's. */
  cookie(nowMs: number): Uint8Array | undefined {
    if (this.#cookie && nowMs - this.#cookieBornMs >= cookieLifeMs) {
      wipe(this.#cookie);
      this.#cookie = undefined;
    }
    return this.#cookie;
  }

  /**
   * Takes a cookie reply. True when it is genuine and answers the packet stamped last; one reply a packet. The caller
   * has matched `receiverIndex`. A cookie ends no handshake: the caller sends a new initiation when its timer says so.
   */
  consume(packet: Uint8Array, nowMs: number): boolean {
    const reply = parseCookieReply(packet);
    if (!reply || !this.#lastMac1) return false;
    let cookie: Uint8Array;
    try {
      // Made when it is needed: most peers never ask for a cookie.
      const key = cookieKeyOf(this.#responderPublic);
      cookie = xchacha20poly1305(key, reply.nonce, this.#lastMac1).decrypt(reply.sealedCookie);
    } catch {
      return false; // noble throws on a wrong tag
    }
    this.#cookie = cookie;
    this.#cookieBornMs = nowMs;
    this.#lastMac1 = undefined;
    return true;
  }
}

/**
 * Floods as wire/flood.ts has them, made without the code that makes them: by node:crypto alone. Nodes have small numbers,
 * as in loop-rig.ts.
 */
import { createHash, createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';
import { positionOf } from '../../src/core/topology/position.js';

export interface FloodKeys {
  readonly secret: KeyObject;
  readonly publicKey: Uint8Array;
}

const made = new Map<number, FloodKeys>();

/** The Ed25519 key of node `n`: its seed is 32 bytes of its number. */
export function floodKeys(n: number): FloodKeys {
  const known = made.get(n);
  if (known) return known;
  // RFC 8410: the head of an Ed25519 key in PKCS #8.
  const head = Buffer.from('302e020100300506032b657004220420', 'hex');
  const secret = createPrivateKey({
    key: Buffer.concat([head, Buffer.alloc(32, n)]),
    format: 'der',
    type: 'pkcs8',
  });
  const der = createPublicKey(secret).export({ format: 'der', type: 'spki' });
  const keys = { secret, publicKey: new Uint8Array(der.subarray(-32)) };
  made.set(n, keys);
  return keys;
}

export interface FloodSay {
  readonly origin: number;
  readonly sequence: number;
  /** Kind and frame. */
  readonly inner: Uint8Array;
  readonly epoch?: number;
}

export interface FloodWay {
  readonly ttl?: number;
  readonly flags?: number;
  /** Node at which the arc ends; the origin when left out. */
  readonly bound?: number;
  /** Node whose key signs, when it is not the origin's. */
  readonly signer?: number;
}

const digest = (...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(createHash('sha256').update(Buffer.concat(parts)).digest().subarray(0, 16));

/** Origin, epoch, sequence and inner plaintext. */
export function saidOf({ origin, sequence, inner, epoch = 1 }: FloodSay): Uint8Array {
  const out = Buffer.alloc(26 + inner.length, origin);
  out.writeUIntBE(epoch, 16, 6);
  out.writeUInt32BE(sequence, 22);
  out.set(inner, 26);
  return new Uint8Array(out);
}

/** Plaintexts of floods (kind 0x23) that have one signature together. */
export function floodBatch(says: readonly FloodSay[], way: FloodWay = {}): Uint8Array[] {
  const { ttl = 255, flags = 0 } = way;
  const depth = Math.ceil(Math.log2(says.length));
  const said = says.map(saidOf);
  const zero = new Uint8Array(16);
  let level = Array.from({ length: 1 << depth }, (_, i) =>
    said[i] ? digest(Uint8Array.of(0), said[i]) : zero,
  );
  const levels = [level];
  while (level.length > 1) {
    const below = level;
    level = below.flatMap((left, i) =>
      i % 2 === 0 ? [digest(Uint8Array.of(1), left, below[i + 1] as Uint8Array)] : [],
    );
    levels.push(level);
  }
  return says.map(({ origin }, i) => {
    const message = Buffer.concat([Buffer.from('evio flood 1'), level[0] as Uint8Array]);
    const signature = sign(null, message, floodKeys(way.signer ?? origin).secret);
    const bound = Buffer.alloc(8);
    const end = positionOf(new Uint8Array(16).fill(way.bound ?? origin));
    bound.writeBigUInt64BE(BigInt(end) << 12n);
    const path = levels.slice(0, -1).map((nodes, height) => nodes[(i >> height) ^ 1] as Uint8Array);
    const place = (depth << 5) | i;
    const head = [Uint8Array.of(0x23, ttl, flags), bound, signature, Uint8Array.of(place)];
    return new Uint8Array(Buffer.concat([...head, ...path, said[i] as Uint8Array]));
  });
}

/** The plaintext of one flood, with a signature of its own. */
export function floodOf(
  origin: number,
  sequence: number,
  inner: Uint8Array,
  way: FloodWay & { readonly epoch?: number } = {},
): Uint8Array {
  const { epoch = 1 } = way;
  return floodBatch([{ origin, sequence, inner, epoch }], way)[0] as Uint8Array;
}

/** A flood (kind 0x23) in two parts (kind 0x24). */
export function inHalves(flood: Uint8Array, number: number): [Uint8Array, Uint8Array] {
  const body = flood.subarray(1);
  const first = Math.ceil(body.length / 2);
  const head = [0x24, number >> 8, number & 255];
  return [
    Uint8Array.of(...head, 0, ...body.subarray(0, first)),
    Uint8Array.of(...head, 1, ...body.subarray(first)),
  ];
}

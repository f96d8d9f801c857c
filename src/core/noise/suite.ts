/**
 * The three primitives of a Noise cipher suite, behind names from the specification (revision 34, section 4).
 * BLAKE2s comes from noble; keys, shared secrets and the AEAD from OpenSSL by node:crypto, because they are what strangers can
 * make us compute: 0.1 ms a secret instead of 1.5 ms, and of a process that has just started 70 ms for the first key. Knows
 * nothing of handshakes.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
} from 'node:crypto';
import { blake2s } from '@noble/hashes/blake2.js';
import { hmac } from '@noble/hashes/hmac.js';
import { copyBytes, fromBase64Url, toBase64Url, toHex } from '../lib/bytes.js';
import type { Random } from '../lib/env.js';
import { Suite, tagLength } from '../wire/packet.js';

/** DHLEN of X25519 and HASHLEN of BLAKE2s, bytes. */
export const dhLength = 32;
export const hashLength = 32;
export const keyLength = 32;

/** An X25519 key pair; both 32 bytes. The owner wipes `secretKey`. */
export interface DhKeys {
  readonly secretKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** A fresh X25519 key pair. */
export function generateDhKeys(random: Random): DhKeys {
  return dhKeysFrom(random.fill(new Uint8Array(dhLength)));
}

/** PKCS #8 around the secret of an X25519 key (RFC 8410 section 7), up to the secret. */
const pkcs8Head = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** The key pair of a 32-byte secret, which it keeps (no copy). Throws when the secret has another length. */
export function dhKeysFrom(secretKey: Uint8Array): DhKeys {
  const der = Buffer.concat([pkcs8Head, secretKey]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  const publicKey = fromBase64Url(createPublicKey(key).export({ format: 'jwk' }).x ?? '');
  if (publicKey?.length !== dhLength) throw new TypeError('no public key of this secret');
  const keys = { secretKey, publicKey };
  imported.set(keys, key);
  return keys;
}

/** DH(key, public): 32 bytes. Throws when the result is all zeros (a low-order public key), RFC 7748 section 6.1. */
export function dh(keys: DhKeys, publicKey: Uint8Array): Uint8Array {
  // A JSON Web Key (RFC 8037) is the one raw form that node:crypto imports without a slow decoder.
  const remote = { kty: 'OKP', crv: 'X25519', x: toBase64Url(publicKey) };
  const result = diffieHellman({
    privateKey: privateKeyOf(keys),
    publicKey: createPublicKey({ key: remote, format: 'jwk' }),
  });
  // Backed by memory of its own, so that the owner can wipe it.
  return copyBytes(result);
}

/** Imported once a key pair: OpenSSL wipes its copy when the pair is forgotten. */
const imported = new WeakMap<DhKeys, KeyObject>();

function privateKeyOf(keys: DhKeys): KeyObject {
  let key = imported.get(keys);
  if (!key) {
    const { secretKey, publicKey } = keys;
    const jwk = { kty: 'OKP', crv: 'X25519', d: toBase64Url(secretKey), x: toBase64Url(publicKey) };
    key = createPrivateKey({ key: jwk, format: 'jwk' });
    imported.set(keys, key);
  }
  return key;
}

/** Every u-coordinate of low order on Curve25519 and its twist, little endian, top bit clear (cr.yp.to/ecdh.html). */
export const lowOrderPoints: readonly string[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];
const lowOrder = new Set(lowOrderPoints);

/** True when no secret can be shared with this public key. Public keys only: the time it takes tells which. */
export function isLowOrder(publicKey: Uint8Array): boolean {
  const masked = copyBytes(publicKey);
  masked[31] = (masked[31] as number) & 0x7f; // X25519 ignores the top bit
  return lowOrder.has(toHex(masked));
}

/** HASH(data). */
export function hash(...parts: readonly Uint8Array[]): Uint8Array {
  const state = blake2s.create();
  for (const part of parts) state.update(part);
  return state.digest();
}

/** HKDF(chaining key, input key material) with two outputs. */
export function hkdf2(chainingKey: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array] {
  const temporary = hmac(blake2s, chainingKey, input);
  const first = hmac(blake2s, temporary, Uint8Array.of(1));
  const second = hmac.create(blake2s, temporary).update(first).update(Uint8Array.of(2)).digest();
  temporary.fill(0);
  return [first, second];
}

/** The name of a suite inside a Noise protocol name. */
export function cipherName(suite: Suite): 'AESGCM' | 'ChaChaPoly' {
  return suite === Suite.aes256gcm ? 'AESGCM' : 'ChaChaPoly';
}

/** 96 bits: 32 zero bits and the counter, big endian for AES-GCM, little endian for ChaChaPoly (section 12). */
function nonceOf(suite: Suite, counter: number): Uint8Array {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setBigUint64(4, BigInt(counter), suite === Suite.chacha20poly1305);
  return nonce;
}

/** ENCRYPT(k, n, ad, plaintext): ciphertext and 16-byte tag in one new array. */
export function encrypt(
  suite: Suite,
  key: Uint8Array,
  counter: number,
  ad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const nonce = nonceOf(suite, counter);
  const cipher =
    suite === Suite.aes256gcm
      ? createCipheriv('aes-256-gcm', key, nonce)
      : createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: tagLength });
  if (ad.length > 0) cipher.setAAD(ad);
  const out = new Uint8Array(plaintext.length + tagLength);
  out.set(cipher.update(plaintext));
  cipher.final();
  out.set(cipher.getAuthTag(), plaintext.length);
  return out;
}

/** DECRYPT(k, n, ad, ciphertext): a new array, or undefined when the tag is wrong or the input too short. */
export function decrypt(
  suite: Suite,
  key: Uint8Array,
  counter: number,
  ad: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array | undefined {
  const length = ciphertext.length - tagLength;
  if (length < 0) return undefined;
  const nonce = nonceOf(suite, counter);
  const options = { authTagLength: tagLength };
  const decipher =
    suite === Suite.aes256gcm
      ? createDecipheriv('aes-256-gcm', key, nonce, options)
      : createDecipheriv('chacha20-poly1305', key, nonce, options);
  decipher.setAuthTag(ciphertext.subarray(length));
  if (ad.length > 0) decipher.setAAD(ad);
  const plaintext = new Uint8Array(length);
  plaintext.set(decipher.update(ciphertext.subarray(0, length)));
  try {
    decipher.final(); // the only sign of a wrong tag
  } catch {
    plaintext.fill(0);
    return undefined;
  }
  return plaintext;
}

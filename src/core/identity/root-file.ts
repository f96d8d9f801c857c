/**
 * A network's root key as a file that may lie anywhere: encrypted under a passphrase.
 *
 *   text  "evioroot1" ‖ base64url of: version 1 | log2 of scrypt's N 1 | network key 32 | root public key 32 | salt 16 | nonce 24
 *                                     | root secret 32, XChaCha20-Poly1305 (tag 16)
 *
 * The key is scrypt (RFC 7914) of the passphrase in NFKC, r 8, p 1. All before the secret is authenticated with it. What is
 * not secret stands in clear, so that the file tells whose it is without the passphrase.
 */
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { scrypt } from '@noble/hashes/scrypt.js';
import {
  ByteReader,
  ByteWriter,
  concatBytes,
  equalBytes,
  fromBase64Url,
  toBase64Url,
  utf8,
} from '../lib/bytes.js';
import type { Random } from '../lib/env.js';
import { keysFromSeed, publicKeyLength, seedLength, type Keys } from './keys.js';

const prefix = 'evioroot1';
const version = 1;
const saltLength = 16;
const nonceLength = 24;
const tagLength = 16;
const headLength = 2 + 2 * publicKeyLength + saltLength + nonceLength;
/** 128 MiB and about a second a guess. */
const costLog2 = 17;
/** A file may ask for at most 256 MiB: it may come from anybody. */
const costRange = { least: 14, most: 18 } as const;

/** What a file tells without its passphrase. None of it is authenticated before `openRootFile`. */
export interface RootFile {
  /** The network's first root key, which names it. */
  readonly networkKey: Uint8Array;
  /** Public part of the key in the file. */
  readonly rootKey: Uint8Array;
  readonly bytes: Uint8Array;
}

/** @param networkKey the network's first root key */
export function sealRootFile(root: Keys, networkKey: Uint8Array, passphrase: string, random: Random): string {
  const salt = random.fill(new Uint8Array(saltLength));
  const nonce = random.fill(new Uint8Array(nonceLength));
  const head = new ByteWriter()
    .u8(version)
    .u8(costLog2)
    .bytes(networkKey)
    .bytes(root.publicKey)
    .bytes(salt)
    .bytes(nonce)
    .finish();
  const key = stretch(passphrase, salt, costLog2);
  const sealed = xchacha20poly1305(key, nonce, head).encrypt(root.seed);
  key.fill(0);
  return `${prefix}${toBase64Url(concatBytes(head, sealed))}\n`;
}

/** Reads a file as far as it is not secret. Undefined when it is none of this version, or not whole. */
export function parseRootFile(text: string): RootFile | undefined {
  const line = text.trim();
  const bytes = line.startsWith(prefix) ? fromBase64Url(line.slice(prefix.length)) : undefined;
  if (bytes?.length !== headLength + seedLength + tagLength) return undefined;
  const reader = new ByteReader(bytes);
  if (reader.u8() !== version) return undefined;
  const cost = reader.u8();
  if (cost < costRange.least || cost > costRange.most) return undefined;
  return { networkKey: reader.bytes(publicKeyLength), rootKey: reader.bytes(publicKeyLength), bytes };
}

/** The key in the file; undefined for another passphrase, or when the file was changed. */
export function openRootFile({ bytes, rootKey }: RootFile, passphrase: string): Keys | undefined {
  const head = bytes.subarray(0, headLength);
  const salt = head.subarray(headLength - nonceLength - saltLength, headLength - nonceLength);
  const key = stretch(passphrase, salt, head[1] as number);
  try {
    const seed = xchacha20poly1305(key, head.subarray(headLength - nonceLength), head).decrypt(
      bytes.subarray(headLength),
    );
    const keys = keysFromSeed(seed);
    return equalBytes(keys.publicKey, rootKey) ? keys : undefined;
  } catch {
    return undefined;
  } finally {
    key.fill(0);
  }
}

function stretch(passphrase: string, salt: Uint8Array, cost: number): Uint8Array {
  return scrypt(utf8(passphrase.normalize('NFKC')), salt, { N: 2 ** cost, r: 8, p: 1, dkLen: 32 });
}

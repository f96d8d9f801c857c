/**
 * The facts of a network, signed by its root key: what a token carries and every member keeps.
 *
 *   version 1 | root key 32 | name (1+n) | cidr base 4, prefix 1 | mtu 2 | flags 1 (bit 0 is set, the others mean nothing yet)
 *   | serial 4 | relays 1 | ( address (1+n) | key 32 )* | signature 64 by the root key over label ‖ all before
 */
import { ByteReader, ByteWriter, concatBytes, utf8 } from '../lib/bytes.js';
import type { Cidr } from '../lib/ipv4.js';
import { formatCidr } from '../lib/ipv4.js';
import { sign, signatureLength, verify, type Keys } from './keys.js';
import { formatPrefix, prefixOfCidr, type Prefix } from '../lib/prefix.js';
import { range6Of } from './inner-ipv6.js';
import { networkIdOf } from './node-id.js';

/** A relay as a network names it. */
export interface RelayFact {
  /** `HOST:PORT`, the host a name or an IP literal ([…] for IPv6), with `wss://` in front when it speaks TLS. */
  readonly address: string;
  /** Ed25519 public key of the relay. */
  readonly key: Uint8Array;
}

export interface NetworkFacts {
  readonly rootKey: Uint8Array;
  readonly name: string;
  readonly cidr: Cidr;
  /** MTU of the interface, bytes of Ethernet payload. */
  readonly mtu: number;
  /** A later serial replaces an earlier one. */
  readonly serial: number;
  readonly relays: readonly RelayFact[];
}

const version = 1;
/** What members of the first version take for "receipts needed". */
const flags = 1;
const label = utf8('evio network 1');
/** More relays than this make tokens unwieldy. */
export const maxRelays = 16;
export const minMtu = 576;
export const maxMtu = 9000;

export function signNetwork(facts: NetworkFacts, root: Keys): Uint8Array {
  const writer = new ByteWriter()
    .u8(version)
    .bytes(facts.rootKey)
    .text(facts.name)
    .u32(facts.cidr.base)
    .u8(facts.cidr.prefix)
    .u16(facts.mtu)
    .u8(flags)
    .u32(facts.serial)
    .u8(facts.relays.length);
  for (const relay of facts.relays) writer.text(relay.address).bytes(relay.key);
  const body = writer.finish();
  return concatBytes(body, sign(root, concatBytes(label, body)));
}

/** Facts of a genuine document, or undefined. The root key inside is what the caller must know or decide to trust. */
export function openNetwork(signed: Uint8Array): NetworkFacts | undefined {
  if (signed.length < signatureLength) return undefined;
  const body = signed.subarray(0, signed.length - signatureLength);
  const reader = new ByteReader(body);
  if (reader.u8() !== version) return undefined;
  const rootKey = reader.bytes(32);
  const name = reader.text();
  const cidr = { base: reader.u32(), prefix: reader.u8() };
  const mtu = reader.u16();
  reader.u8();
  const serial = reader.u32();
  const count = reader.u8();
  if (count > maxRelays) return undefined;
  const relays: RelayFact[] = [];
  for (let i = 0; i < count; i++) relays.push({ address: reader.text(), key: reader.bytes(32) });
  if (!reader.done || cidr.prefix > 30 || mtu < minMtu || mtu > maxMtu) return undefined;
  if (!verify(rootKey, concatBytes(label, body), signed.subarray(body.length))) return undefined;
  return { rootKey, name, cidr, mtu, serial, relays };
}

/** A network as commands and reports show it. */
export interface NetworkReport {
  readonly id: string;
  readonly name: string;
  /** `10.144.0.0/16`. */
  readonly cidr: string;
  /** Its range of IPv6: `fd9e:7b24:110d:cb33::/64`. */
  readonly cidr6: string;
  readonly mtu: number;
  /** Addresses of its relays, as the network names them. */
  readonly relays: readonly string[];
}

export function describeNetwork(facts: NetworkFacts): NetworkReport {
  return {
    id: networkIdOf(facts.rootKey),
    name: facts.name,
    cidr: formatCidr(facts.cidr),
    cidr6: formatPrefix(range6Of(facts.rootKey)),
    mtu: facts.mtu,
    relays: facts.relays.map((relay) => relay.address),
  };
}

/** The addresses of a network: IPv4, then IPv6. */
export function rangesOf({ cidr, rootKey }: Pick<NetworkFacts, 'cidr' | 'rootKey'>): [Prefix, Prefix] {
  return [prefixOfCidr(cidr), range6Of(rootKey)];
}

/** What this node announces: its subnets, and the signed document that says so. No I/O, no clock. */
import {
  announcementLength,
  announcementLifeMs,
  maxAnnouncementLength,
  maxSubnets,
  mayBeSubnet,
  signAnnouncement,
  type Subnet,
} from '../identity/announcement.js';
import type { Keys } from '../identity/keys.js';
import { badValue } from '../identity/names.js';
import { equalPrefixes, formatPrefix, parsePrefix, prefixesOverlap, type Prefix } from '../lib/prefix.js';
import type { AnnouncedSubnet } from '../membership/profile.js';
import { announceLimit } from '../wire/subnets.js';
import { isPodRange, podRangeBits } from './pods.js';

/** It is signed again when it is this old, ms: long before it ends. */
export const renewAfterMs = announcementLifeMs / 3;

/** A range as a person writes it. Throws EvioError EVIO_BAD_VALUE. */
export function checkPrefix(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix) return prefix;
  throw badValue(
    `"${text}" is not a range of addresses; the bits after the prefix must be zero.`,
    'For example: 192.168.7.0/24, or fd00:7::/64',
  );
}

/**
 * The list with one subnet more, or with the same one shared or not.
 *
 * @param network ranges of the network, which no subnet may overlap but small ones of pods
 * @param room bytes that a credential leaves for an announcement
 * @throws EvioError EVIO_BAD_VALUE
 */
export function withSubnet(
  list: readonly Subnet[],
  subnet: Subnet,
  network: readonly Prefix[],
  room: number,
): Subnet[] {
  const text = formatPrefix(subnet.prefix);
  if (!mayBeSubnet(subnet.prefix)) throw badValue(`${text} cannot be a subnet of hosts (RFC 6890).`);
  const inside = network.find((range) => prefixesOverlap(range, subnet.prefix));
  if (inside && !isPodRange(network, subnet)) {
    throw badValue(
      `${text} overlaps the range of the network itself, ${formatPrefix(inside)}.`,
      `Announce what lies outside it; of pods that have addresses of the network, at most a /${podRangeBits} at a time.`,
    );
  }
  const before = list.find(({ prefix }) => equalPrefixes(prefix, subnet.prefix));
  const since = before?.since ?? subnet.since;
  const changed = [...list.filter((other) => other !== before), { ...subnet, since }];
  if (changed.length > maxSubnets || announcementLength(changed) > room) {
    throw badValue(
      `These are too many subnets for one member: ${changed.length}.`,
      'Announce one that holds several of them.',
    );
  }
  return changed;
}

/** Bytes that a credential of this length leaves for the announcement that travels with it. */
export function roomBeside(credentialLength: number): number {
  return Math.min(maxAnnouncementLength, announceLimit - credentialLength);
}

/** Subnets as the profile keeps them; what is none is left out. */
export function subnetsOf(kept: readonly AnnouncedSubnet[] = []): Subnet[] {
  return kept.flatMap(({ cidr, shared, since }) => {
    const prefix = parsePrefix(cidr);
    return prefix && mayBeSubnet(prefix) ? [{ prefix, shared, since }] : [];
  });
}

export function keptSubnets(list: readonly Subnet[]): AnnouncedSubnet[] {
  return list.map(({ prefix, shared, since }) => ({ cidr: formatPrefix(prefix), shared, since }));
}

export class OwnSubnets {
  readonly #keys: Keys;
  #list: readonly Subnet[];
  #serial = 0;
  #signedAt = -Infinity;

  constructor(keys: Keys, list: readonly Subnet[]) {
    this.#keys = keys;
    this.#list = list;
  }

  get list(): readonly Subnet[] {
    return this.#list;
  }

  /** ms since 1970. */
  get signedAt(): number {
    return this.#signedAt;
  }

  replace(list: readonly Subnet[]): void {
    this.#list = list;
  }

  /** Others hold an announcement of ours with this serial: ours has to be later. */
  outdone(serial: number): void {
    this.#serial = Math.max(this.#serial, serial);
  }

  /** Signed anew, with a serial that rises with the date and in any case. */
  sign(dateMs: number): Uint8Array {
    this.#serial = Math.max(this.#serial + 1, dateMs);
    this.#signedAt = dateMs;
    return signAnnouncement(
      { nodeKey: this.#keys.publicKey, serial: this.#serial, signedAt: dateMs, subnets: this.#list },
      this.#keys,
    );
  }
}

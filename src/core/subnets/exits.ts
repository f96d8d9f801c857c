/**
 * Ways out: members by which others send everything. One that offers itself announces a subnet that stands for "all the rest",
 * shared with whoever offers itself, too; so rights, spread and rulings are those of subnets, and members that know nothing of
 * exits take it for one that nobody is in.
 */
import { equalPrefixes, parsePrefix, type Prefix } from '../lib/prefix.js';
import type { SubnetRule } from '../switch/subnet-table.js';

/** Unique local (RFC 4193); "evio" in it. */
export const exitCidr = 'fd65:7669:6f00:e817::/64';
const marker = parsePrefix(exitCidr) as Prefix;
/** What an exit may speak for, to who uses it: every IPv4 address, and global IPv6 ones. */
const spokenFor = ['0.0.0.0/0', '2000::/3'].map((text) => parsePrefix(text) as Prefix);

export function isExit(prefix: Prefix): boolean {
  return equalPrefixes(prefix, marker);
}

/** The guard's rules for the exit with this MAC. */
export function exitRules(mac: Uint8Array): SubnetRule[] {
  return spokenFor.map(({ words, length }) => ({ words, length, mac }));
}

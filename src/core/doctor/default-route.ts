/** Has this machine a way of its own for what it knows no route for, and which? */
import { readFileSync } from 'node:fs';
import { isOurInterface } from '../surroundings/ways-out.js';

/** `/proc/net/route` (proc(5)): interface, destination, …, metric as the seventh, mask as the eighth. 0.0.0.0/1 is half of what there is. */
const isDefault4 = (words: readonly string[]): boolean =>
  words[1] === '00000000' && words[7] === '00000000' && !isOurInterface(words[0] ?? '');
/** `/proc/net/ipv6_route`: destination, its length, …, interface as the last. Of all tables, with what refuses on `lo`. */
const isDefault6 = (words: readonly string[]): boolean =>
  /^0+$/.test(words[0] ?? '') && words[1] === '00' && words[9] !== 'lo' && !isOurInterface(words[9] ?? '');

const rows = (text: string): string[][] => text.split('\n').map((line) => line.trim().split(/\s+/));

/**
 * Interface of the IPv4 default route that counts, the one of the lowest metric; those of evio's own interfaces do not.
 *
 * @param routes content of /proc/net/route
 */
export function defaultInterface(routes: string): string | undefined {
  const [first] = rows(routes)
    .filter(isDefault4)
    .sort((a, b) => Number(a[6]) - Number(b[6]));
  return first?.[0];
}

/** @param routes content of /proc/net/route @param routes6 content of /proc/net/ipv6_route */
export function hasDefaultRoute(routes: string, routes6: string): boolean {
  return defaultInterface(routes) !== undefined || rows(routes6).some(isDefault6);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** What an operator has to know who sends everything by a member from a machine where nothing else leads out. */
export function noWayAdvice(): string[] {
  if (hasDefaultRoute(read('/proc/net/route'), read('/proc/net/ipv6_route'))) return [];
  return [
    'This machine has no default route, by which packets of evio itself would go: nothing leaves. Have it reach its own networks as before: --allow-lan',
  ];
}

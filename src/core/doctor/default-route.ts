/** Has this machine a way of its own for what it knows no route for? */
import { readFileSync } from 'node:fs';
import { isOurInterface } from '../surroundings/ways-out.js';

/** `/proc/net/route`: interface, destination, …, mask as the eighth. */
const isDefault4 = (words: readonly string[]): boolean => words[1] === '00000000' && words[7] === '00000000';
/** `/proc/net/ipv6_route`: destination, its length, …, interface as the last. Of all tables, with what refuses on `lo`. */
const isDefault6 = (words: readonly string[]): boolean =>
  /^0+$/.test(words[0] ?? '') && words[1] === '00' && words[9] !== 'lo';

/** @param routes content of /proc/net/route @param routes6 content of /proc/net/ipv6_route */
export function hasDefaultRoute(routes: string, routes6: string): boolean {
  const rows = (text: string): string[][] => text.split('\n').map((line) => line.trim().split(/\s+/));
  return (
    rows(routes).some((words) => isDefault4(words) && !isOurInterface(words[0] ?? '')) ||
    rows(routes6).some((words) => isDefault6(words) && !isOurInterface(words[9] ?? ''))
  );
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

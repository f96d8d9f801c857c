/** The addresses and routes of this machine, as the kernel tells. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { localRanges, type LocalRange } from '../surroundings/local-ranges.js';

/** Without the interfaces that evio made. Empty of routes where there is no /proc/net/route. */
export function machineRanges(): LocalRange[] {
  const addresses = Object.entries(networkInterfaces()).flatMap(([device, list]) =>
    (list ?? []).map(({ address }) => ({ device, address })),
  );
  return localRanges(addresses, routes());
}

function routes(): string {
  try {
    return readFileSync('/proc/net/route', 'utf8');
  } catch {
    return '';
  }
}

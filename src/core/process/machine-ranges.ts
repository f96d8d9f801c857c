/** The addresses and routes of this machine, as the kernel tells. */
import { readFileSync } from 'node:fs';
import { systemAddresses } from '../native/addresses.js';
import { localRanges, type LocalRange } from '../surroundings/local-ranges.js';

/** Without the interfaces that evio made. Empty of routes where there is no /proc/net/route. */
export function machineRanges(): LocalRange[] {
  return localRanges(systemAddresses(), routes());
}

function routes(): string {
  try {
    return readFileSync('/proc/net/route', 'utf8');
  } catch {
    return '';
  }
}

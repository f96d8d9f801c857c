/**
 * Does anybody in the network use an address already? The kernel is made to ask for it, as RFC 5227 has hosts do, and its table of
 * neighbours tells whether somebody spoke as it: in answer, or at any time since, because who begins to use an address says so to all
 * (RFC 826, RFC 5227), and the kernel notes that of addresses which it has asked for.
 *
 * So that no pod waits for silence, addresses are asked for before they are needed: with each pod the next ones. When one is given, it is
 * asked for again, and looked at once more just before the pod is connected. Of members the node is asked (ranges.ts).
 */
import { Kernel } from '../kernel/kernel.js';
import { pause } from '../../core/lib/pause.js';

/** Time for an answer, ms: members are answered for by this node itself, pods and bridged machines answer over the network. */
const waitMs = 100;
/** Addresses that are asked for ahead: as many pods may come at once without waiting. */
const ahead = 8;

/** Addresses that nobody has spoken as since the kernel asked for them, which was long enough ago. `device` is evio's interface. */
export function quietAddresses(kernel: Kernel, device: string): ReadonlySet<string> {
  const found = kernel.neighbours(device).filter(({ silentMs = 0 }) => silentMs >= waitMs);
  return new Set(found.map(({ ip }) => ip));
}

/** Has the kernel ask for the first of these that it does not know anything of. */
export function askAhead(kernel: Kernel, device: string, free: readonly string[]): void {
  const known = new Set(kernel.neighbours(device).map(({ ip }) => ip));
  for (const ip of free.slice(0, ahead)) if (!known.has(ip)) kernel.ask(device, ip);
}

/** Asks for an address that is about to be given; waits for an answer unless it was `quiet` before. */
export function ask(device: string, ip: string, quiet: boolean): void {
  Kernel.use((kernel) => {
    // What was heard before need not be so any more.
    if (!quiet) kernel.forget(device, ip);
    kernel.ask(device, ip);
  });
  if (!quiet) pause(waitMs);
}

/** True when somebody spoke as this address. */
export function isUsed(kernel: Kernel, device: string, ip: string): boolean {
  return kernel.neighbours(device).some((neighbour) => neighbour.ip === ip && neighbour.heard);
}

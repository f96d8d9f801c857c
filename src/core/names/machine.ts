/** Whether this process lives in the network that the machine's own name resolution is about. */
import { readFileSync } from 'node:fs';

/**
 * False in a network namespace of its own (a laboratory, a pod beside its host): /etc/hosts and systemd-resolved are those of the
 * namespace that init has, and names of addresses that nobody reaches from there are no use. The interface's route tells.
 *
 * @param routes of init's namespace, as /proc/1/net/route has them; undefined: they cannot be read
 */
export function isMachineNetwork(device: string, routes: string | undefined): boolean {
  return routes === undefined || routes.split('\n').some((line) => line.startsWith(`${device}\t`));
}

export function initRoutes(): string | undefined {
  try {
    return readFileSync('/proc/1/net/route', 'utf8');
  } catch {
    return undefined;
  }
}

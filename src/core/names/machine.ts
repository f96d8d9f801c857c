/** Whether this process lives in the network that the machine's own name resolution is about. */
import { statSync } from 'node:fs';

/**
 * False in a network namespace of its own (a laboratory, a pod beside its host): /etc/hosts and systemd-resolved are those of the
 * namespace that init has, and names of addresses that nobody reaches from there are no use. True where that cannot be seen.
 *
 * A name of an interface would not tell: both may have an `evio0`. Nor may who gave up its capabilities read `/proc/1/ns/net`; but
 * each namespace has files of its own below /proc/PID/net, whose numbers no other has.
 *
 * @param own folder `net` in /proc of a process in the namespace that is asked about
 * @param init of the one that has the machine's
 */
export function isMachineNetwork(own = '/proc/self/net', init = '/proc/1/net'): boolean {
  try {
    return statSync(`${own}/route`).ino === statSync(`${init}/route`).ino;
  } catch {
    return true;
  }
}

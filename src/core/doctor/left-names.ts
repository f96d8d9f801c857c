/** Names of members that a node which was killed left in the hosts file. */
import { withoutBlocks } from '../names/hosts-text.js';
import { warn, type Check } from './check.js';

/** Nothing where there are none. @param hosts text of the file @param alive whether a process is there */
export function leftNames(hosts: string, alive: (pid: number) => boolean): Check[] {
  if (withoutBlocks(hosts, (_, pid) => !alive(pid)) === hosts) return [];
  return [
    warn(
      'names',
      '/etc/hosts has names of members from a node that was killed.',
      'Take them out: sudo evio down --tidy',
    ),
  ];
}

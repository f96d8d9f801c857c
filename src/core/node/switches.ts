/** How nodes are to run, as a command line says; what is left out is as usual. */
import type { NameMode } from '../names/report.js';
import type { UserspaceOptions } from '../userspace/options.js';
import type { Audience } from './audience.js';

export interface NodeSwitches {
  /** Packet threads of each network; the engine chooses when left out. */
  readonly threads?: number;
  /** False: the router is not asked for a port. */
  readonly portmap?: boolean;
  /**
   * True: a direct path is looked for by luck where both NATs draw ports at random, too, not only where one does. False: nowhere.
   */
  readonly birthday?: boolean;
  /** False: members on the LAN are neither looked for nor told of this one. */
  readonly lan?: boolean;
  /** How programs of this machine find the members' names; default: not at all. It needs an interface. */
  readonly names?: NameMode;
  /** Who may ask this node for its links and decisions; default: the network's admins. */
  readonly tell?: Audience;
  /** No interface and no privilege: a stack of this process, with doors for programs of this machine. For one network. */
  readonly userspace?: UserspaceOptions;
}

/** `evio exit use off`, whether a node runs or not. */
import type { Home } from '../core/config/home.js';
import { ask } from '../core/control/client.js';
import { clearExit } from '../core/tap/exit-routes.js';
import { takeBack } from './take-back.js';

/** Returns the names of the members that were used. Throws as `takeBack`. */
export function leaveExit(home: Home, selector: string | undefined): Promise<string[]> {
  return takeBack(home, selector, {
    named: ({ exit }) => exit?.name,
    ask: (network) => ask(home.controlSocket, 'exitSet', { network, use: null }),
    without: ({ exit: _, ...profile }) => profile,
    clear: clearExit,
  });
}

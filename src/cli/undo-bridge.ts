/** `evio bridge --undo`, whether a node runs or not. */
import type { Home } from '../core/config/home.js';
import { ask } from '../core/control/client.js';
import { disconnectLan } from '../core/tap/lan-link.js';
import { takeBack } from './take-back.js';

/** Returns the interfaces that were bridged. Throws as `takeBack`; EvioError EVIO_DEVICE, too. */
export function undoBridge(home: Home, selector: string | undefined): Promise<string[]> {
  return takeBack(home, selector, {
    named: ({ bridge }) => bridge?.interface,
    ask: (network) => ask(home.controlSocket, 'bridgeSet', { network, lan: null }),
    without: ({ bridge: _, ...profile }) => profile,
    clear: disconnectLan,
  });
}

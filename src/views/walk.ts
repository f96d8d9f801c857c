/** Where a person is in the live view, and where a key leads. Pure. */
import type { Key } from 'ink';
import type { PeerReport } from '../core/control/schema.js';
import { peerOrder } from './peer-table.js';
import type { Page } from './status-view.js';

export interface Place {
  readonly page: Page;
  /** Id of the peer that the arrow keys are at. */
  readonly peer: string | undefined;
}

/** The place as the network is now: who is no member any more is not shown any more. */
export function placeAmong(place: Place, peers: readonly PeerReport[]): Place {
  if (place.peer === undefined || peers.some(({ id }) => id === place.peer)) return place;
  return { page: place.page === 'peer' ? 'peers' : place.page, peer: undefined };
}

/** Who comes above or below in the table: the first where nobody is chosen yet. */
function next(peers: readonly PeerReport[], from: string | undefined, by: 1 | -1): string | undefined {
  const order = [...peers].sort(peerOrder);
  const at = order.findIndex(({ id }) => id === from);
  return order[at < 0 ? 0 : Math.max(0, Math.min(at + by, order.length - 1))]?.id;
}

/** The place after a key. */
export function walk(from: Place, peers: readonly PeerReport[], input: string, key: Key): Place {
  const place = placeAmong(from, peers);
  const { page, peer } = place;
  if (input === 'r') return { page: page === 'ring' ? 'peers' : 'ring', peer };
  if (page === 'ring') return place;
  if (key.upArrow || key.downArrow) return { page, peer: next(peers, peer, key.downArrow ? 1 : -1) };
  if ((key.return || key.rightArrow) && peer !== undefined) return { page: 'peer', peer };
  if (key.leftArrow || key.escape) return { page: 'peers', peer };
  return place;
}

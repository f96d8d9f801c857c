/** When anything came in from outside last: whether the way out is alive. */
import { parseEndpoint } from '../lib/endpoint.js';
import type { Peer } from '../peer/peer.js';
import type { Peers } from '../peer/peers.js';
import type { RelaySet } from '../relays/relay-set.js';
import type { Surroundings } from '../surroundings/surroundings.js';

/**
 * By relays or, where none is up, by members that are reached directly. ms of the clock. Now, while a member on one of our own links is:
 * it would be cut off by a socket that is pinned to another.
 */
export function heardAt(
  now: number,
  relays: Pick<RelaySet, 'anyUp' | 'heardAt'>,
  members: Pick<Peers, 'all'>,
  surroundings: Pick<Surroundings, 'onLink'>,
): number {
  if (relays.anyUp) return now;
  const { onLink } = surroundings;
  const heard = (peer: Peer): number => {
    const { active } = peer.prober;
    if (active?.kind === 'webrtc') return now - peer.silenceMs;
    const host = active?.kind === 'direct' ? parseEndpoint(active.endpoint)?.host : undefined;
    if (host === undefined) return -Infinity;
    return onLink(host) ? now : now - peer.silenceMs;
  };
  return Math.max(relays.heardAt, ...members.all().map(heard));
}

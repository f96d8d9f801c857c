/** When anything came in from beyond this machine's own links last: whether its way out is alive. */
import { parseEndpoint } from '../lib/endpoint.js';
import type { Peer } from '../peer/peer.js';
import type { Peers } from '../peer/peers.js';
import type { RelaySet } from '../relays/relay-set.js';
import type { Surroundings } from '../surroundings/surroundings.js';

/** By relays or, where none is up, by members that are reached directly and are not on one of our links. ms of the clock. */
export function heardAt(
  now: number,
  relays: Pick<RelaySet, 'anyUp' | 'heardAt'>,
  members: Pick<Peers, 'all'>,
  surroundings: Pick<Surroundings, 'onLink'>,
): number {
  if (relays.anyUp) return now;
  const { onLink } = surroundings;
  const outside = ({ prober: { active } }: Peer): boolean => {
    if (active?.kind === 'webrtc') return true;
    const host = active?.kind === 'direct' ? parseEndpoint(active.endpoint)?.host : undefined;
    return host !== undefined && !onLink(host);
  };
  const heard = members.all().map((peer) => (outside(peer) ? now - peer.silenceMs : -Infinity));
  return Math.max(relays.heardAt, ...heard);
}

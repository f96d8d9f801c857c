/** Bytes that messages take on the wire, without encoding them: a simulated second has tens of thousands. */
import {
  dataHeaderLength,
  nodeIdLength,
  relayHeaderLength,
  tagLength,
  transitOverhead,
  underlayOverhead,
} from '../core/wire/packet.js';
import { encodeRing, maxListed, parseRing, type RingMessage, type TableMessage } from '../core/wire/ring.js';

/** A sealed control message in a datagram: header, kind byte, tag, UDP and the larger IP header. */
export const sealedOverhead = dataHeaderLength + 1 + tagLength + underlayOverhead;
/** More for what goes through the relay, or through another member. */
export const relayExtra = relayHeaderLength;
export const overlayExtra = transitOverhead;
/** Noise IK messages with a credential: typical, with overhead. */
export const handshakeBytes = { initiation: 680, response: 600 } as const;
/** What a member sends until the welcome of a relay comes, TLS and TCP included. */
export const welcomeBytes = 900;
/** A request to the relay about so many positions, and its answer with cards, TLS and TCP included. */
export const locateBytes = { request: (positions: number): number => 110 + 8 * positions } as const;

/** Length of `encodeRing(message)`. */
export function ringLength(message: RingMessage): number {
  switch (message.type) {
    case 'table':
      return 7 + 4 + nodeIdLength * Math.min(maxListed, listed(message));
    case 'beat':
      return 7;
    case 'refuse':
      return 1;
    case 'seek':
      return 1 + 8 + nodeIdLength + 1 + 2 + message.card.length;
    case 'sought':
      return 1 + 8 + nodeIdLength + 2 + message.card.length;
    case 'meet':
      return 1 + nodeIdLength;
    case 'introduce':
      return 1 + 2 + message.card.length;
    case 'whose':
      return 1 + nodeIdLength;
    case 'vouch':
      return 1 + nodeIdLength + 2 + message.credential.length;
  }
}

function listed({ successors, predecessors, others, indirect }: TableMessage): number {
  return successors.length + predecessors.length + others.length + indirect.length;
}

/** What the other side reads: a table that is longer than the wire takes is cut. */
export function asRead(message: RingMessage): RingMessage {
  if (message.type !== 'table' || listed(message) <= maxListed) return message;
  return parseRing(encodeRing(message)) ?? message;
}

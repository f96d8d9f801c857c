/** How it stands with a peer. */
export const peerStates = ['connected', 'connecting', 'idle', 'unreachable'] as const;
export type PeerState = (typeof peerStates)[number];

/** Handshakes unanswered for so long make a peer unreachable. */
export const unreachableMs = 15_000;

/** How it stands with a peer. */
export const peerStates = ['connected', 'connecting', 'idle', 'unreachable'] as const;
export type PeerState = (typeof peerStates)[number];

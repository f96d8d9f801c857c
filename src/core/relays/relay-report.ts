/** How it stands with a relay. */
export const relayStates = ['connected', 'connecting', 'down'] as const;
export const relayTransports = ['udp', 'websocket'] as const;
export type RelayTransport = (typeof relayTransports)[number];

export interface RelayReport {
  readonly url: string;
  /** Packets for members that are at several relays go by this one: it is the nearest. */
  readonly home: boolean;
  readonly state: (typeof relayStates)[number];
  readonly transport: RelayTransport;
  readonly rttMs: number | null;
  /** Why it is not connected, as far as that is known. */
  readonly reason: string | null;
}

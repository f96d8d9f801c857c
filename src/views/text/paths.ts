/** How a machine makes its paths, as one line. */
const relayWords = {
  any: 'Paths are direct where that works, else by relays.',
  only: 'Packets go by relays only.',
  never: 'No data goes by relays.',
} as const;

export interface ShownPaths {
  readonly relays: keyof typeof relayWords;
  readonly iceServers: readonly string[];
}

export function pathsText({ relays, iceServers }: ShownPaths): string {
  const ice = iceServers.length === 0 ? '' : ` WebRTC by ${iceServers.join(', ')}.`;
  return relayWords[relays] + ice;
}

import { describe, expect, it } from 'vitest';
import { heardAt } from '../../../src/core/node/heard-at.js';
import type { Peer } from '../../../src/core/peer/peer.js';

const peer = (kind: string | undefined, endpoint: string, silenceMs: number): Peer =>
  ({ prober: { active: kind === undefined ? null : { kind, endpoint } }, silenceMs }) as unknown as Peer;
const at = (peers: Peer[], anyUp = false): number =>
  heardAt(
    10_000,
    { anyUp, heardAt: 2_000 },
    { all: () => peers },
    { onLink: (host) => host.startsWith('10.') },
  );

describe('what is heard from outside', () => {
  it('is what relays say, or else who is reached directly, and always who is on our links', () => {
    expect(at([], true)).toBe(10_000);
    expect(at([])).toBe(2_000);
    expect(at([peer('direct', '192.0.2.9:7', 500), peer('direct', '[2001:db8::9]:7', 300)])).toBe(9_700);
    expect(at([peer('direct', '10.0.0.9:7', 8_500)])).toBe(10_000);
    expect(at([peer('webrtc', 'webrtc', 400)])).toBe(9_600);
    expect(at([peer('relay', 'udp://192.0.2.9:7', 1), peer(undefined, '', 1)])).toBe(2_000);
  });
});

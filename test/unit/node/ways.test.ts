import { expect, it } from 'vitest';
import { WayEvents } from '../../../src/core/node/ways.js';
import { VirtualClock } from '../../support/virtual.js';

/** Peers that note when they are told to look at their ways again, or are to be waited for. */
function rig() {
  const told: string[] = [];
  const peers = ['a', 'b', 'c'].map((idText) => ({
    member: { idText },
    waysChanged: () => void told.push(idText),
  }));
  const members = {
    all: () => peers,
    get: (idText: string) => peers.find((peer) => peer.member.idText === idText),
  };
  const timers = { touch: (peer: (typeof peers)[number]) => void told.push(`timer ${peer.member.idText}`) };
  type Parts = ConstructorParameters<typeof WayEvents>;
  const nobody = { named: () => undefined, woke: () => undefined };
  const ways = new WayEvents(
    new VirtualClock(),
    members as unknown as Parts[1],
    nobody,
    timers as unknown as Parts[3],
    nobody as unknown as Parts[4],
    () => undefined,
  );
  return { told, ways };
}

it('tells a member alone that it came to a relay, and all of what concerns all', () => {
  const { told, ways } = rig();
  ways.appeared('b');
  ways.appeared('unknown');
  expect(told).toEqual(['b', 'timer b']);
  told.length = 0;
  ways.waysChanged();
  expect(told).toEqual(['a', 'timer a', 'b', 'timer b', 'c', 'timer c']);
});

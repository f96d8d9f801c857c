/** What one member can take from the others at a node by saying too much, or by repeating what they said: nothing. */
import { describe, expect, it } from 'vitest';
import { readPeerCounters, FlowField } from '../../../src/core/dataplane/plane/shared.js';
import { Kind, PacketType } from '../../../src/core/wire/packet.js';
import { plainFrame } from '../../support/frames.js';
import {
  endpointOf,
  envelope,
  idOf,
  macOf,
  makeRig,
  sealFor,
  slotOf,
  type Rig,
} from '../../support/loop-rig.js';

const ping = Uint8Array.of(Kind.control, 1, 0, 0, 0, 0, 0, 0, 0, 1);

/** The control thread takes what waits for it. Returns how many came from this node. */
function taken(rig: Rig, from: number): number {
  const limited = rig.events.filter(({ type }) => type === 'control' || type === 'packet');
  rig.shared.flow[FlowField.eventsDone] = (rig.shared.flow[FlowField.eventsDone] as number) + limited.length;
  const own = rig.events.filter((event) => event.type === 'control' && event.slot === slotOf(from)).length;
  rig.events.length = 0;
  return own;
}

describe('one member among others', () => {
  it('that sends thousands of messages a second has theirs dropped, and nobody else', () => {
    const rig = makeRig(2);
    rig.meet(1);
    rig.meet(3);
    let [loud, quiet] = [0, 0];
    for (let round = 0; round < 20; round++) {
      const send = (from: number, plaintext: Uint8Array): void => {
        rig.io.netIn.push({ bytes: sealFor(from, 2, plaintext), from: endpointOf(from), segment: 0 });
      };
      for (let i = 0; i < 500; i++) send(1, ping);
      // Made-up handshakes, as if they went through it.
      for (let i = 0; i < 100; i++) send(1, envelope(2, Uint8Array.of(PacketType.handshakeInit, i)));
      for (let i = 0; i < 2; i++) send(3, ping);
      rig.run();
      quiet += rig.events.filter((event) => event.type === 'control' && event.slot === slotOf(3)).length;
      loud += taken(rig, 1);
      rig.time.now += 100;
    }
    expect(quiet).toBe(40);
    expect(loud).toBeLessThan(1_600);
    expect(rig.drops('control-queue-full')).toBe(0);
    expect(readPeerCounters([rig.shared], slotOf(1)).controlLimited).toBe(rig.drops('control-limited'));
    expect(readPeerCounters([rig.shared], slotOf(3)).controlLimited).toBe(0);
  });

  it('that sends handshakes by the thousand through a relay leaves room for those of others', () => {
    const rig = makeRig(2);
    const relay = { host: '203.0.113.5', port: 3478 };
    rig.loop.command({ type: 'set-relay', relay: 0, route: { endpoint: relay, association: 5 } });
    rig.loop.commandsDone();
    const deliver = (from: number): Uint8Array =>
      Uint8Array.of(0x59, 0, 0, 0, 0, 0, 0, 0, ...idOf(from), PacketType.handshakeInit, from);
    const heard = new Map<number, number>();
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 600; i++) rig.io.netIn.push({ bytes: deliver(1), from: relay, segment: 0 });
      for (const n of [3, 4]) rig.io.netIn.push({ bytes: deliver(n), from: relay, segment: 0 });
      rig.run();
      for (const event of rig.events)
        if (event.type === 'packet')
          heard.set(event.bytes[1] as number, (heard.get(event.bytes[1] as number) ?? 0) + 1);
      taken(rig, 1);
      rig.time.now += 100;
    }
    expect([heard.get(3), heard.get(4)]).toEqual([20, 20]);
    expect(heard.get(1)).toBeLessThan(250);
  });

  it('that repeats what goes through it is who repeats', () => {
    const rig = makeRig(2);
    rig.meet(1);
    rig.meet(3);
    const inner = sealFor(3, 2, Uint8Array.of(Kind.frame, ...plainFrame(macOf(2), macOf(3))));
    for (let i = 0; i < 5; i++) {
      rig.io.netIn.push({ bytes: sealFor(1, 2, envelope(2, inner)), from: endpointOf(1), segment: 0 });
      rig.run();
    }
    expect([rig.io.deviceOut.length, rig.drops('replayed')]).toEqual([1, 4]);
    expect([1, 3].map((n) => readPeerCounters([rig.shared], slotOf(n)).replayed)).toEqual([4, 0]);
    // On the line anybody may: then it is nobody's in particular, and stands with whose packet it is.
    rig.io.netIn.push({ bytes: inner, from: endpointOf(1), segment: 0 });
    rig.run();
    expect(readPeerCounters([rig.shared], slotOf(3)).replayed).toBe(1);
  });
});

/** The guard where it stands: in the packet loop, for unicast, floods, and what others passed on. */
import { describe, expect, it } from 'vitest';
import { dropReasons, type DropReason } from '../../../src/core/dataplane/plane/plane.js';
import { Verdict } from '../../../src/core/switch/guard.js';
import { Kind } from '../../../src/core/wire/packet.js';
import { arpFrame, ipv6Frame, linkLocalOf, neighbourBody, udpFrame } from '../../support/frames.js';
import { hostile, honest, ownUla, victimUla, type Case } from '../../support/hostile-frames.js';
import { floodOf } from '../../support/floods.js';
import { endpointOf, envelope, ipOf, macOf, makeRig, sealFor, type Rig } from '../../support/loop-rig.js';

const reasonOf: Record<Verdict, DropReason | undefined> = {
  [Verdict.pass]: undefined,
  [Verdict.foreignMac]: 'guard-mac',
  [Verdict.foreignAddress]: 'guard-ip',
  [Verdict.taken]: 'guard-ip',
  [Verdict.malformed]: 'malformed-frame',
  [Verdict.unreadable]: 'guard-unreadable',
  [Verdict.service]: 'guard-service',
};

/** Node 2, linked with 1, 3 and 4, which knows everybody's addresses. */
function receiver(): Rig {
  const rig = makeRig(2);
  for (const n of [1, 3, 4]) rig.meet(n);
  const neighbours = [1, 2, 3, 4].map((n) => ({ ip: ipOf(n), mac: macOf(n) }));
  rig.loop.command({ type: 'set-neighbours', neighbours });
  return rig;
}

/** Gives packets that came from node `from`; returns what the host got, and what was dropped for which reasons. */
function give(
  rig: Rig,
  from: number,
  ...packets: readonly Uint8Array[]
): [Uint8Array[], Partial<Record<DropReason, number>>] {
  const before = dropReasons.map((reason) => rig.drops(reason));
  for (const bytes of packets) rig.io.netIn.push({ bytes, from: endpointOf(from), segment: 0 });
  rig.run();
  rig.io.netOut.length = 0;
  const drops = dropReasons.flatMap((reason, i): [DropReason, number][] => {
    const more = rig.drops(reason) - (before[i] as number);
    return more > 0 ? [[reason, more]] : [];
  });
  return [rig.io.deviceOut.splice(0).map((d) => d.frame), Object.fromEntries(drops)];
}

const plain = (frame: Uint8Array): Uint8Array => Uint8Array.of(Kind.frame, ...frame);
const ping6 = (n: number, source: Uint8Array): Uint8Array =>
  ipv6Frame(macOf(2), macOf(n), source, linkLocalOf(macOf(2)), 58, [128, 0, 0, 0, 0, 1, 0, 1]);
/** What is too short to be a frame is refused before the guard. */
const cases: readonly Case[] = [...honest, ...hostile].filter(({ frame }) => frame.length >= 14);

describe('the guard in the packet loop', () => {
  let sequence = 1;
  const ways: [string, (rig: Rig, frame: Uint8Array) => ReturnType<typeof give>][] = [
    ['by unicast', (rig, frame) => give(rig, 1, sealFor(1, 2, plain(frame)))],
    [
      'through another member',
      (rig, frame) => give(rig, 4, sealFor(4, 2, envelope(2, sealFor(1, 2, plain(frame))))),
    ],
    [
      'by flood from its origin',
      (rig, frame) => give(rig, 1, sealFor(1, 2, floodOf(1, sequence++, plain(frame)))),
    ],
    [
      'by flood that another passed on',
      (rig, frame) => give(rig, 4, sealFor(4, 2, floodOf(1, sequence++, plain(frame)))),
    ],
  ];
  it.each(ways)('judges every frame %s, and counts why it drops it', (_way, send) => {
    for (const { name, frame, verdict } of cases) {
      const rig = receiver();
      give(rig, 3, sealFor(3, 2, plain(ping6(3, victimUla))));
      const reason = reasonOf[verdict];
      expect([name, ...send(rig, frame)]).toEqual(
        reason === undefined ? [name, [frame], {}] : [name, [], { [reason]: 1 }],
      );
    }
  });

  it('does not let a checksum be written over what it has seen', () => {
    const rig = receiver();
    const udp = udpFrame(macOf(2), macOf(1), ipOf(1), ipOf(2), new Uint8Array(8));
    const arp = arpFrame(
      macOf(2),
      macOf(1),
      2,
      { mac: macOf(1), ip: ipOf(1) },
      { mac: macOf(2), ip: ipOf(2) },
    );
    const advertisement = ipv6Frame(
      macOf(2),
      macOf(1),
      linkLocalOf(macOf(1)),
      linkLocalOf(macOf(2)),
      58,
      neighbourBody(136, linkLocalOf(macOf(1))),
    );
    const at = (frame: Uint8Array, start: number, offset: number): Uint8Array =>
      Uint8Array.of(Kind.frameChecksumAt, start & 255, start >> 8, offset & 255, offset >> 8, ...frame);
    const refused: [Uint8Array, number, number][] = [
      [udp, 14, 12],
      [udp, 34, 0],
      [udp, 34, 2],
      [arp, 14, 14],
      [arp, 26, 0],
      [advertisement, 54, 2],
      [advertisement, 54, 20],
    ];
    for (const [frame, start, offset] of refused) {
      for (const packet of [at(frame, start, offset), floodOf(1, sequence++, at(frame, start, offset))])
        expect(give(rig, 1, sealFor(1, 2, packet))).toEqual([[], { 'guard-unreadable': 1 }]);
    }
    // Where UDP has its own, and behind it.
    for (const offset of [6, 8])
      expect(give(rig, 1, sealFor(1, 2, at(udp, 34, offset)))).toEqual([[udp], {}]);
  });

  it('passes on a flood whose address is taken here, for others to judge', () => {
    const rig = receiver();
    rig.link([{ n: 1 }, { n: 3 }, { n: 4 }]);
    give(rig, 3, sealFor(3, 2, plain(ping6(3, victimUla))));
    const frame = ping6(1, victimUla);
    const flooded = sealFor(1, 2, floodOf(1, sequence++, plain(frame), { bound: 1 }));
    rig.io.netIn.push({ bytes: flooded, from: endpointOf(1), segment: 0 });
    rig.run();
    expect(rig.io.deviceOut).toEqual([]);
    expect(rig.io.netOut.map((sent) => sent.to.port)).toEqual([7_003, 7_004]);
  });

  it('gives an address to the origin of a flood that another passed on', () => {
    const rig = receiver();
    // 4 says that 1 said so, and 1 has signed it.
    expect(give(rig, 4, sealFor(4, 2, floodOf(1, sequence++, plain(ping6(1, ownUla)))))[0].length).toBe(1);
    expect(give(rig, 3, sealFor(3, 2, plain(ping6(3, ownUla))))).toEqual([[], { 'guard-ip': 1 }]);
    expect(give(rig, 1, sealFor(1, 2, plain(ping6(1, ownUla))))[0].length).toBe(1);
  });

  it('knows the address of an origin that is no link', () => {
    const rig = receiver();
    rig.know(6);
    const say = (n: number, ip: number): ReturnType<typeof give> =>
      give(
        rig,
        4,
        sealFor(
          4,
          2,
          floodOf(
            n,
            sequence++,
            plain(udpFrame(new Uint8Array(6).fill(255), macOf(n), ip, 0xffff_ffff, new Uint8Array(8))),
          ),
        ),
      );
    expect(say(6, ipOf(6))[0].length).toBe(1);
    expect(say(6, 0x0a90_0063)).toEqual([[], { 'guard-ip': 1 }]);
  });
});

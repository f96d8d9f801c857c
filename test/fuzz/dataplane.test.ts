/**
 * The receive path under fire: datagrams from strangers, and plaintexts that a member with a good key made up.
 * Nothing may throw, nothing may be written outside a frame, and what comes next must pass unharmed.
 */
import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PeerField, peerStride } from '../../src/core/dataplane/plane/shared.js';
import { Kind } from '../../src/core/wire/packet.js';
import { floodBatch } from '../support/floods.js';
import { buildTcp, plainFrame, type TcpFrame, plainTcp } from '../support/frames.js';
import { endpointOf, idOf, indexOf, macOf, makeRig, openAs, slotOf, type Rig } from '../support/loop-rig.js';

const from = endpointOf(1);
let counter = 0;

/** A data packet of node 1 to node 2 with any plaintext, under the key of loop-rig. */
function seal(plain: Uint8Array): Uint8Array {
  const packet = Buffer.alloc(16 + plain.length + 16);
  packet[0] = 0x50;
  packet.writeUInt32LE(indexOf(2, 1), 4);
  packet.writeUInt32BE(counter, 12);
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(counter++, 8);
  const cipher = createCipheriv('aes-256-gcm', new Uint8Array(32).fill(16 + 2), nonce);
  const length = [plain.length >> 8, plain.length & 0xff];
  cipher.setAAD(Uint8Array.of(...packet.subarray(8, 16), ...packet.subarray(0, 3), ...length));
  cipher.update(plain).copy(packet, 16);
  cipher.final();
  cipher.getAuthTag().copy(packet, 16 + plain.length);
  return new Uint8Array(packet);
}

function give(rig: Rig, packets: readonly Uint8Array[]): void {
  for (const bytes of packets) rig.io.netIn.push({ bytes, from, segment: 0 });
  rig.run();
}

function expectAlive(rig: Rig): void {
  rig.io.deviceOut.length = 0;
  const frame = plainFrame(macOf(2), macOf(1), 900, counter & 255);
  give(rig, [seal(Uint8Array.of(Kind.frame, ...frame))]);
  expect(rig.io.deviceOut.map((d) => d.frame)).toEqual([frame]);
}

const base: TcpFrame = {
  destination: macOf(2),
  source: macOf(1),
  ...plainTcp,
  options: new Uint8Array(12),
  payload: new Uint8Array(600).fill(5),
};
const v6 = {
  v6: true,
  sourceAddress: new Uint8Array(16).fill(3),
  destinationAddress: new Uint8Array(16).fill(4),
};

const member = makeRig(2);
member.meet(1);
const bridged = makeRig(2);
bridged.meet(1, { bridge: true });

describe('strangers', () => {
  const sealed = seal(Uint8Array.of(Kind.frame, ...plainFrame(macOf(2), macOf(1))));
  const datagram = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .tuple(
        fc.constantFrom(0x50, 0x51, 0x52, 0x53, 0x59, 0x5a, 0x5b, 0x5c, 0x00),
        fc.uint8Array({ maxLength: 120 }),
      )
      .map(([type, rest]) => Uint8Array.of(type, ...rest)),
    fc.tuple(fc.nat(sealed.length - 1), fc.nat(255), fc.nat(sealed.length)).map(([at, value, length]) => {
      const copy = sealed.slice(0, length);
      if (at < length) copy[at] = (copy[at] as number) ^ (value || 1);
      return copy;
    }),
  );

  it('move nothing and break nothing', () => {
    member.loop.command({ type: 'set-relay', relay: 2, route: { endpoint: from, association: 1 } });
    fc.assert(
      fc.property(fc.array(datagram, { maxLength: 20 }), fc.nat(130), (datagrams, segment) => {
        for (const bytes of datagrams)
          if (bytes.length > 0) member.io.netIn.push({ bytes, from, segment: segment % (bytes.length + 1) });
        member.run();
        // Only the untouched packet may come through, once.
        expect(member.io.deviceOut.length).toBeLessThanOrEqual(1);
        member.io.deviceOut.length = 0;
      }),
      { numRuns: 400 },
    );
    expectAlive(member);
  });

  it('cannot make a carrier batch that is more than it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (batch) => {
        member.loop.command({ type: 'carried', carrier: 0, source: new Uint8Array(3), batch });
        member.loop.commandsDone();
      }),
      { numRuns: 300 },
    );
    expectAlive(member);
  });
});

describe('members', () => {
  /** A frame that was sound once: bytes changed, cut off, or grown. */
  const hostile = fc
    .record({
      change: fc.record({
        sequence: fc.constantFrom(0, 0, 0, 0, 0, 600, 1),
        flags: fc.constantFrom(0x10, 0x10, 0x10, 0x10, 0x18, 0x11, 0x90, 0x02, 0x14),
        id: fc.nat(4),
      }),
      odd: fc.option(fc.tuple(fc.boolean(), fc.array(fc.constant(7), { maxLength: 2 })), { freq: 1 }),
      size: fc.constantFrom(0, 30, 600, 600, 600, 600, 600, 1_200),
      bend: fc.oneof(
        fc.constant([]),
        fc.constant([]),
        fc.array(fc.tuple(fc.nat(90), fc.nat(255)), { maxLength: 3 }),
      ),
      cut: fc.option(fc.nat(400), { nil: undefined, freq: 1 }),
      kind: fc.constantFrom(1, 1, 1, 1, 0, 2, 0x10, 0x7f),
    })
    .map((r) => (index: number): Uint8Array => {
      const [six, tags] = r.odd ?? [false, []];
      const sequence = 1 + 600 * index + r.change.sequence;
      const whole = buildTcp(
        {
          ...base,
          ...(six ? v6 : {}),
          ...r.change,
          sequence,
          vlans: tags,
          payload: new Uint8Array(r.size).fill(5),
        },
        'partial',
      ).bytes;
      // From byte 12 on: the guard would only drop what claims another MAC.
      for (const [at, value] of r.bend) if (12 + at < whole.length) whole[12 + at] = value;
      return Uint8Array.of(r.kind, ...(r.cut === undefined ? whole : whole.subarray(0, r.cut)));
    });

  it.each([
    ['a member', member],
    ['a bridge', bridged],
  ])('%s cannot make a frame longer, shorter or other than what it sent', (_name, rig) => {
    let joined = 0;
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1, maxLength: 12 }), (makers) => {
        const plains = makers.map((make, i) => make(i));
        rig.events.length = 0;
        rig.io.deviceOut.length = 0;
        give(rig, plains.map(seal));
        const offered = plains.reduce((sum, p) => sum + p.length, 0);
        let written = 0;
        for (const d of rig.io.deviceOut) {
          written += d.frame.length;
          if (d.type === 0) {
            // A frame that was not joined is to the byte what was sent.
            const same = plains.some((p) => Buffer.from(d.frame).equals(p.subarray(p[0] === 2 ? 5 : 1)));
            expect(same).toBe(true);
          } else {
            expect(d.headerLength + d.size).toBeLessThanOrEqual(d.frame.length);
            joined++;
            // A member may put any payload into its segments, but there is none that it did not send.
            expect(d.frame.subarray(d.headerLength).filter((b) => b !== 5).length).toBeLessThanOrEqual(36);
          }
        }
        expect(written).toBeLessThanOrEqual(offered);
      }),
      { numRuns: 1_000, endOnFailure: true },
    );
    expect(joined).toBeGreaterThan(20);
    expectAlive(rig);
  });

  it('cannot break it with plaintexts of any bytes and sizes', () => {
    const plain = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc
        .tuple(fc.nat(3), fc.uint8Array({ maxLength: 400 }))
        .map(([kind, rest]) => Uint8Array.of(kind, ...rest)),
      fc.nat(65_000).map((n) => new Uint8Array(n).fill(1)),
      fc.nat(60_000).map((n) => {
        const frame = buildTcp({ ...base, payload: new Uint8Array(n) }, 'partial').bytes;
        return Uint8Array.of(Kind.frameChecksum, ...frame);
      }),
    );
    fc.assert(
      fc.property(fc.array(plain, { maxLength: 6 }), (plains) => {
        give(bridged, plains.map(seal));
        bridged.io.deviceOut.length = 0;
        bridged.events.length = 0;
      }),
      { numRuns: 150 },
    );
    expectAlive(bridged);
  });
});

describe('envelopes and floods', () => {
  const links = (leaf: boolean): Rig => {
    const rig = makeRig(2, undefined, leaf);
    for (const n of [1, 3, 4]) rig.meet(n, { bridge: n === 4 });
    rig.link([{ n: 1 }, { n: 3, reaches: [5] }, { n: 4, forwards: false, flood: 'copy' }]);
    return rig;
  };
  const id = fc.oneof(
    fc.constantFrom(1, 2, 3, 4, 5, 9).map(idOf),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  );
  const ttl = fc.constantFrom(0, 1, 2, 32, 255);
  const innerFrame = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.tuple(fc.constantFrom(1, 2, 3, 4, 5), fc.nat(200), fc.boolean()).map(([n, length, group]) => {
      const to = group ? new Uint8Array(6).fill(255) : macOf(9);
      return plainFrame(to, macOf(n), 14 + length);
    }),
    fc.nat(600).map((n) => buildTcp({ ...base, payload: new Uint8Array(n) }, 'partial').bytes),
  );
  const innerPlain = fc
    .tuple(fc.constantFrom(0, 0, 1, 1, 2, 0x10, 0x20, 0x22), innerFrame)
    .map(([kind, frame]) => Uint8Array.of(kind, ...frame));
  const anyFlood = fc
    .tuple(ttl, fc.nat(7), id, fc.nat(65_535), fc.uint8Array({ minLength: 8, maxLength: 8 }), innerPlain)
    .map(([t, flags, origin, sequence, bound, inner]) =>
      Uint8Array.of(
        ...[Kind.flood, t, flags, ...bound, ...new Uint8Array(64), flags << 5],
        ...[...origin, 0, 0, 0, 0, 0, 1, 0, 0, sequence >> 8, sequence & 255, ...inner],
      ),
    );
  const everybody = new Uint8Array(6).fill(255);
  /** Numbers are used once. */
  let said = 0;
  /** Signed by who it says: what an honest member might have sent, or a hostile one that speaks for itself. */
  const signed = fc
    .tuple(
      fc.constantFrom(1, 3, 4, 5),
      fc.nat(7),
      fc.integer({ min: 1, max: 4 }),
      fc.uint8Array({ minLength: 8, maxLength: 8 }),
      fc.oneof(fc.nat(200), fc.nat(200), innerPlain),
    )
    .map(([n, flags, together, bound, what]) => {
      const frame = (): Uint8Array =>
        typeof what === 'number' ? plainFrame(everybody, macOf(n), 14 + what, said & 255) : what;
      const kind = typeof what === 'number' ? [Kind.frame] : [];
      const says = Array.from({ length: together }, () => ({
        origin: n,
        sequence: said++,
        inner: Uint8Array.of(...kind, ...frame()),
      }));
      const out = floodBatch(says, { ttl: 9, flags: flags & 1 })[together - 1] as Uint8Array;
      out.set(bound, 3);
      return out;
    });
  /** Genuine but for some bits. */
  const mutated = fc
    .tuple(signed, fc.array(fc.tuple(fc.nat(400), fc.nat(7)), { minLength: 1, maxLength: 3 }))
    .map(([bytes, flips]) => {
      const out = bytes.slice();
      // Not the kind, and not what changes at every hop.
      for (const [at, bit] of flips) {
        const i = 11 + (at % (out.length - 11));
        out[i] = (out[i] as number) ^ (1 << bit);
      }
      return out;
    });
  const half = fc
    .tuple(fc.constantFrom(0, 0, 7, 300), fc.nat(3), fc.uint8Array({ maxLength: 1_500 }))
    .map(([number, which, bytes]) =>
      Uint8Array.of(Kind.floodPart, number >> 8, number & 255, which, ...bytes),
    );
  const flood = fc.oneof(anyFlood, signed, signed, signed, mutated, half);
  const inner = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    innerPlain.map((plain) => (): Uint8Array => seal(plain)),
    flood.map((plain) => (): Uint8Array => seal(plain)),
    fc.constantFrom(0x00, 0x51, 0x53, 0x59, 0x5b).map((type) => Uint8Array.of(type, ...new Uint8Array(60))),
  );
  const transit = fc.tuple(ttl, fc.nat(255), id, inner).map(([t, flags, to, what]) => (): Uint8Array => {
    const bytes = typeof what === 'function' ? what() : what;
    return Uint8Array.of(Kind.transit, t, flags, ...to, ...bytes);
  });
  const plain = fc
    .tuple(fc.oneof(flood, transit), fc.option(fc.nat(80), { nil: undefined, freq: 4 }))
    .map(([what, cut]) => (): Uint8Array => {
      const bytes = typeof what === 'function' ? what() : what;
      return cut === undefined ? bytes : bytes.subarray(0, cut);
    });
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

  it.each([
    ['a member', links(false)],
    ['a leaf', links(true)],
  ])('cannot break %s, nor make it say what nobody said', (_name, rig) => {
    let passed = 0;
    let written = 0;
    fc.assert(
      fc.property(fc.array(plain, { minLength: 1, maxLength: 8 }), (makers) => {
        rig.time.now += 2_000;
        const relayed = rig.shared.peers[slotOf(1) * peerStride + PeerField.rxRelayed];
        const plains = makers.map((make) => make());
        const offered = plains.map(text);
        give(rig, plains.map(seal));
        for (const { frame } of rig.io.deviceOut.splice(0)) {
          written++;
          // Floods are to the byte what was offered; what came in an envelope is not in it in the clear.
          const sealed = rig.shared.peers[slotOf(1) * peerStride + PeerField.rxRelayed] !== relayed;
          if (!sealed) expect(offered.some((before) => before.endsWith(text(frame)))).toBe(true);
        }
        for (const { to, bytes, segment } of rig.io.netOut.splice(0)) {
          const size = segment > 0 ? segment : bytes.length;
          for (let at = 0; at < bytes.length; at += size) {
            passed++;
            const onward = openAs(2, to.port - 7_000, bytes.subarray(at, at + size));
            // All but ttl and, in floods, flags and bound.
            const body = text(onward.subarray(onward[0] === Kind.flood ? 11 : 3));
            expect(offered.some((before) => before.endsWith(body))).toBe(true);
            expect(to.port).not.toBe(7_001);
          }
        }
        rig.events.length = 0;
      }),
      { numRuns: 1_500, endOnFailure: true },
    );
    expect(rig.io.netOut).toEqual([]);
    expect(written).toBeGreaterThan(50);
    if (passed === 0) expect(rig.drops('no-route')).toBeGreaterThan(50);
    else expect(passed).toBeGreaterThan(200);
    // Nothing was written behind what the loop had taken of its memory.
    expect(rig.arena.u8.subarray(-4_096).every((byte) => byte === 0)).toBe(true);
    expectAlive(rig);
  });
});

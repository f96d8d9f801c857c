/** What is cut, sealed, opened and grown again is the same byte stream under the same headers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Suite } from '../../../src/core/wire/packet.js';
import { buildTcp, buildUdp, sum16, type TcpFrame } from '../../support/frames.js';
import type { DeviceFrame } from '../../support/array-io.js';
import { carryOver, fromDevice, macOf, makeRig } from '../../support/loop-rig.js';

const a = makeRig(1);
const b = makeRig(2);
a.meet(2);
// A bridge, so that the sources of the frames may be any.
b.meet(1, { bridge: true });

/** The frames that a NIC would put on the wire for a super-frame: cut by the book, from the parts and not from the bytes. */
function segmentsOf(f: TcpFrame, size: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 0, i = 0; at < f.payload.length; at += size, i++) {
    const last = at + size >= f.payload.length;
    let flags = f.flags;
    if (!last) flags &= ~0x09;
    if (i > 0) flags &= ~0x80;
    const segment: TcpFrame = {
      ...f,
      flags,
      id: f.v6 ? f.id : (f.id + i) & 0xffff,
      sequence: (f.sequence + at) >>> 0,
      payload: f.payload.subarray(at, at + size),
    };
    out.push(buildTcp(segment, 'complete').bytes);
  }
  return out;
}

/** What the kernel makes of a frame written to the interface: cut by its virtio header, checksums completed. */
function asWire(d: DeviceFrame, v6: boolean, vlans: number): Uint8Array[] {
  const ip = 14 + 4 * vlans;
  const tcp = ip + (v6 ? 40 : 20);
  expect(d.flags).toBe(1);
  expect(d.start).toBe(tcp);
  expect(d.offset).toBe(16);
  const header = d.headerLength;
  const view = new DataView(d.frame.buffer);
  const addresses = v6 ? d.frame.subarray(ip + 8, ip + 40) : d.frame.subarray(ip + 12, ip + 20);
  // The partial sum must fit the super-frame, or the kernel would put a wrong checksum into every segment.
  expect(view.getUint16(tcp + 16)).toBe(sum16(addresses, 6 + d.frame.length - tcp));
  const options = d.frame.slice(tcp + 20, header);
  const flags = d.frame[tcp + 13] as number;
  expect(d.type & 0x80).toBe(d.type !== 0 && (flags & 0x80) !== 0 ? 0x80 : 0);
  if (d.type !== 0) expect(d.type & 0x7f).toBe(v6 ? 4 : 1);
  if (!v6) expect(sum16(d.frame.subarray(ip, ip + 20))).toBe(0xffff);
  const f: TcpFrame = {
    destination: d.frame.slice(0, 6),
    source: d.frame.slice(6, 12),
    vlans: Array.from({ length: vlans }, (_, i) => view.getUint16(14 + 4 * i)),
    v6,
    sourceAddress: addresses.slice(0, addresses.length / 2),
    destinationAddress: addresses.slice(addresses.length / 2),
    tos: v6 ? (view.getUint32(ip) >>> 20) & 0xff : (d.frame[ip + 1] as number),
    hopLimit: d.frame[v6 ? ip + 7 : ip + 8] as number,
    id: v6 ? view.getUint16(ip + 2) : view.getUint16(ip + 4),
    dontFragment: !v6 && (d.frame[ip + 6] as number) === 0x40,
    sourcePort: view.getUint16(tcp),
    destinationPort: view.getUint16(tcp + 2),
    sequence: view.getUint32(tcp + 4),
    acknowledgement: view.getUint32(tcp + 8),
    flags,
    window: view.getUint16(tcp + 14),
    options,
    payload: d.frame.slice(header),
  };
  return segmentsOf(f, d.type === 0 ? Math.max(f.payload.length, 1) : d.size);
}

const bytes = (n: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: n, maxLength: n });

const tcpFrame = fc
  .record({
    vlans: fc.array(fc.integer({ min: 1, max: 0xfff }), { maxLength: 2 }),
    v6: fc.boolean(),
    v6Source: bytes(16),
    v6Destination: bytes(16),
    tos: fc.integer({ min: 0, max: 255 }),
    hopLimit: fc.integer({ min: 1, max: 255 }),
    id: fc.integer({ min: 0, max: 0xffff }),
    dontFragment: fc.boolean(),
    ports: bytes(4),
    sequence: fc.oneof(
      fc.integer({ min: 0, max: 0xffff_ffff }),
      fc.integer({ min: 0xffff_0000, max: 0xffff_ffff }),
    ),
    acknowledgement: fc.integer({ min: 0, max: 0xffff_ffff }),
    flags: fc.constantFrom(0x10, 0x18, 0x11, 0x19, 0x90, 0x98, 0xd8, 0x50),
    window: fc.integer({ min: 0, max: 0xffff }),
    options: fc.integer({ min: 0, max: 10 }).chain((n) => bytes(n * 4)),
    length: fc.oneof(fc.integer({ min: 1, max: 4_000 }), fc.integer({ min: 1, max: 30_000 })),
    size: fc.integer({ min: 1, max: 1_240 }),
    fill: fc.integer(),
  })
  .map((r) => {
    const payload = new Uint8Array(r.length);
    for (let i = 0, x = r.fill; i < payload.length; i++) {
      x = (Math.imul(x, 1_103_515_245) + 12_345) | 0;
      payload[i] = x >>> 16;
    }
    const v4 = (n: number): Uint8Array => Uint8Array.of(10, 144, 0, n);
    const frame: TcpFrame = {
      destination: macOf(2),
      source: macOf(1),
      vlans: r.vlans,
      v6: r.v6,
      sourceAddress: r.v6 ? r.v6Source : v4(1),
      destinationAddress: r.v6 ? r.v6Destination : v4(2),
      tos: r.tos,
      hopLimit: r.hopLimit,
      id: r.id,
      dontFragment: r.dontFragment,
      sourcePort: ((r.ports[0] as number) << 8) | (r.ports[1] as number),
      destinationPort: ((r.ports[2] as number) << 8) | (r.ports[3] as number),
      sequence: r.sequence,
      acknowledgement: r.acknowledgement,
      flags: r.flags,
      window: r.window,
      options: r.options,
      payload,
    };
    // Small segments of a long payload would be thousands of packets for nothing new.
    return { frame, size: Math.min(1_240, Math.max(r.size, Math.ceil(payload.length / 60))) };
  });

function superFrame(f: TcpFrame, size: number): Uint8Array {
  const built = buildTcp(f, 'partial');
  return fromDevice(built.bytes, {
    flags: 1,
    type: f.payload.length > size ? (f.v6 ? 4 : 1) | ((f.flags & 0x80) !== 0 ? 0x80 : 0) : 0,
    headerLength: built.headerLength,
    size: f.payload.length > size ? size : 0,
    start: built.tcp,
    offset: 16,
  });
}

/** A plain segment, for tests that change one thing. */
const base: TcpFrame = {
  destination: macOf(2),
  source: macOf(1),
  vlans: [],
  v6: false,
  sourceAddress: Uint8Array.of(10, 144, 0, 1),
  destinationAddress: Uint8Array.of(10, 144, 0, 2),
  tos: 0,
  hopLimit: 64,
  id: 100,
  dontFragment: false,
  sourcePort: 1,
  destinationPort: 2,
  sequence: 1_000,
  acknowledgement: 5,
  flags: 0x10,
  window: 500,
  options: new Uint8Array(12).fill(1),
  payload: new Uint8Array(400).fill(1),
};

/** Compares as text: a difference is seen at once and thousands of bytes cost nothing. */
function expectSame(got: readonly Uint8Array[], wanted: readonly Uint8Array[]): void {
  const text = (frames: readonly Uint8Array[]): string[] => frames.map((f) => Buffer.from(f).toString('hex'));
  expect(text(got)).toEqual(text(wanted));
}

describe('cutting and growing', () => {
  it('gives the same wire segments as cutting the original by the book', () => {
    fc.assert(
      fc.property(tcpFrame, ({ frame, size }) => {
        a.io.deviceIn.push(superFrame(frame, size));
        a.run();
        carryOver(a, b);
        const got = b.io.deviceOut.splice(0).flatMap((d) => asWire(d, frame.v6, frame.vlans.length));
        expectSame(got, segmentsOf(frame, size));
      }),
      { numRuns: 150, endOnFailure: true },
    );
    expect(b.drops('malformed-frame') + b.drops('guard-mac') + b.drops('bad-tag')).toBe(0);
  });

  it('keeps two interleaved flows apart and joins each', () => {
    fc.assert(
      fc.property(
        tcpFrame,
        tcpFrame,
        fc.array(fc.boolean(), { minLength: 4, maxLength: 40 }),
        (one, two, order) => {
          const second = { ...two.frame, sourcePort: one.frame.sourcePort ^ 1 };
          const queues = [segmentsOf(one.frame, one.size), segmentsOf(second, two.size)] as const;
          // Segments as the sender's interface would give them one by one, with partial checksums.
          const sent = [segmentsPartial(one.frame, one.size), segmentsPartial(second, two.size)] as const;
          for (let i = 0; sent[0].length + sent[1].length > 0; i++) {
            const next =
              sent[order[i % order.length] === true ? 0 : 1].shift() ?? sent[0].shift() ?? sent[1].shift();
            if (next) a.io.deviceIn.push(next);
          }
          a.run();
          carryOver(a, b);
          const got: Uint8Array[][] = [[], []];
          for (const d of b.io.deviceOut.splice(0)) {
            const isFirst =
              d.start - (one.frame.v6 ? 40 : 20) === 14 + 4 * one.frame.vlans.length &&
              new DataView(d.frame.buffer).getUint16(d.start) === one.frame.sourcePort;
            const f = isFirst ? one.frame : second;
            (got[isFirst ? 0 : 1] as Uint8Array[]).push(...asWire(d, f.v6, f.vlans.length));
          }
          expect(got[0]).toEqual(queues[0]);
          expect(got[1]).toEqual(queues[1]);
        },
      ),
      { numRuns: 40, endOnFailure: true },
    );
  });

  it.each([false, true])('really joins: a 50 kB super-frame (IPv6 %s) leaves and arrives as one', (v6) => {
    const address = new Uint8Array(16).fill(4);
    const own = v6 ? { sourceAddress: address, destinationAddress: address } : {};
    const frame: TcpFrame = {
      ...base,
      ...own,
      v6,
      vlans: [5],
      flags: 0x18,
      payload: new Uint8Array(50_000).fill(3),
    };
    a.io.deviceIn.push(superFrame(frame, 1_240));
    a.run();
    expect(a.io.netOut.length).toBe(1);
    expect(carryOver(a, b)).toBe(41);
    const out = b.io.deviceOut.splice(0);
    expect(out.map((d) => [d.frame.length, d.size])).toEqual([[50_000 + 18 + (v6 ? 40 : 20) + 32, 1_240]]);
  });

  it('joins under ChaCha20-Poly1305 too', () => {
    const c = makeRig(3);
    const d = makeRig(4);
    c.meet(4, { suite: Suite.chacha20poly1305 });
    d.meet(3, { suite: Suite.chacha20poly1305 });
    const frame: TcpFrame = {
      ...base,
      source: macOf(3),
      destination: macOf(4),
      sourceAddress: Uint8Array.of(10, 144, 0, 3),
      destinationAddress: Uint8Array.of(10, 144, 0, 4),
      flags: 0x10,
      payload: new Uint8Array(5_000).fill(9),
    };
    c.io.deviceIn.push(superFrame(frame, 1_000));
    c.run();
    carryOver(c, d);
    const out = d.io.deviceOut.splice(0);
    expect(out.length).toBe(1);
    expect(out.flatMap((o) => asWire(o, false, frame.vlans.length))).toEqual(segmentsOf(frame, 1_000));
  });

  it('does not join what the kernel would not', () => {
    const next = { ...base, id: 101, sequence: 1_400 };
    const cases: [string, Partial<TcpFrame>, number][] = [
      ['the next segment', {}, 1],
      ['a gap', { sequence: 1_401 }, 2],
      ['another acknowledgement', { acknowledgement: 6 }, 2],
      ['another window', { window: 501 }, 2],
      ['another option', { options: new Uint8Array(12).fill(2) }, 2],
      ['longer than the first', { payload: new Uint8Array(401) }, 2],
      ['another type of service', { tos: 3 }, 2],
      ['another hop limit', { hopLimit: 63 }, 2],
      ['an id that does not follow', { id: 105 }, 2],
      ['ECE', { flags: 0x50 }, 2],
      ['CWR', { flags: 0x90 }, 2],
      ['FIN, which ends the flow', { flags: 0x11 }, 1],
      ['RST', { flags: 0x14 }, 2],
      ['another address of the host', { sourceAddress: Uint8Array.of(172, 16, 0, 1) }, 2],
      ['a tag', { vlans: [4] }, 2],
    ];
    for (const [name, change, frames] of cases) {
      a.io.deviceIn.push(superFrame(base, 9_999), superFrame({ ...next, ...change }, 9_999));
      a.run();
      carryOver(a, b);
      expect([name, b.io.deviceOut.splice(0).length]).toEqual([name, frames]);
    }
  });
});

/** Each segment of a super-frame as a frame of its own from the interface. */
function segmentsPartial(f: TcpFrame, size: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 0, i = 0; at < f.payload.length; at += size, i++) {
    const last = at + size >= f.payload.length;
    let flags = f.flags;
    if (!last) flags &= ~0x09;
    if (i > 0) flags &= ~0x80;
    const segment: TcpFrame = {
      ...f,
      flags,
      id: f.v6 ? f.id : (f.id + i) & 0xffff,
      sequence: (f.sequence + at) >>> 0,
      payload: f.payload.subarray(at, at + size),
    };
    out.push(superFrame(segment, 99_999));
  }
  return out;
}

/** The datagrams that a UDP super-frame stands for, by the book. */
function datagramsOf(f: TcpFrame, size: number, checksum: 'partial' | 'complete' = 'complete'): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 0, i = 0; at < f.payload.length; at += size, i++) {
    const id = f.v6 ? f.id : (f.id + i) & 0xffff;
    out.push(buildUdp({ ...f, id, payload: f.payload.subarray(at, at + size) }, checksum).bytes);
  }
  return out;
}

/** What the kernel makes of a UDP frame written to the interface. */
function asDatagrams(d: DeviceFrame, f: TcpFrame): Uint8Array[] {
  const { ip, tcp: udp } = buildUdp(f, 'complete');
  const view = new DataView(d.frame.buffer);
  const addresses = f.v6 ? d.frame.subarray(ip + 8, ip + 40) : d.frame.subarray(ip + 12, ip + 20);
  expect([d.flags, d.start, d.offset]).toEqual([1, udp, 6]);
  expect([0, 5]).toContain(d.type);
  if (d.type === 5) expect(d.headerLength).toBe(udp + 8);
  expect(view.getUint16(udp + 4)).toBe(d.frame.length - udp);
  expect(view.getUint16(udp + 6)).toBe(sum16(addresses, 17 + d.frame.length - udp));
  if (!f.v6) expect(sum16(d.frame.subarray(ip, ip + 20))).toBe(0xffff);
  const seen: TcpFrame = {
    ...f,
    id: f.v6 ? f.id : view.getUint16(ip + 4),
    sourcePort: view.getUint16(udp),
    destinationPort: view.getUint16(udp + 2),
    payload: d.frame.slice(udp + 8),
  };
  const size = d.type === 5 ? d.size : Math.max(1, seen.payload.length);
  expect(Math.ceil(seen.payload.length / size)).toBeLessThanOrEqual(64);
  return datagramsOf(seen, size);
}

describe('UDP', () => {
  const plain = makeRig(3, undefined, false, { datagramOffload: false });
  plain.meet(1, { bridge: true });
  a.meet(3);
  // A kernel gives at most 64 datagrams at once (UDP_MAX_SEGMENTS).
  const udpFrames = tcpFrame.map((r) => ({
    frame: { ...r.frame, options: new Uint8Array(0) },
    size: Math.max(r.size, Math.ceil(r.frame.payload.length / 64)),
  }));

  it('super-frames of datagrams arrive as the same datagrams, with and without the offload', () => {
    fc.assert(
      fc.property(udpFrames, fc.boolean(), ({ frame, size }, offload) => {
        const to = offload ? b : plain;
        const f = { ...frame, destination: macOf(to.n) };
        const built = buildUdp(f, 'partial');
        const whole = f.payload.length <= size;
        const header = { type: whole ? 0 : 5, size: whole ? 0 : size, headerLength: built.headerLength };
        a.io.deviceIn.push(fromDevice(built.bytes, { ...header, flags: 1, start: built.tcp, offset: 6 }));
        a.run();
        carryOver(a, to);
        const written = to.io.deviceOut.splice(0);
        expectSame(
          written.flatMap((d) => asDatagrams(d, f)),
          datagramsOf(f, size),
        );
        const datagrams = Math.ceil(f.payload.length / size);
        if (!offload) expect(written.every((d) => d.type === 0)).toBe(true);
        else if (frame.v6 || frame.dontFragment) expect(written).toHaveLength(1);
        if (!offload) expect(written).toHaveLength(datagrams);
      }),
      { numRuns: 120, endOnFailure: true },
    );
    expect(b.drops('malformed-frame') + plain.drops('malformed-frame') + plain.drops('bad-tag')).toBe(0);
  });

  it('keeps the length of every datagram and the order of each flow, whatever their sizes', () => {
    const sizes = fc.array(
      fc.record({
        flow: fc.nat(2),
        size: fc.oneof(fc.constant(0), fc.constant(100), fc.integer({ min: 0, max: 1_200 })),
      }),
      { minLength: 1, maxLength: 150 },
    );
    fc.assert(
      fc.property(sizes, (sent) => {
        const wanted: Uint8Array[][] = [[], [], []];
        for (const [i, { flow, size }] of sent.entries()) {
          const f: TcpFrame = {
            ...base,
            id: i,
            dontFragment: true,
            sourcePort: 1_000 + flow,
            payload: new Uint8Array(size).fill(i),
          };
          const built = buildUdp(f, 'partial');
          a.io.deviceIn.push(fromDevice(built.bytes, { flags: 1, start: built.tcp, offset: 6 }));
          (wanted[flow] as Uint8Array[]).push(f.payload);
        }
        a.run();
        carryOver(a, b);
        const got: Uint8Array[][] = [[], [], []];
        const written = b.io.deviceOut.splice(0);
        for (const d of written) {
          const payload = d.frame.subarray(42);
          const flow = new DataView(d.frame.buffer).getUint16(34) - 1_000;
          const size = d.type === 5 ? d.size : Math.max(1, payload.length);
          if (payload.length === 0) got[flow]?.push(payload.slice());
          for (let at = 0; at < payload.length; at += size) got[flow]?.push(payload.slice(at, at + size));
        }
        for (const flow of [0, 1, 2]) expectSame(got[flow] as Uint8Array[], wanted[flow] as Uint8Array[]);
      }),
      { numRuns: 60, endOnFailure: true },
    );
  });

  it('joins many small datagrams into few writes', () => {
    for (let i = 0; i < 128; i++) {
      const built = buildUdp(
        { ...base, dontFragment: true, payload: new Uint8Array(100).fill(i) },
        'partial',
      );
      a.io.deviceIn.push(fromDevice(built.bytes, { flags: 1, start: built.tcp, offset: 6 }));
    }
    a.run();
    carryOver(a, b);
    expect(b.io.deviceOut.splice(0).map((d) => [d.type, d.size, d.frame.length])).toEqual([
      [5, 100, 42 + 6_400],
      [5, 100, 42 + 6_400],
    ]);
  });
});

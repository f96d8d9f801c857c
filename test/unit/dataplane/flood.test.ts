/** A hostile member among those who pass broadcasts on: what it makes up, changes or sends again is dropped, and it is named. */
import { describe, expect, it } from 'vitest';
import { Kind } from '../../../src/core/wire/packet.js';
import { floodBatch, floodOf, inHalves, type FloodSay } from '../../support/floods.js';
import { arpFrame, plainFrame } from '../../support/frames.js';
import {
  acquaint,
  carryOver,
  endpointOf,
  fromDevice,
  idOf,
  ipOf,
  macOf,
  makeRig,
  openAs,
  sealFor,
  settle,
  slotOf,
  type Rig,
} from '../../support/loop-rig.js';

const everybody = new Uint8Array(6).fill(255);
const frameOf = (n: number, fill = 0, length = 60): Uint8Array =>
  plainFrame(everybody, macOf(n), length, fill);
const inner = (frame: Uint8Array): Uint8Array => Uint8Array.of(Kind.frame, ...frame);

/** Node 3, linked with the hostile 2 and with 4. 1 and 5 are members further away. */
function victim(more: { unknown?: boolean } = {}): Rig {
  const rig = makeRig(3);
  if (more.unknown !== true) for (const n of [1, 5]) rig.know(n);
  rig.meet(2);
  rig.meet(4);
  return rig;
}

/** Member `link` passes these plaintexts on to 3. */
function pass(rig: Rig, link: number, ...plains: Uint8Array[]): void {
  for (const plain of plains)
    rig.io.netIn.push({ bytes: sealFor(link, 3, plain), from: endpointOf(link), segment: 0 });
  rig.run();
}

/** Frames for the host, and packets passed on, since the last time. */
const out = (rig: Rig): [number, number] => [
  rig.io.deviceOut.splice(0).length,
  rig.io.netOut.splice(0).length,
];
const suspects = (rig: Rig): unknown[] =>
  rig.events.splice(0).flatMap((e) => (e.type === 'suspect' ? [[e.slot, e.reason]] : []));

describe('a member that passes broadcasts on', () => {
  it('cannot begin one in the name of another', () => {
    const rig = victim();
    const frame = arpFrame(everybody, macOf(1), 1, { mac: macOf(1), ip: ipOf(1) }, { mac: everybody, ip: 9 });
    // Signed by itself, by somebody else, with nothing, or with the signature of another flood of that member.
    const stolen = floodOf(1, 1, inner(frameOf(1)), { bound: 5 });
    const grafted = floodOf(1, 2, inner(frame), { bound: 5 });
    grafted.set(stolen.subarray(11, 75), 11);
    const blank = floodOf(1, 3, inner(frame), { bound: 5 }).fill(0, 11, 75);
    pass(
      rig,
      2,
      floodOf(1, 4, inner(frame), { bound: 5, signer: 2 }),
      floodOf(1, 5, inner(frame), { bound: 5, signer: 4 }),
      grafted,
      blank,
    );
    expect([out(rig), rig.drops('flood-forged')]).toEqual([[0, 0], 4]);
    expect(suspects(rig)).toEqual([[slotOf(2), 'flood-forged']]);
    pass(rig, 2, stolen);
    expect(out(rig)).toEqual([1, 1]);
  });

  it('cannot begin one in our own name', () => {
    const rig = victim();
    pass(rig, 2, floodOf(3, 1, inner(frameOf(3))));
    expect([out(rig), rig.drops('flood-duplicate')]).toEqual([[0, 0], 1]);
  });

  it('cannot change one, in any byte but those of the way', () => {
    const rig = victim();
    const genuine = floodOf(1, 1, inner(frameOf(1)), { bound: 5 });
    let refused = 0;
    for (let at = 11; at < genuine.length; at++) {
      const changed = genuine.slice();
      changed[at] = (changed[at] as number) ^ 0x10;
      pass(rig, 2, changed);
      expect([at, out(rig)]).toEqual([at, [0, 0]]);
      refused++;
      rig.time.now += 1_000;
    }
    const reasons = ['flood-forged', 'malformed-frame', 'flood-unknown', 'flood-duplicate'] as const;
    const dropped = reasons.reduce((sum, reason) => sum + rig.drops(reason), 0);
    // Of origins that are nobody's some still wait to become known.
    expect(dropped).toBeGreaterThan(refused - 8);
    expect(rig.drops('flood-forged')).toBeGreaterThan(100);
    // And it is taken when it comes as it was: nobody claimed its number ahead.
    pass(rig, 2, genuine);
    expect(out(rig)).toEqual([1, 1]);
  });

  it('cannot cut one short', () => {
    const rig = victim();
    const genuine = floodOf(1, 1, inner(frameOf(1)), { bound: 5 });
    for (let length = 1; length < genuine.length; length++) {
      pass(rig, 2, genuine.subarray(0, length));
      rig.time.now += 1_000;
    }
    expect(out(rig)).toEqual([0, 0]);
    expect(rig.drops('malformed-frame') + rig.drops('flood-forged') + rig.drops('short')).toBe(
      genuine.length - 1,
    );
    pass(rig, 2, genuine);
    expect(out(rig)).toEqual([1, 1]);
  });

  it('cannot claim numbers ahead, so that the real broadcast would count as one that was seen', () => {
    const rig = victim();
    for (let sequence = 1; sequence <= 40; sequence++)
      pass(rig, 2, floodOf(1, sequence, inner(frameOf(1)), { bound: 5, signer: 2 }));
    pass(rig, 2, floodOf(1, 1, inner(frameOf(1)), { bound: 5, signer: 2, epoch: 2 ** 47 }));
    expect(out(rig)).toEqual([0, 0]);
    pass(rig, 4, floodOf(1, 7, inner(frameOf(1)), { bound: 5 }));
    expect(out(rig)).toEqual([1, 0]);
    expect(rig.drops('flood-duplicate')).toBe(0);
  });

  it('cannot use up what another may flood', () => {
    const rig = victim();
    const forged = floodOf(1, 1, inner(frameOf(1)), { bound: 5, signer: 2 });
    for (let i = 0; i < 9_000; i++) pass(rig, 2, forged);
    expect(out(rig)).toEqual([0, 0]);
    pass(rig, 4, floodOf(1, 1, inner(frameOf(1)), { bound: 5 }));
    expect(out(rig)).toEqual([1, 0]);
  });

  it('cannot send an old one again, however many came in between', () => {
    const rig = victim();
    const old = floodOf(1, 1, inner(frameOf(1)), { bound: 5 });
    pass(rig, 2, old);
    expect(out(rig)).toEqual([1, 1]);
    pass(rig, 2, old);
    expect([out(rig), rig.drops('flood-duplicate')]).toEqual([[0, 0], 1]);
    pass(rig, 4, floodOf(1, 5_000, inner(frameOf(1)), { bound: 5 }));
    out(rig);
    for (let i = 0; i < 20; i++) pass(rig, 2, old);
    expect([out(rig), rig.drops('flood-replayed')]).toEqual([[0, 0], 20]);
    expect(suspects(rig)).toEqual([[slotOf(2), 'flood-replayed']]);
    // Nor one of an earlier run of that member, whatever its number.
    pass(rig, 4, floodOf(1, 0, inner(frameOf(1)), { bound: 5, epoch: 2 }));
    out(rig);
    pass(rig, 2, floodOf(1, 9_000, inner(frameOf(1)), { bound: 5 }));
    expect([out(rig), rig.drops('flood-replayed')]).toEqual([[0, 0], 21]);
  });

  it('is named at most once in ten seconds, and others that pass on what is genuine never', () => {
    const rig = victim();
    const forge = (sequence: number): void =>
      pass(rig, 2, floodOf(1, sequence, inner(frameOf(1)), { bound: 5, signer: 2 }));
    for (let i = 0; i < 5; i++) forge(i);
    pass(rig, 4, floodOf(1, 9, inner(frameOf(1)), { bound: 5 }));
    expect(suspects(rig)).toEqual([[slotOf(2), 'flood-forged']]);
    rig.time.now += 9_999;
    forge(10);
    expect(suspects(rig)).toEqual([]);
    rig.time.now += 1;
    forge(11);
    expect(suspects(rig)).toEqual([[slotOf(2), 'flood-forged']]);
  });

  it('costs few verifications when it forges much, and is heard again when it stops', () => {
    const rig = victim();
    for (let i = 0; i < 500; i++) pass(rig, 2, floodOf(1, i, inner(frameOf(1)), { bound: 5, signer: 2 }));
    expect([rig.drops('flood-forged'), rig.drops('flood-limited')]).toEqual([32, 468]);
    pass(rig, 2, floodOf(1, 600, inner(frameOf(1)), { bound: 5 }));
    expect(out(rig)).toEqual([0, 0]);
    rig.time.now += 200;
    pass(rig, 2, floodOf(1, 600, inner(frameOf(1)), { bound: 5 }));
    expect(out(rig)).toEqual([1, 1]);
  });
});

describe('an origin', () => {
  it('that signs each of its floods alone is verified so often only', () => {
    const rig = victim();
    const storm = Array.from({ length: 700 }, (_, i) => floodOf(1, i, inner(frameOf(1)), { bound: 5 }));
    for (const flood of storm) pass(rig, 2, flood);
    expect([out(rig)[0], rig.drops('flood-limited')]).toEqual([600, 100]);
    expect(suspects(rig)).toEqual([]);
  });

  const batch = (n: number, more: Partial<FloodSay> = {}): FloodSay[] =>
    Array.from({ length: n }, (_, i) => ({ origin: 1, sequence: i, inner: inner(frameOf(1, i)), ...more }));

  it.each([1, 2, 3, 5, 17, 32])('may sign %i floods at once, each of which stands alone', (n) => {
    const rig = victim();
    const floods = floodBatch(batch(n), { bound: 5 });
    for (const i of [n - 1, 0, ...Array.from({ length: n }, (_, k) => k)])
      pass(rig, 2, floods[i] as Uint8Array);
    expect(out(rig)).toEqual([n, n]);
    expect(rig.drops('flood-duplicate')).toBe(n === 1 ? 2 : 2);
  });

  it('has its batch refused where the path leads elsewhere, though the signature is one that was seen', () => {
    const rig = victim();
    const floods = floodBatch(batch(4), { bound: 5 }) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    pass(rig, 2, floods[0]);
    expect(out(rig)).toEqual([1, 1]);
    const place = floods[1].slice();
    place[75] = (2 << 5) | 2;
    const path = floods[1].slice();
    path[76 + 16] = (path[76 + 16] as number) ^ 1;
    const word = floods[1].slice();
    word[word.length - 1] = (word[word.length - 1] as number) ^ 1;
    // A node of the tree passes for no leaf, whatever it is called.
    const shallow = Uint8Array.of(...floods[1].subarray(0, 75), (1 << 5) | 1, ...floods[1].subarray(92));
    pass(rig, 2, place, path, word, shallow);
    expect([out(rig), rig.drops('flood-forged')]).toEqual([[0, 0], 4]);
    pass(rig, 2, floods[1]);
    expect(out(rig)).toEqual([1, 1]);
  });

  it('has nothing taken for one of its batch that only looks like it', () => {
    const rig = victim();
    const floods = floodBatch(batch(2), { bound: 5 }) as [Uint8Array, Uint8Array];
    pass(rig, 2, floods[0]);
    out(rig);
    // Roots are remembered in few places: some of these lead to one of the same place.
    for (let i = 1; i < 2_000; i++) {
      const changed = floods[1].slice();
      changed[changed.length - 1] = (changed[changed.length - 1] as number) ^ (i & 255);
      changed[changed.length - 2] = (changed[changed.length - 2] as number) ^ (i >> 8);
      pass(rig, 2, changed);
    }
    expect(out(rig)).toEqual([0, 0]);
  });

  it('has no other signature put in the place of its own once the batch is known', () => {
    const rig = victim();
    const floods = floodBatch(batch(2), { bound: 5 }) as [Uint8Array, Uint8Array];
    pass(rig, 2, floods[0]);
    out(rig);
    const junk = floods[1].slice().fill(7, 11, 75);
    pass(rig, 2, junk);
    // It would be passed on, and who gets it would take us for the forger.
    expect([out(rig), rig.drops('flood-forged')]).toEqual([[0, 0], 1]);
  });

  it('is told from who has its slot after it', () => {
    const rig = victim();
    const says = [1, 5].map((origin) => ({ origin, sequence: 1, inner: inner(frameOf(origin)) }));
    // 1 signs a batch in which there is a flood of 5: that is forged, also when 5 comes into the slot of 1.
    const [own, forged] = floodBatch(says, { bound: 6, signer: 1 }) as [Uint8Array, Uint8Array];
    pass(rig, 2, own);
    expect(out(rig)[0]).toBe(1);
    rig.loop.command({ type: 'remove-peer', slot: slotOf(5) });
    const guard = { mac: macOf(5), ip: ipOf(5), bridge: false };
    rig.loop.command({
      type: 'add-peer',
      slot: slotOf(1),
      nodeId: idOf(5),
      publicKey: new Uint8Array(32).fill(1),
      guard,
    });
    pass(rig, 2, forged);
    expect([out(rig)[0], rig.drops('flood-forged')]).toEqual([0, 1]);
  });

  it('signs together what comes together, and a lone frame at once', () => {
    const [a, b] = [makeRig(1), makeRig(3)];
    a.meet(3);
    b.meet(1);
    const placeOf = (bytes: Uint8Array): number => openAs(1, 3, bytes)[75] as number;
    a.io.deviceIn.push(fromDevice(frameOf(1)));
    a.run();
    expect(a.io.netOut.map(({ bytes }) => placeOf(bytes))).toEqual([0]);
    carryOver(a, b);
    for (let i = 0; i < 5; i++) a.io.deviceIn.push(fromDevice(frameOf(1, i)));
    a.run();
    const packets = a.io.netOut.flatMap(({ bytes, segment }) =>
      Array.from({ length: Math.ceil(bytes.length / (segment || bytes.length)) }, (_, i) =>
        bytes.subarray(i * segment, (i + 1) * (segment || bytes.length)),
      ),
    );
    expect(packets.map(placeOf)).toEqual([0, 1, 2, 3, 4].map((i) => (3 << 5) | i));
    carryOver(a, b);
    expect(out(b)[0]).toBe(6);
  });

  it('waits for more of them, not longer than 20 ms, when it signs too often', () => {
    const rig = makeRig(1);
    rig.meet(3);
    const send = (): number => {
      rig.io.deviceIn.push(fromDevice(frameOf(1)));
      rig.run();
      return rig.io.netOut.splice(0).length;
    };
    for (let i = 0; i < 32; i++) expect(send()).toBe(1);
    expect([send(), rig.loop.restMs]).toEqual([0, 20]);
    rig.time.now += 5;
    expect([send(), rig.loop.restMs]).toEqual([0, 15]);
    rig.time.now += 15;
    rig.run();
    expect([rig.io.netOut.length, rig.loop.restMs]).toEqual([1, Infinity]);
    expect(rig.io.netOut.splice(0)[0]?.bytes.length).toBeGreaterThan(2 * 150);
  });
});

describe('a flood that is too long for one packet', () => {
  const long = (sequence = 1): Uint8Array => floodOf(1, sequence, inner(frameOf(1, 3, 1_364)), { bound: 5 });

  it('is joined, in whatever order its halves come, judged, and passed on in halves', () => {
    const rig = victim();
    const [first, second] = inHalves(long(), 9);
    pass(rig, 2, first);
    expect(out(rig)).toEqual([0, 0]);
    pass(rig, 2, second);
    expect(rig.io.deviceOut[0]?.frame).toEqual(frameOf(1, 3, 1_364));
    const onward = rig.io.netOut.flatMap(({ bytes, segment, to }) => {
      expect(to).toEqual(endpointOf(4));
      const size = segment || bytes.length;
      return [bytes.subarray(0, size), bytes.subarray(size)].filter((b) => b.length > 0);
    });
    expect(onward.map((bytes) => openAs(3, 4, bytes)[0])).toEqual([Kind.floodPart, Kind.floodPart]);
    out(rig);
    pass(rig, 2, ...inHalves(long(2), 10).reverse());
    expect(out(rig)[0]).toBe(1);
  });

  it('needs both its halves, of one number and one link', () => {
    const rig = victim();
    const [first, second] = inHalves(long(), 9);
    pass(rig, 2, first, first, inHalves(long(), 8)[1]);
    pass(rig, 4, second);
    expect(out(rig)).toEqual([0, 0]);
    pass(rig, 2, first);
    pass(rig, 4, first);
    expect(out(rig)).toEqual([1, 0]);
  });

  it('is dropped when a half is empty or longer than any', () => {
    const rig = victim();
    pass(rig, 2, Uint8Array.of(Kind.floodPart, 0, 1, 0), Uint8Array.of(Kind.floodPart, 0));
    pass(rig, 2, Uint8Array.of(Kind.floodPart, 0, 1, 0, ...new Uint8Array(1_390)));
    expect([rig.drops('malformed-frame'), out(rig)]).toEqual([3, [0, 0]]);
  });

  it('is forged when a half is of another flood', () => {
    const rig = victim();
    pass(rig, 2, inHalves(long(1), 9)[0], inHalves(long(2).fill(1, 900), 9)[1]);
    expect([out(rig), rig.drops('flood-forged')]).toEqual([[0, 0], 1]);
  });
});

describe('a flood of a member that is not known here', () => {
  const strangers = (rig: Rig): [number, Uint8Array][] =>
    rig.events
      .splice(0)
      .flatMap((e) => (e.type === 'stranger' ? [[e.slot, e.id] as [number, Uint8Array]] : []));

  it('waits until the link was asked, and is judged then', () => {
    const rig = victim({ unknown: true });
    pass(rig, 2, floodOf(1, 1, inner(frameOf(1, 1)), { bound: 5 }));
    pass(rig, 2, floodOf(1, 2, inner(frameOf(1, 2)), { bound: 5 }));
    pass(rig, 2, floodOf(1, 3, inner(frameOf(1, 3)), { bound: 5, signer: 2 }));
    expect([out(rig), strangers(rig)]).toEqual([[0, 0], [[slotOf(2), idOf(1)]]]);
    rig.loop.commandsBegin();
    rig.know(1);
    rig.loop.commandsDone();
    expect(rig.io.deviceOut.map(({ frame }) => frame)).toEqual([frameOf(1, 1), frameOf(1, 2)]);
    expect([out(rig)[1] > 0, rig.drops('flood-forged')]).toEqual([true, 1]);
    pass(rig, 2, floodOf(1, 1, inner(frameOf(1, 1)), { bound: 5 }));
    expect(rig.drops('flood-duplicate')).toBe(1);
  });

  it('waits three seconds, and not for a link that went', () => {
    const rig = victim({ unknown: true });
    pass(rig, 2, floodOf(1, 1, inner(frameOf(1)), { bound: 5 }));
    rig.time.now += 2_999;
    pass(rig, 4, floodOf(1, 1, inner(frameOf(1)), { bound: 5 }));
    rig.loop.command({ type: 'remove-peer', slot: slotOf(4) });
    rig.time.now += 1;
    rig.loop.commandsBegin();
    rig.know(1);
    rig.loop.commandsDone();
    expect(out(rig)).toEqual([0, 0]);
  });

  it('finds room for few of one link, so that made-up origins leave room for others', () => {
    const rig = victim({ unknown: true });
    for (let i = 0; i < 100; i++) pass(rig, 2, floodOf(20 + i, 1, inner(frameOf(20 + i)), { bound: 5 }));
    expect([strangers(rig).length, rig.drops('flood-unknown')]).toEqual([32, 68]);
    pass(rig, 4, floodOf(1, 1, inner(frameOf(1)), { bound: 5 }));
    expect(strangers(rig)).toEqual([[slotOf(4), idOf(1)]]);
    rig.loop.commandsBegin();
    rig.know(1);
    rig.loop.commandsDone();
    expect(out(rig)[0]).toBe(1);
    rig.time.now += 3_000;
    pass(rig, 2, floodOf(9, 1, inner(frameOf(9)), { bound: 5 }));
    expect([strangers(rig).length, rig.drops('flood-unknown')]).toEqual([1, 100]);
  });
});

describe('a real node between two others that is patched', () => {
  /** 1, 2 and 3 in a line; `lie` has in hand what 2 sends to 3, opened, and says what 3 gets instead. */
  function between(lie: (plain: Uint8Array) => readonly Uint8Array[]) {
    const rigs = [1, 2, 3].map((n) => makeRig(n)) as [Rig, Rig, Rig];
    acquaint(rigs);
    for (const [a, b] of [
      [1, 2],
      [2, 3],
    ] as const) {
      rigs[a - 1]?.meet(b);
      rigs[b - 1]?.meet(a);
    }
    const [origin, liar, end] = rigs;
    const send = (fill: number, length = 60): Uint8Array => {
      const frame = frameOf(1, fill, length);
      for (const rig of rigs) rig.time.now += 20;
      origin.io.deviceIn.push(fromDevice(frame));
      origin.run();
      carryOver(origin, liar);
      for (const { bytes, segment } of liar.io.netOut.splice(0)) {
        const size = segment || bytes.length;
        for (let at = 0; at < bytes.length; at += size)
          for (const plain of lie(openAs(2, 3, bytes.subarray(at, at + size))))
            end.io.netIn.push({ bytes: sealFor(2, 3, plain), from: endpointOf(2), segment: 0 });
      }
      end.run();
      return frame;
    };
    const heard = (): Uint8Array[] => end.io.deviceOut.splice(0).map(({ frame }) => frame);
    return { end, send, heard };
  }

  it('is heard while it tells the truth', () => {
    const { end, send, heard } = between((plain) => [plain]);
    const frames = [send(1), send(2, 1_364)];
    expect([heard(), suspects(end)]).toEqual([frames, []]);
  });

  it.each([
    ['changes a byte of the frame', (plain: Uint8Array) => (plain[plain.length - 1] as number) ^ 1, -1],
    ['moves it to another number', () => 77, 101],
    ['says that it began it itself', () => 2, 76],
  ])('is named when it %s', (_name, byte, at) => {
    const { end, send, heard } = between((plain) => {
      const out = plain.slice();
      out[at < 0 ? out.length + at : at] = byte(plain);
      return [out];
    });
    for (let i = 0; i < 3; i++) send(i);
    expect(heard()).toEqual([]);
    const refused = end.drops('flood-forged') + end.drops('flood-unknown');
    // An origin that is half another's is nobody's: it waits, and is asked for.
    const asked = end.events.filter((e) => e.type === 'stranger').length;
    expect(refused + asked).toBeGreaterThan(0);
    if (refused > 0) expect(suspects(end)).toEqual([[slotOf(2), 'flood-forged']]);
  });

  it('gains nothing from sending all that it heard again and again', () => {
    const kept: Uint8Array[] = [];
    const { end, send, heard } = between((plain) => {
      kept.push(plain);
      return [plain, ...kept];
    });
    const frames = Array.from({ length: 40 }, (_, i) => send(i));
    expect(heard()).toEqual(frames);
    expect(end.drops('flood-duplicate')).toBe((40 * 41) / 2);
  });
});

describe('a broadcast through honest members', () => {
  it('is taken by each of them, full frames too', () => {
    const rigs = [1, 2, 3, 4].map((n) => makeRig(n));
    acquaint(rigs);
    for (const [a, b] of [
      [0, 1],
      [1, 2],
      [2, 3],
    ] as const) {
      rigs[a]?.meet(b + 1);
      rigs[b]?.meet(a + 1);
    }
    const [origin] = rigs as [Rig];
    for (const length of [60, 1_364]) {
      origin.io.deviceIn.push(fromDevice(frameOf(1, 5, length)));
      origin.run();
      settle(rigs);
      expect(rigs.map((rig) => rig.io.deviceOut.splice(0).map(({ frame }) => frame.length))).toEqual([
        [],
        [length],
        [length],
        [length],
      ]);
    }
  });
});

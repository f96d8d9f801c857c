/** Membership reports and groups messages under fire: nothing throws, nothing is read outside, nothing grows without bound. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LocalGroups, localGroupLimit } from '../../src/core/switch/group-listener.js';
import { Multicast } from '../../src/core/switch/multicast.js';
import { parseGroups, wantedLimit } from '../../src/core/wire/groups.js';
import { Audience, audienceOf } from '../../src/core/wire/membership.js';
import { igmp, igmpV3, mld, mldV2, toGroup } from '../support/membership-frames.js';

const good = [
  igmp(0x16, '239.1.2.3'),
  igmp(0x17, '239.1.2.3', '224.0.0.2'),
  igmpV3({ type: 4, group: '239.1.2.3', sources: ['10.0.0.1'], aux: 2 }, { type: 3, group: '239.1.2.4' }),
  mld(131, 'ff05::77'),
  mldV2({ type: 4, group: 'ff05::77', sources: ['2001:db8::1'], aux: 1 }, { type: 2, group: 'ff08::9' }),
  toGroup('239.1.2.3'),
  toGroup('ff05::1'),
];

/** A good frame with some bytes changed and its end cut off, or any bytes at all. */
const hostile = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(...good),
      fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 6 }),
      fc.nat(130),
    )
    .map(([frame, changes, length]) => {
      const out = frame.slice(0, Math.max(14, length));
      for (const [at, value] of changes) if (at < out.length) out[at] = value;
      return out;
    }),
  fc.uint8Array({ minLength: 14, maxLength: 200 }),
);

it('frames: reads only inside the frame', () => {
  const groups = new LocalGroups();
  fc.assert(
    fc.property(hostile, fc.nat(40), (frame, before) => {
      // A view that ends with the frame throws on any read behind it.
      const memory = new Uint8Array(before + frame.length);
      memory.set(frame, before);
      const view = new DataView(memory.buffer);
      const audience = audienceOf(view, before, frame.length);
      expect([Audience.all, Audience.group, Audience.report]).toContain(audience);
      groups.listen(view, before, frame.length, 0);
    }),
    { numRuns: 3_000 },
  );
  expect([...groups.keys()].length).toBeLessThanOrEqual(localGroupLimit);
});

const message = fc.oneof(
  fc.uint8Array({ maxLength: 1_300 }),
  fc
    .tuple(fc.constantFrom(1, 2, 3), fc.uint8Array({ maxLength: 200 }))
    .map(([type, rest]) => Uint8Array.of(type, ...rest)),
  fc
    .tuple(
      fc.constantFrom([1], [3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 9]),
      fc.uniqueArray(fc.integer(), { maxLength: 20 }),
    )
    .map(([head, list]) => {
      const keys = Int32Array.from(list).sort();
      const bytes = Buffer.alloc(3 + 4 * keys.length);
      bytes.writeUInt16BE(keys.length, 1);
      keys.forEach((key, i) => bytes.writeInt32BE(key, 3 + 4 * i));
      return Uint8Array.of(...head, ...bytes);
    }),
);

it('messages: what is parsed keeps its bounds', () => {
  fc.assert(
    fc.property(message, (bytes) => {
      const parsed = parseGroups(bytes);
      if (parsed?.type === 'announce') expect(parsed.wanted.keys.length).toBeLessThanOrEqual(wantedLimit);
      if (parsed?.type === 'table')
        for (const entry of parsed.entries) expect(entry.position).toBeLessThan(2 ** 52);
    }),
    { numRuns: 2_000 },
  );
});

it('the machine: any order of messages, frames and time', () => {
  const action = fc.oneof(
    fc.tuple(fc.constant('received'), fc.nat(5), message),
    fc.tuple(fc.constant('announced'), fc.nat(50), message),
    fc.tuple(fc.constant('frame'), fc.nat(1), hostile),
    fc.tuple(fc.constant('tick'), fc.nat(200_000), fc.constant(new Uint8Array(0))),
    fc.tuple(fc.constant('links'), fc.nat(5), fc.constant(new Uint8Array(0))),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), fc.boolean(), fc.boolean(), (actions, bridge, leaf) => {
      let sent = 0;
      let now = 0;
      const machine = new Multicast(
        { position: 5, mac: new Uint8Array(6).fill(2), bridge, leaf },
        { flood: () => sent++, send: () => sent++, toHost: () => sent++ },
      );
      for (const [what, n, bytes] of actions) {
        if (what === 'received') machine.received(n, bytes, now);
        else if (what === 'announced') machine.announced(n * 2 ** 40, bytes, now);
        else if (what === 'frame')
          machine.fromHost(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length, now);
        else if (what === 'tick') expect(machine.tick((now += n))).toBeGreaterThan(now);
        else
          machine.setLinks(
            Array.from({ length: n }, (_, slot) => ({
              slot,
              position: slot,
              flood: slot % 2 === 0 ? 'range' : 'copy',
            })),
            now,
          );
        machine.reaches(n, n, n * 3);
        machine.reaches(n, -1, 0);
      }
      expect(sent).toBeLessThanOrEqual(actions.length * 40);
    }),
  );
});

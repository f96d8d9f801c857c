import fc from 'fast-check';
import { expect, it } from 'vitest';
import { idStartsOf, macHighOf, macOf } from '../../../src/core/wire/node-mac.js';

it('a MAC follows from an id, is local and unicast, and leads back to four beginnings of ids', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (id) => {
      const mac = macOf(id);
      expect((mac[0] as number) & 3).toBe(2);
      expect(mac.slice(1)).toEqual(id.slice(1, 6));
      const [first = 0, second = 0] = id;
      expect(macHighOf(first * 256 + second)).toBe((mac[0] as number) * 256 + second);
      const starts = idStartsOf(mac);
      expect(starts).toContainEqual(id.slice(0, 6));
      expect(starts.map((start) => macOf(start))).toEqual([mac, mac, mac, mac]);
      expect(new Set(starts.map(([octet]) => octet)).size).toBe(4);
    }),
  );
});

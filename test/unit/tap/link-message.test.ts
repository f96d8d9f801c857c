import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../../src/core/lib/bytes.js';
import { attribute, numberAttribute, textAttribute } from '../../../src/core/tap/attribute.js';
import { readLink } from '../../../src/core/tap/link-message.js';

const head = new Uint8Array(16);
head[4] = 7;
const link = (...attributes: Uint8Array[]) =>
  readLink(concatBytes(head, textAttribute(3, 'x0'), ...attributes));
const tunnel = (kind: string, type: number, remote: Uint8Array) =>
  link(
    attribute(
      18,
      textAttribute(1, kind),
      attribute(2, attribute(99, Uint8Array.of(1)), attribute(type, remote)),
    ),
  );
const v4 = Uint8Array.of(10, 144, 0, 9);
const v6 = Uint8Array.from({ length: 16 }, (_, i) => i);

describe('an interface', () => {
  it('stands on another of this namespace', () => {
    expect(link(numberAttribute(5, 3))).toMatchObject({ index: 7, name: 'x0', lower: 3, kind: '' });
    expect(link(numberAttribute(5, 3), numberAttribute(37, 0))).toMatchObject({ lower: 0 });
    expect(link(numberAttribute(5, 7))).toMatchObject({ lower: 0 });
  });

  it.each([
    ['vxlan', 2, v4],
    ['vxlan', 16, v6],
    ['geneve', 2, v4],
    ['geneve', 7, v6],
    ['gretap', 7, v4],
    ['ip6gre', 7, v6],
    ['ipip', 3, v4],
    ['sit', 3, v4],
    ['vti6', 5, v6],
  ])('that is a %s has its other end in attribute %i', (kind, type, remote) => {
    expect(tunnel(kind, type, remote)).toMatchObject({ kind, remote });
  });

  it('has no other end where that is all zeros, of another length, cut, or of another kind', () => {
    expect(tunnel('vxlan', 2, new Uint8Array(4))).toMatchObject({ kind: 'vxlan', remote: undefined });
    expect(tunnel('vxlan', 2, v4.subarray(1))).toMatchObject({ remote: undefined });
    expect(tunnel('veth', 2, v4)).toMatchObject({ kind: 'veth', remote: undefined });
    expect(link(attribute(18, Uint8Array.of(9, 0, 1, 0, 65)))).toMatchObject({ remote: undefined });
    expect(readLink(head.subarray(1))).toBeUndefined();
  });
});

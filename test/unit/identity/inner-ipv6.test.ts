import { describe, expect, it } from 'vitest';
import { ip6Of, prefix6Of, range6Of } from '../../../src/core/identity/inner-ipv6.js';
import { networkIdOf } from '../../../src/core/identity/node-id.js';
import { toHex } from '../../../src/core/lib/bytes.js';
import { addressText } from '../../../src/core/lib/endpoint.js';
import { formatPrefix } from '../../../src/core/lib/prefix.js';

const rootKey = new Uint8Array(32).fill(7);

describe('IPv6 inside a network', () => {
  it('has a prefix of RFC 4193 that whoever knows the network id can tell', () => {
    expect(toHex(prefix6Of(rootKey))).toBe(`fd${networkIdOf(rootKey).slice(0, 14)}`);
    expect(formatPrefix(range6Of(rootKey))).toMatch(/^fd[0-9a-f]{2}:.*::\/64$/);
    expect(prefix6Of(new Uint8Array(32).fill(8))).not.toEqual(prefix6Of(rootKey));
  });

  it('has the address of a MAC as RFC 4291 appendix A makes it', () => {
    const prefix = Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 1);
    expect(addressText(ip6Of(prefix, Uint8Array.of(0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde)))).toBe(
      'fd00::1:3656:78ff:fe9a:bcde',
    );
  });
});

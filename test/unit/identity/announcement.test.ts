/** The signed announcement of subnets: bytes, signature, what is refused. */
import { describe, expect, it } from 'vitest';
import {
  announcementLength,
  announcementLifeMs,
  holdsAt,
  isGenuineAnnouncement,
  maxAnnouncementLength,
  parseAnnouncement,
  signAnnouncement,
  type Announcement,
} from '../../../src/core/identity/announcement.js';
import { clockSkewMs } from '../../../src/core/identity/certificate.js';
import { generateKeys, signatureLength } from '../../../src/core/identity/keys.js';
import { toHex } from '../../../src/core/lib/bytes.js';
import { prefix } from '../../support/subnets.js';
import { SeededRandom } from '../../support/virtual.js';

const keys = generateKeys(new SeededRandom(1));
const other = generateKeys(new SeededRandom(2));
const since = 0x6000_0000;

function announcement(...texts: readonly string[]): Announcement {
  const subnets = texts.map((text) => ({ prefix: prefix(text), shared: false, since }));
  return { nodeKey: keys.publicKey, serial: 7, signedAt: 1_000, subnets };
}

describe('an announcement', () => {
  it('has these bytes', () => {
    const signed = signAnnouncement(
      {
        ...announcement(),
        subnets: [
          { prefix: prefix('192.168.7.0/24'), shared: false, since },
          { prefix: prefix('fd00:7::/60'), shared: true, since },
          { prefix: prefix('10.64.0.0/10'), shared: true, since },
        ],
      },
      keys,
    );
    const body = toHex(signed.subarray(0, -signatureLength));
    expect(body).toBe(
      `01${toHex(keys.publicKey)}000000000000000700000000000003e803` +
        '001860000000c0a807' +
        '033c60000000fd00000700000000' +
        '020a600000000a40',
    );
    expect(signed.length).toBe(announcementLength(parseAnnouncement(signed)?.subnets ?? []));
    expect(isGenuineAnnouncement(signed, keys.publicKey)).toBe(true);
    expect(isGenuineAnnouncement(signed, other.publicKey)).toBe(false);
  });

  it('is read as it was written', () => {
    const wanted = announcement('10.244.1.0/24', 'fd00:244:1::/64', '172.16.0.0/12');
    expect(parseAnnouncement(signAnnouncement(wanted, keys))).toEqual(wanted);
    expect(parseAnnouncement(signAnnouncement(announcement(), keys))).toEqual(announcement());
  });

  it.each([
    ['a prefix that no host has', '127.0.0.0/8'],
    ['link-local addresses', '169.254.1.0/24'],
    ['link-local addresses of IPv6', 'fe80::/64'],
    ['groups', '239.1.0.0/16'],
    ['groups of IPv6', 'ff05::/32'],
    ['the loopback address', '::1/128'],
    ['everything', '0.0.0.0/0'],
    ['half of everything', '128.0.0.0/1'],
    ['everything of IPv6', '2000::/3'],
  ])('does not hold %s', (_, text) => {
    expect(parseAnnouncement(signAnnouncement(announcement(text), keys))).toBeUndefined();
  });

  it('holds no prefix twice, no host bits, no unknown flag, and nothing behind its end', () => {
    const twice = announcement('10.1.0.0/16', '10.1.0.0/16');
    expect(parseAnnouncement(signAnnouncement(twice, keys))).toBeUndefined();
    const signed = signAnnouncement(announcement('10.1.0.0/20'), keys);
    const at = signed.length - signatureLength;
    const changed = (offset: number, value: number): Uint8Array => {
      const copy = signed.slice();
      copy[at + offset] = value;
      return copy;
    };
    expect(parseAnnouncement(changed(-1, 0x10))).toBeDefined();
    // 10.1.0.0/20 with a bit behind the prefix; flags; count.
    expect(parseAnnouncement(changed(-1, 0x11))).toBeUndefined();
    expect(parseAnnouncement(changed(-9, 4))).toBeUndefined();
    expect(parseAnnouncement(changed(-10, 2))).toBeUndefined();
    expect(parseAnnouncement(changed(-10, 0))).toBeUndefined();
    for (let length = 0; length < signed.length; length++)
      expect(parseAnnouncement(signed.subarray(0, length))).toBeUndefined();
    expect(parseAnnouncement(new Uint8Array([...signed, 0]))).toBeUndefined();
    expect(isGenuineAnnouncement(changed(-1, 0x10), keys.publicKey)).toBe(signed[at - 1] === 0x10);
  });

  it('has a longest', () => {
    const many = Array.from({ length: 65 }, (_, i) => `10.9.${i}.0/24`);
    expect(() => signAnnouncement(announcement(...many), keys)).toThrow(RangeError);
    expect(parseAnnouncement(signAnnouncement(announcement(...many.slice(1)), keys))?.subnets.length).toBe(
      64,
    );
    const long = Array.from({ length: 60 }, (_, i) => `fd00:9::${i + 1}/128`);
    expect(announcementLength(announcement(...long).subnets)).toBeGreaterThan(maxAnnouncementLength);
    expect(() => signAnnouncement(announcement(...long), keys)).toThrow(RangeError);
  });

  it('holds for some hours, by clocks that differ a little', () => {
    const signedAt = 1_000_000_000;
    expect(holdsAt({ signedAt }, signedAt - clockSkewMs)).toBe(true);
    expect(holdsAt({ signedAt }, signedAt - clockSkewMs - 1)).toBe(false);
    expect(holdsAt({ signedAt }, signedAt + announcementLifeMs - 1)).toBe(true);
    expect(holdsAt({ signedAt }, signedAt + announcementLifeMs)).toBe(false);
  });
});

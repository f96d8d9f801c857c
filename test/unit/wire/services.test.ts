import { describe, expect, it } from 'vitest';
import { encodeServices, mayBeService, maxServices, parseServices } from '../../../src/core/wire/services.js';

const ssh = { name: 'ssh', protocol: 'tcp', port: 22, text: '' } as const;
const dns = { name: 'dns', protocol: 'udp', port: 53, text: 'v=1' } as const;

describe('services on the wire', () => {
  it('look as in the picture', () => {
    const bytes = encodeServices({ type: 'services', services: [ssh, dns] });
    expect(Buffer.from(bytes).toString('hex')).toBe(
      `4802${'00001603737368' + '00'}${'01003503646e73' + '03763d31'}`,
    );
    expect(parseServices(bytes)).toEqual({ type: 'services', services: [ssh, dns] });
    expect(parseServices(encodeServices({ type: 'ask' }))).toEqual({ type: 'ask' });
  });

  it('are refused when they are cut, longer, too many, or no services', () => {
    const bytes = encodeServices({ type: 'services', services: [ssh, dns] });
    for (let length = 0; length < bytes.length; length++)
      expect(parseServices(bytes.subarray(0, length))).toBeUndefined();
    expect(parseServices(Uint8Array.of(...bytes, 0))).toBeUndefined();
    const most = Array.from({ length: maxServices }, (_, i) => ({ ...ssh, name: `s${i}` }));
    const whole = encodeServices({ type: 'services', services: most });
    expect(parseServices(whole)).toBeDefined();
    whole[1] = maxServices + 1;
    expect(parseServices(whole)).toBeUndefined();
    for (const wrong of [
      { ...ssh, port: 0 },
      { ...ssh, name: '' },
      { ...ssh, name: 'a.b' },
      { ...ssh, name: 'a_b' },
      { ...ssh, name: '-a' },
      { ...ssh, name: 'a--b' },
      { ...ssh, name: '22' },
      { ...ssh, name: 'sixteen-letters1' },
      { ...ssh, text: 'ü' },
      { ...ssh, text: '\u001b[2J' },
      { ...ssh, text: 'x'.repeat(61) },
    ]) {
      expect(mayBeService(wrong)).toBe(false);
      expect(parseServices(encodeServices({ type: 'services', services: [wrong] }))).toBeUndefined();
    }
  });
});

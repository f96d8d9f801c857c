import { describe, expect, it } from 'vitest';
import { checkCertificate } from '../../../src/core/doctor/certificate.js';

describe('the certificate of this machine', () => {
  const term = { from: 1_000, until: 2_000 };
  it.each([
    [1_000, 'pass'],
    [1_799, 'pass'],
    [1_801, 'warn'],
    [1_999, 'warn'],
    [2_000, 'fail'],
  ])('at %d of 1000 to 2000 is a %s', (date, status) => {
    const check = checkCertificate('home', term, date);
    expect(check).toMatchObject({ id: 'certificate:home', status });
    expect(check.fix === null).toBe(status === 'pass');
  });
});

import { describe, expect, it } from 'vitest';
import { EvioError } from '../../../src/core/lib/errors.js';
import { createTap } from '../../../src/core/tap/tap-linux.js';

describe('createTap', () => {
  it.each(['', 'a name', 'a/b', 'sixteen-bytes-xx', 'ünïcödénäme'])(
    'refuses the name “%s” before it asks the kernel',
    (name) => {
      let thrown: unknown;
      try {
        createTap({ name, mac: new Uint8Array(6), ip: 0, prefix: 24, ip6: null, mtu: 1350 }).close();
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(EvioError);
      expect((thrown as EvioError).code).toBe('EVIO_DEVICE');
      expect((thrown as EvioError).suggestions.length).toBeGreaterThan(0);
    },
  );
});

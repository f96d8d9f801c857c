import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { interfaceIndex } from '../../../src/core/native/packet-ring.js';
import { hasBuild, hasRoot } from '../../support/need.js';

describe('a ring of frames', () => {
  it.runIf(hasRoot() && hasBuild())(
    'gives frames of every length, drops what it has no room for, and counts that',
    () => {
      const script = fileURLToPath(new URL('../../support/ring-flood.mjs', import.meta.url));
      const run = `ip link set lo up && exec '${process.execPath}' '${script}'`;
      const [line = '', afterClose] = execFileSync('unshare', ['-n', 'sh', '-c', run], { encoding: 'utf8' })
        .trim()
        .split('\n');
      const seen = JSON.parse(line) as Record<'read' | 'out' | 'whole' | 'cut' | 'after', number> &
        Record<'full' | 'total', { received: number; dropped: number }> & { inOrder: boolean };
      // Each passes the loopback twice, and 32 MiB hold some 550 of them.
      expect(seen.full.received).toBeGreaterThanOrEqual(2_000);
      expect(seen.full.dropped).toBeGreaterThan(500);
      expect(seen.whole).toBeGreaterThan(400);
      expect(seen.out).toBeGreaterThan(200);
      expect([seen.cut, seen.inOrder]).toEqual([0, true]);
      expect(seen.after).toBeGreaterThan(0);
      expect(seen.total.received - seen.total.dropped).toBe(seen.read);
      expect(afterClose).toBe('false');
    },
  );

  it('knows no interface by a name that no interface can have', () => {
    expect(interfaceIndex('lo')).toBeGreaterThan(0);
    expect(interfaceIndex('no-such-interface')).toBe(0);
    expect(interfaceIndex('n'.repeat(400))).toBe(0);
  });
});

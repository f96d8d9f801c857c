/** The packet path against its peers, site to site through two NATs, in one run. `npm run bench` is the long form. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { run } from '../../src/lab/exec.js';
import { regressions } from '../../src/bench/bench-limits.js';
import type { BenchReport } from '../../src/bench/bench-report.js';
import { rows } from '../../src/bench/bench-report.js';

const bench = fileURLToPath(new URL('../../dist/bench/bench.js', import.meta.url));

describe('throughput', () => {
  it(
    'is at least five times that of n2n, tinc, nebula and wireguard-go, without retransmits',
    { timeout: 600_000 },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'evio-bench-'));
      try {
        const out = join(folder, 'report.json');
        const { stdout } = await run(
          [
            process.execPath,
            bench,
            '--only',
            '=evio,n2n,tinc,nebula,wireguard',
            '--brief',
            '--no-write',
            '--rounds',
            '1',
            '--seconds',
            '3',
            '--json',
            out,
          ],
          {
            timeoutMs: 580_000,
          },
        );
        console.log(`\n${stdout}`);
        const report = JSON.parse(readFileSync(out, 'utf8')) as BenchReport;
        const all = rows(report);
        const evio = all.find((row) => row.name === 'evio');
        const peers = all.filter((row) => /^(n2n|tinc|nebula|wireguard-go)/.test(row.name));
        // One may be missing from the machine's packages; the others must be there to compare with.
        expect(peers.length).toBeGreaterThanOrEqual(3);
        for (const peer of peers) expect(peer.tcpMbps, peer.name).toBeGreaterThan(10);
        const best = Math.max(...peers.map((row) => row.tcpMbps));
        expect((evio?.tcpMbps ?? 0) / best).toBeGreaterThan(5);
        expect(evio?.retransmits).toBe(0);
        expect(regressions(report), 'what `npm run bench -- --quick` looks at, too').toEqual([]);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});

/**
 * Two million packets of every kind through two packet loops over real UDP, compared byte for byte. Seeded:
 * EVIO_SOAK_SEED plays another order, EVIO_SOAK_PACKETS another number; half of them where time is short (CI).
 */
import { afterAll, describe, expect, it } from 'vitest';
import { Soak } from '../support/soak.js';
import { SeededRandom } from '../support/virtual.js';

const packets = Number(process.env['EVIO_SOAK_PACKETS'] ?? (process.env['CI'] ? 1_000_000 : 2_000_000));
const seed = Number(process.env['EVIO_SOAK_SEED'] ?? 20_260_401);
const part = 100_000;

describe('a soak', () => {
  const soak = new Soak(new SeededRandom(seed));
  afterAll(() => {
    soak.close();
  });

  it(`of ${packets} packets comes out as it went in`, { timeout: 900_000 }, async () => {
    const began = performance.now();
    while (soak.counts.sent < packets) {
      soak.run(Math.min(part, packets - soak.counts.sent));
      await new Promise(setImmediate);
    }
    const { sent, compared, bytes, superIn, superOut, tagged } = soak.counts;
    const seconds = (performance.now() - began) / 1_000;
    console.log(
      `soak, seed ${seed}: ${compared} packets, ${(bytes / 2 ** 30).toFixed(2)} GiB in ${seconds.toFixed(1)} s; ` +
        `${tagged} with tags, ${superIn} super-frames in, ${superOut} out; ${JSON.stringify(soak.counts.kinds)}`,
    );
    expect(compared).toBe(sent);
    expect(sent).toBeGreaterThanOrEqual(packets);
    for (const count of Object.values(soak.counts.kinds)) expect(count).toBeGreaterThan(packets / 500);
    expect(superIn).toBeGreaterThan(packets / 1_000);
    // Segments that were sent apart came together again.
    expect(superOut).toBeGreaterThan(superIn);
    for (const drops of soak.drops()) expect(drops).toEqual({});
  });
});

import { describe, expect, it } from 'vitest';
import { LossMeter } from '../../../src/core/path/loss.js';

describe('the loss of the path in use', () => {
  it('counts what is unanswered, and not what may be answered yet', () => {
    const meter = new LossMeter();
    meter.watch('a');
    for (let n = 0; n < 10; n++) {
      meter.asked('a', n, n * 1_000);
      if (n % 5 !== 0) meter.answered(n);
    }
    // 0 and 5 are missing.
    expect(meter.at(7_000)).toEqual({ asked: 9, unanswered: 1 });
    expect(meter.at(12_000)).toEqual({ asked: 10, unanswered: 2 });
    meter.answered(5);
    meter.answered(77);
    expect(meter.at(12_000)).toEqual({ asked: 10, unanswered: 1 });
  });

  it('is of that path alone, and of a bounded number of pings', () => {
    const meter = new LossMeter();
    meter.watch('a');
    meter.asked('b', 1, 0);
    expect(meter.at(60_000)).toEqual({ asked: 0, unanswered: 0 });
    for (let n = 0; n < 1_000; n++) meter.asked('a', n, n);
    expect(meter.at(60_000)).toEqual({ asked: 64, unanswered: 64 });
    meter.watch('a');
    expect(meter.at(60_000).asked).toBe(64);
    meter.watch('b');
    expect(meter.at(60_000).asked).toBe(0);
  });
});

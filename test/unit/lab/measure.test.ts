import { describe, expect, it } from 'vitest';
import { median, parsePing, quantile } from '../../../src/lab/measure.js';

describe('parsePing', () => {
  it('reads replies, duplicates and losses of iputils', () => {
    const output = `PING 10.0.0.1 (10.0.0.1) 56(84) bytes of data.
64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=1.00 ms
64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=9.99 ms (DUP!)
64 bytes from 10.0.0.1: icmp_seq=2 ttl=64 time=3.00 ms
64 bytes from 10.0.0.1: icmp_seq=4 ttl=64 time=2.00 ms

--- 10.0.0.1 ping statistics ---
4 packets transmitted, 3 received, +1 duplicates, 25% packet loss, time 3004ms
rtt min/avg/max/mdev = 1.000/2.000/3.000/0.816 ms
`;
    expect(parsePing(output)).toEqual({
      sent: 4,
      received: 3,
      duplicates: 1,
      minMs: 1,
      avgMs: 2,
      medianMs: 2,
      p99Ms: 3,
      maxMs: 3,
    });
  });

  it('has no times when nothing came back', () => {
    const result = parsePing('2 packets transmitted, 0 received, 100% packet loss, time 1010ms\n');
    expect(result).toMatchObject({ sent: 2, received: 0 });
    expect(result.avgMs).toBeNaN();
    expect(result.p99Ms).toBeNaN();
  });
});

it('quantile takes the nearest rank', () => {
  const values = Array.from({ length: 100 }, (_, i) => i + 1);
  expect([quantile(values, 0), quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1)]).toEqual([
    1, 50, 99, 100,
  ]);
});

it('median orders, averages the middle two, and skips what was not measured', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, Number.NaN, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
});

import fc from 'fast-check';
import { formatAge } from '../../src/core/lib/age.js';
import { describe, expect, it } from 'vitest';
import { facts, formatBytes, formatMs, formatRate, printable, table } from '../../src/views/format.js';
import { doctorText } from '../../src/views/text/doctor.js';
import { pingSummaryText } from '../../src/views/text/ping.js';
import { dropsText, natText, peersText, ringFacts, statusText } from '../../src/views/text/status.js';
import { tokensText } from '../../src/views/text/tokens.js';
import { whyText } from '../../src/views/text/why.js';
import { peer, self, status } from '../cli/support.js';

const natUnknown = { mapping: 'unknown', filtering: 'unknown', ports: 'unknown' } as const;

describe('numbers', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [99_940, '99.9 kB'],
    [99_960, '100 kB'],
    [999_600, '1.0 MB'],
    [2.5e12, '2.5 TB'],
    [2.5e16, '25000 TB'],
  ])('%d bytes: %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0, 0, '0 bit/s'],
    [125, 1000, '1.0 kbit/s'],
    [1_250_000, 1000, '10.0 Mbit/s'],
    [1.25e9, 1000, '10.0 Gbit/s'],
    [-5, 1000, '0 bit/s'],
  ])('%d bytes in %d ms: %s', (bytes, ms, text) => {
    expect(formatRate(bytes, ms)).toBe(text);
  });

  it.each([
    [null, '-'],
    [0.4213, '0.42 ms'],
    [17.03, '17.0 ms'],
    [1234.5, '1235 ms'],
  ])('%s ms: %s', (ms, text) => {
    expect(formatMs(ms)).toBe(text);
  });

  it.each([
    [-1, '0s'],
    [59_999, '59s'],
    [725_000, '12m 5s'],
    [12_000_000, '3h 20m'],
    [9 * 86_400_000 + 4 * 3_600_000, '9d 4h'],
  ])('%d ms old: %s', (ms, text) => {
    expect(formatAge(ms)).toBe(text);
  });
});

describe('printable', () => {
  it('leaves no control character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[\p{C}\u2028\u2029]/u);
      }),
    );
  });
});

describe('tables', () => {
  it('put columns under each other and end without blanks', () => {
    expect(
      table(
        ['A', 'LONG'],
        [
          ['wide cell', 'x'],
          ['', ''],
        ],
      ),
    ).toBe('A          LONG\nwide cell  x\n\n');
    expect(
      facts([
        ['Name', 'x'],
        ['', 'y'],
      ]),
    ).toBe('Name  x\n      y\n');
  });
});

describe('reports', () => {
  it('say what is missing', () => {
    expect(peersText([], [], self)).toMatch(/^NAME .*\nanna +10\.144\.0\.1 +this machine +-.*aaaaaaaa\n$/);
    expect(tokensText([])).toBe('No tokens were made here.\n');
    expect(peersText([{ ...peer, path: null, link: null }], [], self)).toContain(
      'connected     -     -    -     100 B',
    );
    expect(
      statusText({ ...status, clash: { device: 'cl0', kind: 'address', cidr: '10.144.7.1/32' } }),
    ).toMatch(
      /^Warning +10\.144\.7\.1 is this machine's own, on cl0, .*evio join TOKEN --allow-range 10\.144\.0\.0\/16$/m,
    );
    expect(
      statusText({
        ...status,
        clash: { device: 'eth0', kind: 'gateway', cidr: '10.144.0.1/32', through: 'evio0' },
      }),
    ).toMatch(/^Warning .*sudo ip route replace default via 10\.144\.0\.1 dev eth0$/m);
    expect(statusText(status)).not.toContain('Warning');
    expect(statusText({ ...status, relays: [] })).toMatch(/^Relays +none$/m);
    expect(statusText({ ...status, relays: [] })).not.toContain('Hint');
    const down = { ...status.relays[0]!, state: 'down' as const };
    expect(statusText({ ...status, relays: [down] })).toMatch(/^Hint +No relay is reached: "evio doctor"/m);
    expect(
      pingSummaryText({
        peer: 'b',
        sent: 2,
        received: 0,
        minMs: null,
        avgMs: null,
        maxMs: null,
        replies: [],
      }),
    ).toBe('b: 2 sent, 0 received, 100% lost');
    expect(
      whyText({
        peer: 'b',
        path: null,
        candidates: [],
        log: [],
        nat: { local: natUnknown, remote: null },
        advice: ['Open UDP.'],
      }),
    ).toBe('b is not reached now.\n\nNAT here: mapping unknown\nNAT there: not told\n\n- Open UDP.\n');
    const reached = { kind: 'direct', endpoint: '192.0.2.2:5000', rttMs: 1.5 } as const;
    const of = (loss: { asked: number; unanswered: number }): string =>
      whyText({
        ...{ peer: 'b', path: reached, loss, candidates: [], log: [], advice: [] },
        nat: { local: natUnknown, remote: null },
      });
    expect(of({ asked: 64, unanswered: 3 })).toMatch(/^b is reached .*, 3 of 64 pings lost\n/);
    expect(of({ asked: 0, unanswered: 0 })).not.toContain('lost');
  });

  it('name NAT and drops', () => {
    const unmapped = { ...natUnknown, udpBlocked: false, addresses: [], portMapping: null };
    expect(natText({ ...unmapped, mapping: 'none' })).toBe('none (public address)');
    expect(
      natText({ ...unmapped, mapping: 'address-dependent', udpBlocked: true, addresses: ['1.2.3.4:5'] }),
    ).toBe('address-dependent, UDP is blocked, seen as 1.2.3.4:5');
    expect(natText({ ...unmapped, portMapping: { kind: 'upnp', external: '1.2.3.4:6' } })).toBe(
      'unknown, router opened 1.2.3.4:6 (upnp)',
    );
    const opened = { ...unmapped, portMapping: { kind: 'pcp', external: '1.2.3.4:6' } } as const;
    expect(natText({ ...opened, addresses: ['[2001:db8::1]:5', '1.2.3.4:5'] })).toMatch(/:6 \(pcp\)$/);
    expect(natText({ ...opened, addresses: ['1.2.3.40:6'] })).toMatch(
      /opened 1.2.3.4:6 \(pcp\), not where relays see it$/,
    );
    expect(dropsText({ a: 1, b: 0, c: 9 })).toBe('c 9, a 1');
    expect(dropsText({ b: 0 })).toBe('none');
  });

  it('tell the links on the ring, by name where it is known', () => {
    const ids = Array.from({ length: 10 }, (_, i) => `${i}`.repeat(32));
    const [a = '', b = '', c = ''] = ids;
    const ring = {
      sizeEstimate: 1023.6,
      predecessor: a,
      successors: [b, c],
      longLinks: [],
      onDemand: ids,
      names: { [a]: 'anna', [b]: 'b\u0007en' },
    };
    const text = statusText({ ...status, ring });
    expect(text.slice(text.indexOf('Peers'))).toMatchInlineSnapshot(`
      "Peers        1, network of about 1024
      Predecessor  anna
      Successors   b?en, 22222222
      On demand    anna, b?en, 22222222, 33333333, 44444444, 55555555, 66666666, 77777777 and 2 more
      "
    `);
    expect(ringFacts({ ...ring, predecessor: null, successors: [], onDemand: [] })).toEqual([]);
  });

  it('say what to do', () => {
    expect(
      doctorText({
        checks: [
          { id: 'node', status: 'pass', detail: 'good', fix: null },
          { id: 'longer', status: 'fail', detail: 'bad', fix: 'mend it' },
        ],
        verdict: 'fail',
      }),
    ).toBe(
      'ok    node    good\nFAIL  longer  bad\n              -> mend it\n\nevio does not work here as it is: begin with what is marked FAIL.\n',
    );
  });
});

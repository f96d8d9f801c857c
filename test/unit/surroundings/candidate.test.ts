import { describe, expect, it } from 'vitest';
import { gatherCandidates, isProbeable, usableAddresses } from '../../../src/core/surroundings/candidate.js';

describe('candidates', () => {
  it('leaves out loopback, link-local, containers, overlays and the own network', () => {
    const all = [
      { device: 'lo', address: '127.0.0.1', internal: true },
      { device: 'eth0', address: '192.168.1.5', internal: false },
      { device: 'eth0', address: '2001:db8::5', internal: false },
      { device: 'eth0', address: 'fe80::1', internal: false },
      { device: 'eth1', address: '169.254.3.4', internal: false },
      { device: 'docker0', address: '172.17.0.1', internal: false },
      { device: 'evio0', address: '10.9.0.1', internal: false },
      { device: 'mine', address: '10.1.0.1', internal: false },
      { device: 'tap9', address: '10.144.0.9', internal: false },
    ];
    expect(usableAddresses(all, { devices: ['mine'], cidrs: [{ base: 0x0a90_0000, prefix: 16 }] })).toEqual([
      '192.168.1.5',
      '2001:db8::5',
    ]);
  });

  it('puts host candidates first and repeats none', () => {
    expect(
      gatherCandidates(['192.0.2.5'], 7, [
        { host: '192.0.2.5', port: 7 },
        { host: '198.51.100.1', port: 9 },
      ]),
    ).toEqual([
      { kind: 'host', endpoint: { host: '192.0.2.5', port: 7 } },
      { kind: 'reflexive', endpoint: { host: '198.51.100.1', port: 9 } },
    ]);
  });

  it.each([
    ['192.0.2.1', 1, true],
    ['192.0.2.1', 0, false],
    ['127.0.0.1', 1, false],
    ['0.0.0.0', 1, false],
    ['224.0.0.1', 1, false],
    ['255.255.255.255', 1, false],
    ['::1', 1, false],
    ['ff02::1', 1, false],
    ['fe80::1', 1, false],
    ['2001:db8::1', 1, true],
  ])('%s port %i may be probed: %s', (host, port, ok) => {
    expect(isProbeable({ host, port })).toBe(ok);
  });
});

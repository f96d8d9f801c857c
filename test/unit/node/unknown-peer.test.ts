import { describe, expect, it } from 'vitest';
import { unknownPeer, withoutDomain } from '../../../src/core/node/unknown-peer.js';

describe('unknownPeer', () => {
  const known = {
    network: 'home',
    self: { id: 'aa11', name: 'n0', ip: '10.144.0.1', ip6: 'fd00::1' },
    names: ['web-1', 'gateway'],
    revoked: [{ id: 'bb22', name: 'old', reason: 'stolen', at: '2026-01-01T00:00:00.000Z', by: 'n0' }],
  };

  it.each([
    ['N0', '"N0" is this machine itself.'],
    ['10.144.0.1', '"10.144.0.1" is this machine itself.'],
    ['old', 'old was revoked 2026-01-01T00:00:00.000Z by n0: stolen.'],
    ['bb22', 'old was revoked 2026-01-01T00:00:00.000Z by n0: stolen.'],
    ['wbe-1', 'No member of home is called "wbe-1".'],
  ])('%s', (text, message) => {
    const error = unknownPeer(text, known);
    expect(error).toMatchObject({ code: 'EVIO_UNKNOWN_PEER', message });
    expect(error.suggestions).not.toHaveLength(0);
  });

  it('offers who may be meant', () => {
    expect(unknownPeer('wbe-1', known).suggestions[0]).toBe('Did you mean: web-1');
    expect(unknownPeer('nobody', known).suggestions).toHaveLength(1);
  });
});

describe('withoutDomain', () => {
  it('takes the name of a member out of what ping and ssh take', () => {
    expect(withoutDomain('Web.home.evio', 'home.evio')).toBe('Web');
    expect(withoutDomain('web', 'home.evio')).toBe('web');
    expect(withoutDomain('web.other.evio', 'home.evio')).toBe('web.other.evio');
  });
});

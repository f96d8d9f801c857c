import { describe, expect, it } from 'vitest';
import { describeIceServer, parseIceServer } from '../../../src/core/membership/ice-server.js';
import { pathsReport, withWishes } from '../../../src/core/membership/reach.js';
import type { Profile } from '../../../src/core/membership/profile.js';

describe('ICE servers', () => {
  it.each([
    ['stun:stun.example.org', 'stun', 'stun.example.org', 3478, '', ''],
    ['stun:[2001:db8::1]:99', 'stun', '2001:db8::1', 99, '', ''],
    ['turn:u:p@turn.example.org:5349', 'turn', 'turn.example.org', 5349, 'u', 'p'],
    ['turn:u:p%40%3A@192.0.2.1?transport=udp', 'turn', '192.0.2.1', 3478, 'u', 'p@:'],
    ['turn:1700:u:p=+/@192.0.2.1', 'turn', '192.0.2.1', 3478, '1700', 'u:p=+/'],
  ])('%s', (text, scheme, host, port, user, password) => {
    expect(parseIceServer(text)).toEqual({ scheme, host, port, user, password });
  });

  it.each([
    'turn:secret@192.0.2.1',
    'turn:192.0.2.1',
    'turn:u:secret@192.0.2.1?transport=tcp',
    'turns:u:secret@192.0.2.1',
    'turn:u:secret@192.0.2.1:0',
    'turn:u:secret@192.0.2.1:99999',
    'turn:u:%ZZsecret@192.0.2.1',
    'stun:u:secret@192.0.2.1',
    'http://u:secret@192.0.2.1',
    'turn:u:secret@a b',
  ])('%s is refused, and its password not repeated', (text) => {
    const why = parseIceServer(text);
    expect(typeof why).toBe('string');
    expect(why).not.toContain('secret');
  });

  it('are shown without who may use them', () => {
    const profile = withWishes({} as Profile, { iceServers: ['turn:u:p@[2001:db8::1]:3478'] });
    expect(pathsReport(profile).iceServers).toEqual(['turn:[2001:db8::1]:3478']);
    const server = parseIceServer('turn:u:p@h');
    expect(typeof server === 'string' ? server : describeIceServer(server)).toBe('turn:h:3478');
  });
});

describe('wishes about paths', () => {
  it('change what they name, and go back to the default', () => {
    const one = withWishes({} as Profile, { relays: 'only', iceServers: ['stun:h'], proxy: 'http://p' });
    const two = withWishes(one, { relays: 'any', proxy: 'environment' });
    expect(two.paths).toEqual({ iceServers: ['stun:h'] });
    expect(withWishes(two, { iceServers: [] })).toEqual({});
  });
});

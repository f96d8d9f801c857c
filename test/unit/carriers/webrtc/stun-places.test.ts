/** Addresses of STUN servers that other members are told. */
import { expect, it } from 'vitest';
import { StunPlaces } from '../../../../src/core/carriers/webrtc/stun-places.js';
import type { IceServer } from '../../../../src/core/membership/ice-server.js';

const server = (host: string): IceServer => ({ scheme: 'stun', host, port: 3478, user: '', password: '' });
const addresses: Readonly<Record<string, readonly string[]>> = {
  both: ['2001:db8::9', '192.0.2.9', '192.0.2.10'],
  six: ['2001:db8::6'],
};

async function told(...names: string[]): Promise<string[]> {
  const places = new StunPlaces(names.map(server), (name) => Promise.resolve(addresses[name] ?? []));
  places.look(0);
  await new Promise(setImmediate);
  return places.endpoints.map(({ host }) => host);
}

it('tells a name by both families, IPv4 first, and two names once each', async () => {
  expect(await told('both')).toEqual(['192.0.2.9', '2001:db8::9']);
  expect(await told('both', 'six')).toEqual(['192.0.2.9', '2001:db8::6']);
  expect(await told('six')).toEqual(['2001:db8::6']);
  expect(await told('198.51.100.1', 'both')).toEqual(['198.51.100.1', '192.0.2.9']);
  expect(await told('nobody')).toEqual([]);
});

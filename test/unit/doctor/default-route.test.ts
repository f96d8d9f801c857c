import { expect, it } from 'vitest';
import { hasDefaultRoute } from '../../../src/core/doctor/default-route.js';

const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const by = (device: string) => `${device}\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`;
const link = 'eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n';
const none = '0'.repeat(32);
const by6 = (device: string) =>
  `${none} 00 ${none} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 ${device}\n`;

it.each([
  ['none', head, '', false],
  ['a link only', head + link, '', false],
  ['one by a cable', head + link + by('eth0'), '', true],
  ['one by a network of evio', head + link + by('evio0'), '', false],
  ['IPv6 by a cable', head, by6('eth0'), true],
  ['IPv6 by a network of evio, and what refuses', head, by6('evio0') + by6('lo'), false],
])('knows a default route: %s', (_, routes, routes6, expected) => {
  expect(hasDefaultRoute(routes, routes6)).toBe(expected);
});

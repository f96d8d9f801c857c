import { expect, it } from 'vitest';
import { defaultInterface, hasDefaultRoute } from '../../../src/core/doctor/default-route.js';

const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const by = (device: string, metric = 0) =>
  `${device}\t00000000\t010200C0\t0003\t0\t0\t${metric}\t00000000\t0\t0\t0\n`;
/** 0.0.0.0/1, as a VPN sets it beside 128.0.0.0/1. */
const half = (device: string) => `${device}\t00000000\t010200C0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n`;
const link = 'eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n';
const none = '0'.repeat(32);
const by6 = (device: string) =>
  `${none} 00 ${none} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 ${device}\n`;

it.each([
  ['none', head, '', false],
  ['a link only', head + link, '', false],
  ['half of one', head + link + half('tun0'), '', false],
  ['one by a cable', head + link + by('eth0'), '', true],
  ['one by a network of evio', head + link + by('evio0'), '', false],
  ['IPv6 by a cable', head, by6('eth0'), true],
  ['IPv6 by a network of evio, and what refuses', head, by6('evio0') + by6('lo'), false],
])('knows a default route: %s', (_, routes, routes6, expected) => {
  expect(hasDefaultRoute(routes, routes6)).toBe(expected);
});

it.each([
  ['none', head, undefined],
  ['a link only', head + link, undefined],
  ['half of one is none', head + half('tun0') + link + by('eth0'), 'eth0'],
  ['one by a network of evio is none', head + by('evio0') + by('eth1'), 'eth1'],
  ['the lowest metric', head + by('wlan0', 600) + by('eth0', 100), 'eth0'],
])('knows its interface: %s', (_, routes, expected) => {
  expect(defaultInterface(routes)).toBe(expected);
});

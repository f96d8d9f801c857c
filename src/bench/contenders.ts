/** The programs that `npm run bench` compares, in the order of the table. */
import type { Contender } from './contender.js';
import { evio, evioUdpRelay, evioWebSocketRelay } from './contender-evio.js';
import { bare, fastd, n2n, nebula, openvpn, tinc, vxlan, wireguardGo } from './contenders-others.js';

export const contenders: readonly Contender[] = [
  bare,
  vxlan,
  evio,
  nebula,
  wireguardGo,
  fastd,
  tinc,
  n2n,
  openvpn,
  evioUdpRelay,
  evioWebSocketRelay,
];

/** What runs without encryption in the kernel, or is evio itself: not a peer. */
export const yardsticks: readonly string[] = [bare.name, vxlan.name];
export const variants: readonly string[] = [evioUdpRelay.name, evioWebSocketRelay.name];

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

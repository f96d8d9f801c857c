/** `evio status` and `evio peers` as plain text. */
import type { PeerReport, StatusReport } from '../../core/control/schema.js';
import { facts, formatAge, formatBytes, formatMs, printable, table } from '../format.js';

export function natText(nat: StatusReport['nat']): string {
  const mapping = nat.mapping === 'none' ? 'none (public address)' : nat.mapping;
  const seen = nat.addresses.length > 0 ? `, seen as ${nat.addresses.map(printable).join(', ')}` : '';
  return `${mapping}${nat.udpBlocked ? ', UDP is blocked' : ''}${seen}`;
}

/** Drops that happened, most frequent first; `none`. */
export function dropsText(drops: Record<string, number>): string {
  const some = Object.entries(drops)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a);
  return some.length === 0 ? 'none' : some.map(([reason, count]) => `${reason} ${count}`).join(', ');
}

export function relayText(relay: StatusReport['relays'][number]): string {
  const rtt = relay.state === 'connected' ? `, ${formatMs(relay.rttMs)}` : '';
  return `${printable(relay.url)} ${relay.state} (${relay.transport}${rtt})`;
}

export function statusText({ node, network, device, relays, nat, ring, peerCount }: StatusReport): string {
  const pairs: [string, string][] = [
    ['Network', `${printable(network.name)} (${network.id}), ${network.cidr}`],
    ['Node', `${printable(node.name)}, ${node.ip}, ${node.mac}`],
    ['Id', node.id],
    ['Running', `${formatAge(node.uptimeMs)}, process ${node.pid}, evio ${node.version}`],
    [
      'Device',
      `${device.name}, MTU ${device.mtu}${device.restarts > 0 ? `, restarted ${device.restarts} times` : ''}`,
    ],
    ['Received', `${formatBytes(device.rxBytes)}, ${device.rxFrames} frames`],
    ['Sent', `${formatBytes(device.txBytes)}, ${device.txFrames} frames`],
    ['Dropped', dropsText(device.drops)],
    ...relays.map((relay, i): [string, string] => [i === 0 ? 'Relays' : '', relayText(relay)]),
    ['NAT', natText(nat)],
    ['Peers', `${peerCount}, network of about ${Math.round(ring.sizeEstimate)}`],
  ];
  if (relays.length === 0) pairs.splice(-2, 0, ['Relays', 'none']);
  return facts(pairs);
}

export function pathText(peer: PeerReport): string {
  return peer.path === null ? '-' : `${peer.path.kind} ${printable(peer.path.endpoint)}`;
}

export function peersText(peers: readonly PeerReport[]): string {
  if (peers.length === 0) return 'No peers yet.\n';
  return table(
    ['NAME', 'ADDRESS', 'STATE', 'PATH', 'RTT', 'LINK', 'RECEIVED', 'SENT', 'ID'],
    peers.map((peer) => [
      printable(peer.name),
      peer.ip,
      peer.state,
      pathText(peer),
      formatMs(peer.path?.rttMs ?? null),
      peer.link ?? '-',
      formatBytes(peer.rxBytes),
      formatBytes(peer.txBytes),
      peer.id.slice(0, 8),
    ]),
  );
}

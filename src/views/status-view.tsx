/** The live view of a node. Formats what it is given; knows nothing of where it comes from. */
import { Box, Text } from 'ink';
import type { ReactNode } from 'react';
import type { PeerReport, PeerState, StatusReport } from '../core/control/schema.js';
import { formatAge, formatMs, formatRate, printable } from './format.js';
import { dropsText, natText, pathText } from './text/status.js';
import type { Snapshot } from './use-status.js';

const stateColour: Record<PeerState | 'down', string> = {
  connected: 'green',
  connecting: 'yellow',
  idle: 'gray',
  unreachable: 'red',
  down: 'red',
};
/** Peers shown where the height of the screen is not known; the rest is counted. */
export const maxPeerRows = 20;

interface Column {
  readonly title: string;
  readonly width: number;
}
const columns: readonly Column[] = [
  { title: 'NAME', width: 14 },
  { title: 'ADDRESS', width: 15 },
  { title: 'PATH', width: 34 },
  { title: 'RTT', width: 8 },
  { title: 'IN', width: 11 },
  { title: 'OUT', width: 11 },
];

function Fact({ name, children }: { name: string; children: ReactNode }): ReactNode {
  return (
    <Box>
      <Box width={10} flexShrink={0}>
        <Text dimColor>{name}</Text>
      </Box>
      <Text wrap="truncate-end">{children}</Text>
    </Box>
  );
}

function Row({
  cells,
  colour,
  dim,
}: {
  cells: readonly string[];
  colour?: string;
  dim?: boolean;
}): ReactNode {
  return (
    <Box columnGap={1}>
      {columns.map(({ title, width }, i) => (
        <Box key={title} width={width} flexShrink={title === 'PATH' ? 1 : 0}>
          <Text
            wrap="truncate-end"
            dimColor={dim ?? false}
            {...(title === 'PATH' && colour !== undefined ? { color: colour } : {})}
          >
            {cells[i] ?? ''}
          </Text>
        </Box>
      ))}
    </Box>
  );
}

function Relay({ relay }: { relay: StatusReport['relays'][number] }): ReactNode {
  return (
    <Fact name="Relay">
      {printable(relay.url)} <Text color={stateColour[relay.state]}>{relay.state}</Text> {relay.transport}{' '}
      {formatMs(relay.rttMs)}
    </Fact>
  );
}

function PeerRow({ peer, rate }: { peer: PeerReport; rate: Snapshot['rate'] | undefined }): ReactNode {
  return (
    <Row
      colour={stateColour[peer.state]}
      cells={[
        printable(peer.name),
        peer.ip,
        peer.path === null ? peer.state : pathText(peer),
        formatMs(peer.path?.rttMs ?? null),
        formatRate(rate?.rx ?? 0, rate?.ms ?? 0),
        formatRate(rate?.tx ?? 0, rate?.ms ?? 0),
      ]}
    />
  );
}

const stateOrder: readonly PeerState[] = ['connected', 'connecting', 'idle', 'unreachable'];

/** Connected first, then by name. */
export function peerOrder(a: PeerReport, b: PeerReport): number {
  return stateOrder.indexOf(a.state) - stateOrder.indexOf(b.state) || a.name.localeCompare(b.name, 'en');
}

export function StatusView({
  snapshot,
  error,
  rows = maxPeerRows,
}: {
  snapshot: Snapshot | undefined;
  error: string | undefined;
  /** Peers that fit the screen. */
  rows?: number;
}): ReactNode {
  if (!snapshot) return <Text dimColor>{error ?? 'asking the node …'}</Text>;
  const { status, rate, peerRates } = snapshot;
  const { node, network, device, relays, nat } = status;
  const peers = [...snapshot.peers].sort(peerOrder);
  const shown = peers.slice(0, rows);
  return (
    <Box flexDirection="column">
      <Text>
        <Text bold>{printable(network.name)}</Text> {network.cidr}
        {'  '}
        <Text bold>{printable(node.name)}</Text> {node.ip} on {device.name}, up {formatAge(node.uptimeMs)}
      </Text>
      {error !== undefined && <Text color="red">{error} Trying again.</Text>}
      <Fact name="Traffic">
        in {formatRate(rate.rx, rate.ms)}, out {formatRate(rate.tx, rate.ms)}
      </Fact>
      <Fact name="Drops">{dropsText(device.drops)}</Fact>
      {relays.map((relay) => (
        <Relay key={`${relay.url} ${relay.transport}`} relay={relay} />
      ))}
      <Fact name="NAT">{natText(nat)}</Fact>
      <Box marginTop={1} flexDirection="column">
        <Row dim cells={columns.map(({ title }) => title)} />
        {shown.map((peer) => (
          <PeerRow key={peer.id} peer={peer} rate={peerRates.get(peer.id)} />
        ))}
        {peers.length === 0 && <Text dimColor>no peers yet</Text>}
        {peers.length > shown.length && <Text dimColor>and {peers.length - shown.length} more</Text>}
      </Box>
    </Box>
  );
}

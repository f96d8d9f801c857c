/** The live view of a node. Formats what it is given; knows nothing of where it comes from. */
import { Box, Text } from 'ink';
import type { ReactNode } from 'react';
import type { PeerReport, ReportedState, StatusReport } from '../core/control/schema.js';
import { formatAge, formatMs, formatRate, printable } from './format.js';
import { ringPicture, type RingPicture } from './ring-picture.js';
import { RingView } from './ring-view.js';
import { dropsText, natText, pathText, ringFacts, stateText } from './text/status.js';
import type { Snapshot } from './use-status.js';

const stateColour: Record<ReportedState | 'down', string> = {
  connected: 'green',
  connecting: 'yellow',
  idle: 'gray',
  offline: 'gray',
  unreachable: 'red',
  down: 'red',
};
/** Peers shown where the height of the screen is not known; the rest is counted. */
export const maxPeerRows = 20;
/** From this width on the ring stands beside the facts, which take so much of it. */
const wideColumns = 104;
const factColumns = 50;
/** Height of the ring beside the facts: share of the screen, and no more than this. */
const ringShare = 0.5;
const maxRingRows = 20;
/** Lines that are neither facts nor ring nor peers: heading, error, blank, titles, rest, keys; and one that Ink leaves free. */
const linesAround = 7;

/** What the view may fill. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
  /** The terminal prints nothing but ASCII. */
  readonly ascii?: boolean;
}
/** What stands under the facts. */
export type Page = 'peers' | 'ring';

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
      <Box width={13} flexShrink={0}>
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
        peer.path === null ? stateText(peer) : pathText(peer),
        formatMs(peer.path?.rttMs ?? null),
        formatRate(rate?.rx ?? 0, rate?.ms ?? 0),
        formatRate(rate?.tx ?? 0, rate?.ms ?? 0),
      ]}
    />
  );
}

const stateOrder: readonly ReportedState[] = ['connected', 'connecting', 'idle', 'unreachable', 'offline'];

/** Connected first, then by name. */
export function peerOrder(a: PeerReport, b: PeerReport): number {
  return stateOrder.indexOf(a.state) - stateOrder.indexOf(b.state) || a.name.localeCompare(b.name, 'en');
}

function PeerTable({
  peers,
  rates,
  rows,
}: {
  peers: readonly PeerReport[];
  rates: Snapshot['peerRates'];
  rows: number;
}): ReactNode {
  const shown = [...peers].sort(peerOrder).slice(0, rows);
  return (
    <Box flexDirection="column">
      <Row dim cells={columns.map(({ title }) => title)} />
      {shown.map((peer) => (
        <PeerRow key={peer.id} peer={peer} rate={rates.get(peer.id)} />
      ))}
      {peers.length === 0 && <Text dimColor>no peers yet</Text>}
      {peers.length > shown.length && <Text dimColor>and {peers.length - shown.length} more</Text>}
    </Box>
  );
}

function Heading({ status, error }: { status: StatusReport; error: string | undefined }): ReactNode {
  const { node, network, device } = status;
  return (
    <>
      <Text wrap="truncate-end">
        <Text bold>{printable(network.name)}</Text> {network.cidr}
        {'  '}
        <Text bold>{printable(node.name)}</Text> {node.ip} on {device.name}, up {formatAge(node.uptimeMs)}
      </Text>
      {error !== undefined && <Text color="red">{error} Trying again.</Text>}
    </>
  );
}

function Facts({ status, rate }: { status: StatusReport; rate: Snapshot['rate'] }): ReactNode {
  const { device, relays, nat, ring } = status;
  return (
    <>
      <Fact name="Traffic">
        in {formatRate(rate.rx, rate.ms)}, out {formatRate(rate.tx, rate.ms)}
      </Fact>
      <Fact name="Drops">{dropsText(device.drops)}</Fact>
      {relays.map((relay) => (
        <Relay key={`${relay.url} ${relay.transport}`} relay={relay} />
      ))}
      <Fact name="NAT">{natText(nat)}</Fact>
      <Fact name="Members">about {Math.round(ring.sizeEstimate)}</Fact>
      {ringFacts(ring).map(([name, text]) => (
        <Fact key={name} name={name}>
          {text}
        </Fact>
      ))}
    </>
  );
}

/** Lines of `Facts`. */
function factCount({ relays, ring }: StatusReport): number {
  return 4 + relays.length + ringFacts(ring).length;
}

function ringOn(page: Page, { status, peers }: Snapshot, screen: Screen): RingPicture {
  const { columns, rows, ascii } = screen;
  // The last line is the legend.
  const whole = { columns, rows: rows - linesAround };
  if (page === 'ring') return ringPicture(status, peers, whole, ascii);
  const height = Math.min(maxRingRows, Math.floor(rows * ringShare)) - 1;
  const beside = { columns: columns >= wideColumns ? columns - factColumns : 0, rows: height };
  return ringPicture(status, peers, beside, ascii);
}

export function StatusView({
  snapshot,
  error,
  screen,
  page = 'peers',
}: {
  snapshot: Snapshot | undefined;
  error: string | undefined;
  /** No ring is drawn where this is not known. */
  screen?: Screen;
  page?: Page;
}): ReactNode {
  if (!snapshot) return <Text dimColor>{error ?? 'asking the node …'}</Text>;
  const { status, peers, rate, peerRates } = snapshot;
  const ring = screen && ringOn(page, snapshot, screen);
  const drawn = ring !== undefined && ring.lines.length > 0;
  if (page === 'ring' && drawn) {
    return (
      <Box flexDirection="column">
        <Heading status={status} error={error} />
        <RingView picture={ring} />
      </Box>
    );
  }
  const top = Math.max(factCount(status), drawn ? ring.lines.length + 1 : 0);
  const rows = screen === undefined ? maxPeerRows : Math.max(1, screen.rows - top - linesAround);
  return (
    <Box flexDirection="column">
      <Heading status={status} error={error} />
      <Box>
        <Box
          flexDirection="column"
          {...(drawn ? { width: factColumns, flexShrink: 0, paddingRight: 1 } : {})}
        >
          <Facts status={status} rate={rate} />
        </Box>
        {drawn && <RingView picture={ring} />}
      </Box>
      <Box marginTop={1} flexDirection="column">
        {page === 'peers' && <PeerTable peers={peers} rates={peerRates} rows={rows} />}
        {page === 'ring' && (
          <Text dimColor>{peers.length === 0 ? 'no peers yet' : 'no room to draw the ring here'}</Text>
        )}
      </Box>
    </Box>
  );
}

/** The live view of a node. Formats what it is given; knows nothing of where it comes from. */
import { formatAge } from '../core/lib/age.js';
import { Box, Text } from 'ink';
import type { ReactNode } from 'react';
import type { StatusReport, WhyReport } from '../core/control/schema.js';
import { stateColour } from './colours.js';
import { Fact } from './fact.js';
import { formatMs, formatRate, printable } from './format.js';
import { PeerDetail } from './peer-detail.js';
import { PeerTable } from './peer-table.js';
import { ringPicture, type RingPicture } from './ring-picture.js';
import { legendLines, RingView } from './ring-view.js';
import { clashText, dropsText, natText, ringFacts } from './text/status.js';
import type { Snapshot } from './use-status.js';

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

/** Lines around the page of a peer: heading, error, keys; and one that Ink leaves free. */
const linesAroundPeer = 4;

/** What the view may fill. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
  /** The terminal prints nothing but ASCII. */
  readonly ascii?: boolean;
}
/** Facts with all peers under them, the ring alone, one peer alone. */
export type Page = 'peers' | 'ring' | 'peer';

/** Width assumed where that of the screen is not known. */
const defaultColumns = 100;

function Relay({ relay, stale }: { relay: StatusReport['relays'][number]; stale: boolean }): ReactNode {
  return (
    <Fact name="Relay">
      <Text {...(stale ? { dimColor: true } : { color: stateColour[relay.state] })}>{relay.state}</Text>{' '}
      {relay.transport} {formatMs(relay.rttMs)} {printable(relay.url)}
    </Fact>
  );
}

function Heading({
  status,
  error,
  staleMs,
}: {
  status: StatusReport;
  error: string | undefined;
  staleMs: number | undefined;
}): ReactNode {
  const { node, network, device } = status;
  return (
    <>
      <Text wrap="truncate-end">
        <Text bold>{printable(network.name)}</Text> {network.cidr}
        {'  '}
        <Text bold>{printable(node.name)}</Text> {node.ip} on {device.name}, up {formatAge(node.uptimeMs)}
      </Text>
      {(error !== undefined || staleMs !== undefined) && (
        <Text color="red" wrap="truncate-end">
          {staleMs === undefined ? '' : `As it was ${formatAge(staleMs)} ago. `}
          {error ?? 'The node does not answer.'} Trying again.
        </Text>
      )}
      {status.clash && (
        <Text color="yellow" wrap="truncate-end">
          {clashText(status.clash, network)}
        </Text>
      )}
    </>
  );
}

function Facts({
  status,
  rate,
  stale,
}: {
  status: StatusReport;
  rate: Snapshot['rate'];
  stale: boolean;
}): ReactNode {
  const { device, relays, nat, ring } = status;
  return (
    <>
      <Fact name="Traffic">
        in {formatRate(rate.rx, rate.ms)}, out {formatRate(rate.tx, rate.ms)}
      </Fact>
      <Fact name="Drops">{dropsText(device.drops)}</Fact>
      {relays.map((relay) => (
        <Relay key={`${relay.url} ${relay.transport}`} relay={relay} stale={stale} />
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

/** Lines of the heading that are not always there. */
const warnings = ({ clash }: StatusReport): number => Number(clash !== undefined);

function ringOn(page: Page, { status, peers }: Snapshot, screen: Screen): RingPicture {
  const { columns, rows, ascii } = screen;
  const whole = { columns, rows: rows - linesAround - warnings(status) + 1 - legendLines };
  if (page === 'ring') return ringPicture(status, peers, whole, ascii);
  const height = Math.min(maxRingRows, Math.floor(rows * ringShare)) - legendLines;
  const beside = { columns: columns >= wideColumns ? columns - factColumns : 0, rows: height };
  return ringPicture(status, peers, beside, ascii);
}

/**
 * @param staleMs how old the snapshot is, where it is older than it should be; undefined while it is fresh
 * @param screen  no ring is drawn where this is not known
 * @param chosen  id of the peer that the arrow keys are at, and of which the page `peer` tells
 */
export function StatusView({
  snapshot,
  error,
  staleMs,
  screen,
  page = 'peers',
  chosen,
  why,
}: {
  snapshot: Snapshot | undefined;
  error: string | undefined;
  staleMs?: number | undefined;
  screen?: Screen;
  page?: Page;
  chosen?: string | undefined;
  why?: WhyReport | undefined;
}): ReactNode {
  if (!snapshot) return <Text dimColor>{error ?? 'asking the node …'}</Text>;
  const { status, peers, rate, peerRates } = snapshot;
  const stale = error !== undefined || staleMs !== undefined;
  const heading = <Heading status={status} error={error} staleMs={staleMs} />;
  const one = page === 'peer' ? peers.find(({ id }) => id === chosen) : undefined;
  if (one) {
    return (
      <Box flexDirection="column">
        {heading}
        <PeerDetail
          peer={one}
          rate={peerRates.get(one.id)}
          why={why}
          rows={screen === undefined ? maxPeerRows : screen.rows - linesAroundPeer - warnings(status)}
          stale={stale}
        />
      </Box>
    );
  }
  const ring = screen && ringOn(page, snapshot, screen);
  const drawn = ring !== undefined && ring.lines.length > 0;
  if (page === 'ring' && drawn) {
    return (
      <Box flexDirection="column">
        {heading}
        <RingView picture={ring} stale={stale} />
      </Box>
    );
  }
  const top = Math.max(factCount(status), drawn ? ring.lines.length + legendLines : 0);
  const rows =
    screen === undefined ? maxPeerRows : Math.max(1, screen.rows - top - linesAround - warnings(status));
  return (
    <Box flexDirection="column">
      {heading}
      <Box>
        <Box
          flexDirection="column"
          {...(drawn ? { width: factColumns, flexShrink: 0, paddingRight: 1 } : {})}
        >
          <Facts status={status} rate={rate} stale={stale} />
        </Box>
        {drawn && <RingView picture={ring} stale={stale} />}
      </Box>
      <Box marginTop={1} flexDirection="column">
        {page === 'ring' ? (
          <Text dimColor>{peers.length === 0 ? 'no peers yet' : 'no room to draw the ring here'}</Text>
        ) : (
          <PeerTable
            peers={peers}
            rates={peerRates}
            width={screen?.columns ?? defaultColumns}
            rows={rows}
            chosen={chosen}
            stale={stale}
          />
        )}
      </Box>
    </Box>
  );
}

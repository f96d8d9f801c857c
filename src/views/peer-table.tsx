/** The peers of the live view, in as many columns as there is room for. Formats what it is given. */
import { Box, Text } from 'ink';
import type { ReactNode } from 'react';
import type { PeerReport, ReportedState } from '../core/control/schema.js';
import { pathColour, stateColour } from './colours.js';
import { formatMs, formatRate, printable } from './format.js';
import { stateNotes, pathText } from './text/status.js';
import type { Rate, Snapshot } from './use-status.js';

/** Blanks between columns. */
const gap = 2;

interface Column {
  readonly title: string;
  /** Characters; of the path the fewest: it takes what others leave. */
  readonly width: number;
  text(peer: PeerReport, rate: Rate | undefined): string;
  colour?(peer: PeerReport): string | undefined;
}

const name: Column = { title: 'NAME', width: 14, text: (peer) => printable(peer.name) };
const state: Column = {
  title: 'STATE',
  width: 11,
  text: (peer) => (peer.quarantine === null ? peer.state : 'quarantine'),
  colour: (peer) => (peer.quarantine === null ? stateColour[peer.state] : 'red'),
};
const path: Column = {
  title: 'PATH',
  width: 12,
  text: (peer) =>
    [...(peer.path === null ? [] : [pathText(peer)]), ...stateNotes(peer, 'seen')].join(', ') || '-',
  colour: (peer) => (peer.path === null ? undefined : pathColour[peer.path.kind]),
};
const rtt: Column = { title: 'RTT', width: 8, text: (peer) => formatMs(peer.path?.rttMs ?? null) };
const rx: Column = { title: 'IN', width: 11, text: (_, rate) => formatRate(rate?.rx ?? 0, rate?.ms ?? 0) };
const tx: Column = { title: 'OUT', width: 11, text: (_, rate) => formatRate(rate?.tx ?? 0, rate?.ms ?? 0) };
const address: Column = { title: 'ADDRESS', width: 15, text: (peer) => peer.ip };

/** From left to right. */
const order = [name, address, state, path, rtt, rx, tx];
/** Never left out. */
const always = [name, state, path];
/** What else there is room for is taken in this order. */
const others = [[rtt], [rx, tx], [address]];

/** The columns of a table that is no wider than that, from left to right. */
function columnsFor(width: number): readonly Column[] {
  const chosen = new Set(always);
  let left = width - always.reduce((sum, column) => sum + column.width + gap, -gap);
  for (const group of others) {
    const need = group.reduce((sum, column) => sum + column.width + gap, 0);
    if (need > left) continue;
    left -= need;
    for (const column of group) chosen.add(column);
  }
  return order.filter((column) => chosen.has(column));
}

const stateOrder: readonly ReportedState[] = ['connected', 'connecting', 'idle', 'unreachable', 'offline'];

/** Connected first, then by name. */
export function peerOrder(a: PeerReport, b: PeerReport): number {
  return stateOrder.indexOf(a.state) - stateOrder.indexOf(b.state) || a.name.localeCompare(b.name, 'en');
}

interface Cell {
  readonly text: string;
  readonly colour?: string | undefined;
}

function Row({
  columns,
  cells,
  dim,
  chosen = false,
}: {
  columns: readonly Column[];
  cells: readonly Cell[];
  dim: boolean;
  chosen?: boolean;
}): ReactNode {
  return (
    <Box columnGap={gap}>
      {columns.map((column, i) => (
        <Box key={column.title} width={column.width} flexShrink={0} flexGrow={column === path ? 1 : 0}>
          <Text
            wrap="truncate-end"
            dimColor={dim}
            inverse={chosen}
            {...(dim || cells[i]?.colour === undefined ? {} : { color: cells[i].colour })}
          >
            {cells[i]?.text ?? ''}
          </Text>
        </Box>
      ))}
    </Box>
  );
}

/**
 * @param width  characters
 * @param rows   peers shown; the rest is counted
 * @param chosen id of the peer that the arrow keys are at: it is always among those that are shown
 * @param stale  this is how it was, not how it is: nothing is coloured
 */
export function PeerTable({
  peers,
  rates,
  width,
  rows,
  chosen,
  stale,
}: {
  peers: readonly PeerReport[];
  rates: Snapshot['peerRates'];
  width: number;
  rows: number;
  chosen?: string | undefined;
  stale: boolean;
}): ReactNode {
  const columns = columnsFor(width);
  const sorted = [...peers].sort(peerOrder);
  const at = sorted.findIndex(({ id }) => id === chosen);
  const first = Math.max(0, Math.min(at - Math.floor(rows / 2), sorted.length - rows));
  const shown = sorted.slice(first, first + rows);
  return (
    <Box flexDirection="column" width={Math.min(width, widest)}>
      <Row dim columns={columns} cells={columns.map(({ title }) => ({ text: title }))} />
      {shown.map((peer) => (
        <Row
          key={peer.id}
          columns={columns}
          dim={stale}
          chosen={peer.id === chosen}
          cells={columns.map((column) => ({
            text: `${column === name && peer.id === chosen ? '> ' : ''}${column.text(peer, rates.get(peer.id))}`,
            colour: column.colour?.(peer),
          }))}
        />
      ))}
      {peers.length === 0 && <Text dimColor>no peers yet</Text>}
      {peers.length > shown.length && <Text dimColor>and {peers.length - shown.length} more</Text>}
    </Box>
  );
}

/** Wider than this a path would only stand apart from what belongs to it. */
const widest = 120;

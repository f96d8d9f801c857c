/** One peer in the live view: how it is reached, and why so. Formats what it is given. */
import { formatAge } from '../core/lib/age.js';
import { Box, Text } from 'ink';
import type { ReactNode } from 'react';
import type { PeerReport, WhyReport } from '../core/control/schema.js';
import { pathColour, stateColour } from './colours.js';
import { Fact } from './fact.js';
import { formatBytes, formatMs, formatRate, printable } from './format.js';
import { pathText, stateText } from './text/status.js';
import { natLine } from './text/why.js';
import type { Rate } from './use-status.js';

/** What the node says of the path, what can be done first and what was tried, the newest last, last. */
function reasons({ advice, nat, candidates, log }: WhyReport, rows: number): [string, string][] {
  const head: [string, string][] = [
    ...advice.map((text, i): [string, string] => [i === 0 ? 'Advice' : '', printable(text)]),
    ['NAT here', natLine(nat.local)],
    ['NAT there', nat.remote ? natLine(nat.remote) : 'not told'],
    ...candidates.map(({ side, kind, endpoint, state, rttMs }, i): [string, string] => [
      i === 0 ? 'Candidates' : '',
      `${side} ${kind} ${printable(endpoint)} ${state} ${formatMs(rttMs)}`,
    ]),
  ];
  const room = Math.max(0, rows - head.length);
  const last = room === 0 ? [] : log.slice(-room);
  return [
    ...head.slice(0, rows),
    ...last.map(({ at, event, detail }, i): [string, string] => [
      i === 0 ? 'Decisions' : '',
      // The time of day: what is older than a day has long left the log.
      `${at.slice(11, 19)} ${event} ${printable(detail)}`,
    ]),
  ];
}

/** Lines that are neither reasons nor around the page. */
const factLines = 8;

/**
 * @param why  undefined until the node has told it
 * @param rows lines that the page may have
 */
export function PeerDetail({
  peer,
  rate,
  why,
  rows,
  stale,
}: {
  peer: PeerReport;
  rate: Rate | undefined;
  why: WhyReport | undefined;
  rows: number;
  stale: boolean;
}): ReactNode {
  const coloured = (colour: string | undefined): { color?: string; dimColor?: boolean } =>
    stale ? { dimColor: true } : colour === undefined ? {} : { color: colour };
  return (
    <Box flexDirection="column">
      <Fact name="Peer">
        <Text bold>{printable(peer.name)}</Text>{' '}
        <Text {...coloured(stateColour[peer.state])}>{stateText(peer)}</Text>
      </Fact>
      <Fact name="Addresses">
        {peer.ip}, {peer.ip6}
      </Fact>
      <Fact name="Id">{peer.id}</Fact>
      <Fact name="Path">
        <Text {...coloured(peer.path === null ? undefined : pathColour[peer.path.kind])}>
          {pathText(peer)}
        </Text>
      </Fact>
      <Fact name="RTT">{formatMs(peer.path?.rttMs ?? null)}</Fact>
      <Fact name="Link">{peer.link ?? 'none'}</Fact>
      <Fact name="Traffic">
        in {formatRate(rate?.rx ?? 0, rate?.ms ?? 0)}, out {formatRate(rate?.tx ?? 0, rate?.ms ?? 0)}; in all{' '}
        {formatBytes(peer.rxBytes)} and {formatBytes(peer.txBytes)}
      </Fact>
      <Fact name="Handshake">
        {peer.lastHandshakeAgeMs === null ? 'none yet' : `${formatAge(peer.lastHandshakeAgeMs)} ago`}
      </Fact>
      {why === undefined ? (
        <Text dimColor>asking why …</Text>
      ) : (
        reasons(why, Math.max(1, rows - factLines)).map(([name, text], i) => (
          <Fact key={i} name={name}>
            {text}
          </Fact>
        ))
      )}
    </Box>
  );
}

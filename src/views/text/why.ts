/** `evio why` as plain text. */
import type { WhyReport } from '../../core/control/schema.js';
import { formatMs, printable, table } from '../format.js';
import { natBehaviour } from './status.js';

/** How a NAT behaves, in the words of RFC 4787. */
export const natLine = (nat: WhyReport['nat']['local']): string =>
  `${nat.mapping === 'unknown' ? 'mapping unknown' : nat.mapping}${natBehaviour(nat)}`;

/** A decision log, oldest first. */
export const logText = (log: WhyReport['log']): string =>
  log.map(({ at, event, detail }) => `${at}  ${printable(event)}  ${printable(detail)}\n`).join('');

/** `, 3 of 64 pings lost`. */
const lossText = (loss: WhyReport['loss']): string =>
  loss && loss.asked > 0 ? `, ${loss.unanswered} of ${loss.asked} pings lost` : '';

export function whyText({ peer, path, loss, candidates, log, nat, advice }: WhyReport): string {
  const parts = [
    path === null
      ? `${printable(peer)} is not reached now.\n`
      : `${printable(peer)} is reached ${path.lan ? 'directly on the LAN' : path.kind === 'direct' ? 'directly' : `by ${path.kind}`}: ${printable(path.endpoint)}, ${formatMs(path.rttMs)}${lossText(loss)}\n`,
  ];
  if (candidates.length > 0) {
    parts.push(
      table(
        ['SIDE', 'KIND', 'ENDPOINT', 'STATE', 'RTT'],
        candidates.map((candidate) => [
          candidate.side,
          candidate.kind,
          printable(candidate.endpoint),
          candidate.state,
          formatMs(candidate.rttMs),
        ]),
      ),
    );
  }
  if (log.length > 0) {
    parts.push(logText(log));
  }
  parts.push(
    `NAT here: ${natLine(nat.local)}\nNAT there: ${nat.remote ? natLine(nat.remote) : 'not told'}\n`,
  );
  if (advice.length > 0) parts.push(advice.map((line) => `- ${printable(line)}\n`).join(''));
  return parts.join('\n');
}

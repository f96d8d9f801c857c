/** `evio ping` as plain text. */
import type { PingReply, PingReport } from '../../core/control/schema.js';
import { formatMs, printable } from '../format.js';

export function replyText(peer: string, { seq, rttMs, path }: PingReply): string {
  return `reply from ${printable(peer)}: seq=${seq} time=${formatMs(rttMs)} path=${path}`;
}

export function pingSummaryText({ peer, sent, received, minMs, avgMs, maxMs }: PingReport): string {
  const loss = sent === 0 ? 0 : Math.round(((sent - received) / sent) * 100);
  const times =
    received === 0 ? '' : `, min/avg/max ${formatMs(minMs)} / ${formatMs(avgMs)} / ${formatMs(maxMs)}`;
  return `${printable(peer)}: ${sent} sent, ${received} received, ${loss}% lost${times}`;
}

/** What a run of pings found. */
import type { PathKind } from '../path/path.js';

export interface PingReply {
  readonly seq: number;
  readonly rttMs: number;
  /** `self`: it was this machine that was pinged. */
  readonly path: PathKind | 'self';
}

export interface PingReport {
  readonly peer: string;
  readonly sent: number;
  readonly received: number;
  readonly minMs: number | null;
  readonly avgMs: number | null;
  readonly maxMs: number | null;
  readonly replies: readonly PingReply[];
}

/** Milliseconds to the microsecond. */
export function roundedMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** The report of `sent` pings of which these came back. */
export function pingReport(peer: string, sent: number, replies: readonly PingReply[]): PingReport {
  const times = replies.map(({ rttMs }) => rttMs);
  const some = times.length > 0;
  return {
    peer,
    sent,
    received: times.length,
    minMs: some ? Math.min(...times) : null,
    avgMs: some ? roundedMs(times.reduce((sum, ms) => sum + ms, 0) / times.length) : null,
    maxMs: some ? Math.max(...times) : null,
    replies,
  };
}

/** Measurements between namespaces with the tools everyone knows: ping, iperf3, and a file copied whole. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { EvioError } from '../core/lib/errors.js';
import { LabProcess, requirePrograms, run } from './exec.js';

export interface PingOptions {
  readonly count?: number;
  readonly intervalMs?: number;
  /** How long to wait for the last reply. */
  readonly timeoutMs?: number;
  /** Payload bytes, default 56. */
  readonly size?: number;
  /** Forbid fragmentation on the way. */
  readonly dontFragment?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface PingResult {
  readonly sent: number;
  /** Replies, duplicates not counted. */
  readonly received: number;
  readonly duplicates: number;
  /** Milliseconds; NaN when nothing came back. */
  readonly minMs: number;
  readonly avgMs: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Value below which the share `q` of the sorted numbers lies (nearest rank). */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = values.filter((v) => !Number.isNaN(v)).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** What iputils-ping printed, as numbers. */
export function parsePing(output: string): PingResult {
  const times: number[] = [];
  let duplicates = 0;
  for (const line of output.split('\n')) {
    const match = /icmp_seq=\d+ .*time=([\d.]+) ms(.*)/.exec(line);
    if (match === null) continue;
    if (match[2]?.includes('DUP') === true) duplicates++;
    else times.push(Number(match[1]));
  }
  times.sort((a, b) => a - b);
  const sum = times.reduce((a, b) => a + b, 0);
  return {
    sent: Number(/(\d+) packets transmitted/.exec(output)?.[1] ?? 0),
    received: times.length,
    duplicates,
    minMs: times[0] ?? Number.NaN,
    avgMs: times.length === 0 ? Number.NaN : sum / times.length,
    medianMs: median(times),
    p99Ms: quantile(times, 0.99),
    maxMs: times.at(-1) ?? Number.NaN,
  };
}

/** Pings from a namespace. Losing every packet is a result, not an error. */
export async function ping(ns: string, address: string, options: PingOptions = {}): Promise<PingResult> {
  const { count = 3, intervalMs = 200, timeoutMs = 2_000, size = 56 } = options;
  const argv = ['ping', '-n', '-c', `${count}`, '-i', `${intervalMs / 1000}`, '-s', `${size}`];
  argv.push('-W', `${timeoutMs / 1000}`, ...(options.dontFragment === true ? ['-M', 'do'] : []), address);
  const done = await run(argv, {
    ns,
    allowFailure: true,
    timeoutMs: count * intervalMs * 2 + timeoutMs + 10_000,
    signal: options.signal,
  });
  if (done.status > 1 && !/packets transmitted/.test(done.stdout)) {
    throw new EvioError(
      'EVIO_LAB',
      `ping ${address} in ${ns} failed: ${done.stderr.trim() || done.stdout.trim()}`,
    );
  }
  return parsePing(done.stdout);
}

/**
 * Milliseconds from the call to the first echo reply, probing every 50 ms; undefined when `timeoutMs` passes.
 * Works before the address or its interface exists (the probe is started again).
 */
export async function firstPing(
  ns: string,
  address: string,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const start = performance.now();
  for (;;) {
    const left = timeoutMs - (performance.now() - start);
    if (left <= 0) return undefined;
    const probe = new LabProcess(['ping', '-n', '-i', '0.05', '-W', '1', address], { ns });
    try {
      await probe.line(/bytes from .*time=/, left, signal);
      return performance.now() - start;
    } catch {
      signal?.throwIfAborted();
      if (!probe.running) await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      await probe.stop(200);
    }
  }
}

export interface IperfOptions {
  readonly seconds?: number;
  readonly port?: number;
  /** Parallel streams, default 1. */
  readonly streams?: number;
  /** Congestion control of both ends, by the kernel's name; default the system's. */
  readonly congestion?: string;
  /** Payload bytes of a full TCP segment with timestamps, default what the way allows. */
  readonly segment?: number;
  /** From server to client. */
  readonly reverse?: boolean;
  /** 10^6 bit/s that are sent, default as many as go. */
  readonly mbps?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface TcpThroughput {
  /** Received by the far end, 10^6 bit/s. */
  readonly mbps: number;
  readonly retransmits: number;
}

export interface UdpThroughput {
  /** Received by the far end, 10^6 bit/s of payload. */
  readonly mbps: number;
  /** Datagrams received per second, and sent. */
  readonly pps: number;
  readonly sentPps: number;
  readonly lossPercent: number;
  readonly jitterMs: number;
}

interface IperfJson {
  readonly error?: string;
  readonly end?: {
    readonly sum?: Record<string, number>;
    readonly sum_sent?: Record<string, number>;
    readonly sum_received?: Record<string, number>;
    readonly sum_received_bidir_reverse?: Record<string, number>;
    readonly sum_sent_bidir_reverse?: Record<string, number>;
  };
}

async function iperf(
  client: string,
  server: string,
  address: string,
  extra: readonly string[],
  options: IperfOptions,
): Promise<NonNullable<IperfJson['end']>> {
  requirePrograms('iperf3');
  const { seconds = 3, port = 5201, streams = 1, signal } = options;
  const daemon = new LabProcess(['iperf3', '-s', '-1', '-p', `${port}`, '--forceflush'], { ns: server });
  try {
    await daemon.line(/Server listening/, 5_000, signal);
    const argv = ['iperf3', '-c', address, '-p', `${port}`, '-t', `${seconds}`, '-P', `${streams}`, '-J'];
    argv.push('--connect-timeout', '5000', ...(options.reverse === true ? ['-R'] : []), ...extra);
    // Over a link that loses packets each of many streams may take seconds to begin and to end.
    const timeoutMs = (seconds + 20 + streams / 2) * 1_000;
    const done = await run(argv, { ns: client, allowFailure: true, timeoutMs, signal });
    const report = JSON.parse(done.stdout === '' ? '{}' : done.stdout) as IperfJson;
    if (report.error !== undefined || report.end === undefined) {
      throw new EvioError(
        'EVIO_LAB',
        `iperf3 from ${client} to ${address}: ${report.error ?? done.stderr.trim()}`,
      );
    }
    return report.end;
  } finally {
    await daemon.stop(500);
  }
}

/** What timestamps take of a segment (RFC 7323). */
const timestampBytes = 12;

/** TCP throughput from namespace `client` to `address`, which namespace `server` owns. */
export async function iperfTcp(
  client: string,
  server: string,
  address: string,
  options: IperfOptions = {},
): Promise<TcpThroughput> {
  const { congestion, segment, mbps } = options;
  const extra = [
    ...(congestion === undefined ? [] : ['-C', congestion]),
    ...(segment === undefined ? [] : ['-M', `${segment + timestampBytes}`]),
    ...(mbps === undefined ? [] : ['-b', `${Math.round(mbps)}M`]),
  ];
  const end = await iperf(client, server, address, extra, options);
  return {
    mbps: (end.sum_received?.['bits_per_second'] ?? 0) / 1e6,
    retransmits: end.sum_sent?.['retransmits'] ?? 0,
  };
}

/** TCP in both directions at the same time: what both ends receive together. */
export async function iperfBothWays(
  client: string,
  server: string,
  address: string,
  options: IperfOptions = {},
): Promise<TcpThroughput> {
  const end = await iperf(client, server, address, ['--bidir'], options);
  const sum = (name: string, ...sides: readonly (Record<string, number> | undefined)[]): number =>
    sides.reduce((total, side) => total + (side?.[name] ?? 0), 0);
  return {
    mbps: sum('bits_per_second', end.sum_received, end.sum_received_bidir_reverse) / 1e6,
    retransmits: sum('retransmits', end.sum_sent, end.sum_sent_bidir_reverse),
  };
}

/** UDP throughput with datagrams of `size` bytes at `mbps` (0: as fast as the sender can). */
export async function iperfUdp(
  client: string,
  server: string,
  address: string,
  options: IperfOptions & { readonly size?: number; readonly mbps?: number } = {},
): Promise<UdpThroughput> {
  const { size = 100, mbps = 0 } = options;
  const end = await iperf(
    client,
    server,
    address,
    ['-u', '-l', `${size}`, '-b', mbps === 0 ? '0' : `${mbps}M`],
    options,
  );
  // `sum` mixes both sides: packets are what was sent, lost_packets what the receiver missed.
  const sum = end.sum ?? {};
  const received = Math.max(0, (sum['packets'] ?? 0) - (sum['lost_packets'] ?? 0));
  const seconds = sum['seconds'] ?? 1;
  return {
    pps: received / seconds,
    sentPps: (sum['packets'] ?? 0) / seconds,
    mbps: (received * size * 8) / seconds / 1e6,
    lossPercent: sum['lost_percent'] ?? 100,
    jitterMs: sum['jitter_ms'] ?? Number.NaN,
  };
}

/** Takes one connection, hashes what comes, prints the digest. */
const receiver = `
const { createHash } = require('node:crypto');
const s = require('node:net').createServer({ allowHalfOpen: true }, (c) => {
  const hash = createHash('sha256'); let bytes = 0;
  c.on('data', (d) => { hash.update(d); bytes += d.length; });
  c.on('end', () => { const digest = hash.digest('hex'); console.log('got ' + digest + ' ' + bytes); c.end(digest); s.close(); });
  c.on('error', (e) => { console.error(e.message); process.exit(1); });
});
s.listen(Number(process.argv[1]), '::', () => console.log('listening'));
`;

/** Sends a file and waits for the digest. */
const sender = `
const c = require('node:net').connect({ host: process.argv[1], port: Number(process.argv[2]), allowHalfOpen: true });
c.on('error', (e) => { console.error(e.message); process.exit(1); });
c.on('connect', () => require('node:fs').createReadStream(process.argv[3], { highWaterMark: 1 << 20 }).pipe(c));
c.on('data', (d) => process.stdout.write(d)); c.on('end', () => process.exit(0));
`;

export interface CopyResult {
  readonly bytes: number;
  readonly ms: number;
  readonly mbps: number;
  /** SHA-256 of what arrived, hexadecimal. */
  readonly sha256: string;
  /** True when it is that of the file. */
  readonly intact: boolean;
}

/** Copies a file over TCP from namespace `from` to `address` in namespace `to`, and compares SHA-256. */
export async function copyFile(
  from: string,
  to: string,
  address: string,
  path: string,
  options: { readonly port?: number; readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<CopyResult> {
  const { port = 5299, timeoutMs = 120_000, signal } = options;
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const expected = hash.digest('hex');
  const sink = new LabProcess([process.execPath, '-e', receiver, `${port}`], { ns: to });
  try {
    await sink.line(/listening/, 5_000, signal);
    const start = performance.now();
    await run([process.execPath, '-e', sender, address, `${port}`, path], { ns: from, timeoutMs, signal });
    const ms = performance.now() - start;
    const [, sha256 = '', bytes = '0'] = (await sink.line(/^got /, 5_000, signal)).split(' ');
    return {
      bytes: Number(bytes),
      ms,
      mbps: (Number(bytes) * 8) / ms / 1000,
      sha256,
      intact: sha256 === expected,
    };
  } finally {
    await sink.stop(500);
  }
}

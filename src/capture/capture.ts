/**
 * `evio capture`: what passes between this host and a network, as frames on the network's interface.
 *
 *   interface ── copies ──▶ ring of the kernel ──▶ whose? ──▶ block of a file ──▶ file, or standard output
 *
 * The node has no part in it but for telling who its members are: a capture costs the node nothing where none runs, and what
 * the reader cannot take is dropped from the ring, not from the network. With `keys` it tells the session keys, too (key-log.ts).
 */
import { release } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../core/control/client.js';
import { equalBytes } from '../core/lib/bytes.js';
import { EvioError } from '../core/lib/errors.js';
import { blockCount, handOverMs, interfaceIndex, PacketRing } from '../core/native/packet-ring.js';
import { interfaceBlock, LinkType, sectionBlock, statisticsBlock } from '../core/wire/pcapng.js';
import { FrameBlocks } from './frame-blocks.js';
import { KeyLog } from './key-log.js';
import { CaptureMembers } from './members.js';
import { CaptureSink } from './sink.js';

/** The ring is looked at so often while nothing comes, ms. */
const lookMs = handOverMs;
/** Whether the interface is still there, and whether members came, is asked so often, ms. */
const checkMs = 1_000;
const membersMs = 10_000;

export interface CaptureOptions {
  readonly controlSocket: string;
  readonly network: string | undefined;
  /** Only frames of this member. */
  readonly peer: string | undefined;
  /** Where it goes; `-` for standard output. Undefined: a name of its own, in the folder where we are. */
  readonly file: string | undefined;
  readonly count: number | undefined;
  readonly forMs: number | undefined;
  readonly snapLength: number;
  /** The packets in which they travel, too: UDP of the node's port, by all interfaces. */
  readonly outer: boolean;
  /** Where session keys go, for a dissector of the packets. */
  readonly keys: string | undefined;
  /** `evio/0.1.0`. */
  readonly program: string;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Called once frames are captured. */
  readonly begun: (facts: { readonly device: string; readonly file: string; readonly keys?: string }) => void;
}

export const captureEnds = ['signal', 'count', 'time', 'reader', 'interface'] as const;

export interface CaptureReport {
  readonly file: string;
  readonly network: string;
  readonly device: string;
  /** Frames and bytes that were written. */
  readonly frames: number;
  /** Outer packets among them. */
  readonly packets: number;
  readonly bytes: number;
  /** Lines of the key log. */
  readonly keys: number;
  /** Frames that came faster than they could be written. */
  readonly dropped: number;
  readonly ended: (typeof captureEnds)[number];
}

/**
 * @throws EvioError EVIO_NOT_RUNNING, EVIO_NO_NETWORK, EVIO_AMBIGUOUS_NETWORK, EVIO_UNKNOWN_PEER, EVIO_NO_PRIVILEGE,
 *   EVIO_DEVICE, EVIO_STORAGE
 */
export async function capture(options: CaptureOptions): Promise<CaptureReport> {
  const { controlSocket } = options;
  const { network, device, node } = await ask(controlSocket, 'status', { network: options.network });
  const peer =
    options.peer === undefined
      ? undefined
      : (await ask(controlSocket, 'why', { network: network.id, peer: options.peer })).peer;
  const index = interfaceIndex(device.name);
  if (index === 0) throw notHere(device.name);
  const members = new CaptureMembers(controlSocket, network.id);
  const names = await members.refresh();
  const ring = new PacketRing({ index }, options.snapLength);
  let outerRing: PacketRing | undefined;
  let keys: KeyLog | undefined;
  let begun = false;
  try {
    // An interface of the same name in another network namespace is another node's.
    const ours = Buffer.from(node.mac.replaceAll(':', ''), 'hex');
    const { mac: found } = ring;
    if (!equalBytes(found, ours)) throw notHere(device.name);
    if (options.outer) outerRing = new PacketRing({ udpPort: device.port }, options.snapLength);
    // Before the first packet: whoever reads both live needs them by then.
    if (options.keys !== undefined) keys = await KeyLog.begin(options.keys, controlSocket, network.id);
    const start = now();
    const file = options.file ?? `evio-${network.name}-${stamp()}.pcapng`;
    const sink = new CaptureSink(file);
    await sink.write(
      Buffer.concat([
        sectionBlock(options.program, `Linux ${release()}`),
        interfaceBlock({
          name: device.name,
          description: `evio network ${network.name}, node ${node.name}`,
          mac: ours,
          snapLength: options.snapLength,
          link: LinkType.ethernet,
        }),
        ...(outerRing ? [outerBlock(device.port, options.snapLength)] : []),
        names,
      ]),
      options.signal,
    );
    begun = true;
    options.begun({
      device: device.name,
      file,
      ...(options.keys === undefined ? {} : { keys: options.keys }),
    });
    const choice = { peer, limit: options.count, snapLength: options.snapLength };
    const frames = new FrameBlocks(ring, { ...choice, face: 0, members });
    const packets = outerRing && new FrameBlocks(outerRing, { ...choice, face: 1, members: undefined });
    const sources = packets ? [frames, packets] : [frames];
    const ended = await follow(options, { sink, members, keys, sources, device: device.name, index });
    if (ended === 'signal' || ended === 'time') await takeRest(sources, sink, options.signal);
    const counts = ring.counts();
    const outerCounts = outerRing?.counts();
    const stop = now();
    await sink.end(
      Buffer.concat([
        statisticsBlock({ face: 0, start, stop, ...counts }),
        ...(outerCounts ? [statisticsBlock({ face: 1, start, stop, ...outerCounts })] : []),
      ]),
    );
    return {
      file,
      network: network.id,
      device: device.name,
      frames: writtenBy(sources),
      packets: packets?.written ?? 0,
      bytes: sink.bytes,
      keys: keys?.keys ?? 0,
      dropped: counts.dropped + (outerCounts?.dropped ?? 0),
      ended,
    };
  } finally {
    ring.close();
    outerRing?.close();
    if (begun) keys?.close();
    else keys?.discard();
  }
}

const outerBlock = (port: number, snapLength: number): Uint8Array =>
  interfaceBlock({
    name: `udp ${port}`,
    description: 'packets between members and relays, sealed',
    mac: undefined,
    snapLength,
    link: LinkType.ip,
  });

function writtenBy(sources: readonly FrameBlocks[]): number {
  return sources.reduce((sum, { written }) => sum + written, 0);
}

function notHere(device: string): EvioError {
  return new EvioError('EVIO_DEVICE', `The interface ${device} of the node is not here to capture at.`, [
    'A node with --userspace has none; one in another network namespace is captured from within that.',
  ]);
}

/** From the ring to the sink, until one of the ends comes. */
async function follow(
  { signal, forMs, count }: CaptureOptions,
  parts: {
    readonly sink: CaptureSink;
    readonly members: CaptureMembers;
    readonly keys: KeyLog | undefined;
    readonly sources: readonly FrameBlocks[];
    readonly device: string;
    readonly index: number;
  },
): Promise<CaptureReport['ended']> {
  const { sink, members, keys, sources } = parts;
  const endAt = performance.now() + (forMs ?? Infinity);
  let checkAt = performance.now() + checkMs;
  let membersAt = performance.now() + membersMs;
  for (;;) {
    if (signal.aborted) return 'signal';
    if (!sink.isOpen) return 'reader';
    let any = false;
    for (const source of sources) {
      const block = source.next();
      any ||= block !== undefined;
      if (block) await sink.write(block, signal);
      if (count !== undefined && writtenBy(sources) >= count) return 'count';
    }
    const at = performance.now();
    if (at >= endAt) return 'time';
    if (at >= checkAt) {
      checkAt = at + checkMs;
      await keys?.tend();
      // What came before it went is in the ring still.
      if (interfaceIndex(parts.device) !== parts.index && !any) return 'interface';
    }
    if (at >= membersAt) {
      membersAt = at + membersMs;
      await sink.write(await members.refresh(), signal);
    }
    if (!any) await sleep(Math.min(lookMs, endAt - at), undefined, { signal }).catch(() => undefined);
  }
}

/** What passed before the end: the kernel keeps a block that is not full for a moment. */
async function takeRest(
  sources: readonly FrameBlocks[],
  sink: CaptureSink,
  signal: AbortSignal,
): Promise<void> {
  await sleep(2 * handOverMs);
  for (const source of sources) {
    for (let left = blockCount; left > 0; left--) {
      const block = source.next();
      if (!block) break;
      await sink.write(block, signal);
    }
  }
}

/** Nanoseconds since 1970, to the millisecond. */
function now(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

/** For the name of a file: `20261127-093000`. */
function stamp(): string {
  const [day = '', time = ''] = new Date().toISOString().split(/[T.]/);
  return `${day.replaceAll('-', '')}-${time.replaceAll(':', '')}`;
}

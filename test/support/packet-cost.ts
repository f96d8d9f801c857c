/** What one packet costs a packet loop with many peers, by processor time: opened once, and an answer sealed once. */
import { Arena } from '../../src/core/native/arena.js';
import { libc } from '../../src/core/native/libc.js';
import { ipv4HeaderChecksum } from '../../src/core/wire/ip.js';
import { ipOfSession, LoopPair, macOfSession, virtioLength } from './loop-pair.js';

/** Packets in one measured batch. */
const batch = 256;
/** CLOCK_THREAD_CPUTIME_ID, `<linux/time.h>`. */
const threadClock = 3;

export interface CostPattern {
  /** Peers that take part, of all that are connected. */
  readonly peers: number;
  /** Packets for one peer before the next has its turn. */
  readonly burst: number;
  /** Length of each frame; several: by turns, so that no two neighbours can leave as one train. */
  readonly sizes: readonly number[];
}

/** A UDP datagram of `size` bytes with its Ethernet header, behind a virtio header. */
function datagram(session: number, from: 0 | 1, size: number): Uint8Array {
  const bytes = new Uint8Array(virtioLength + size);
  const view = new DataView(bytes.buffer);
  const to = from === 0 ? 1 : 0;
  bytes.set(macOfSession(session, from), virtioLength);
  bytes.set(macOfSession(session, to), virtioLength + 6);
  const ip = virtioLength + 14;
  view.setUint16(ip - 2, 0x0800);
  view.setUint16(ip, 0x4500);
  view.setUint16(ip + 2, size - 14);
  view.setUint16(ip + 8, 0x4011);
  view.setInt32(ip + 12, ipOfSession(session, to) | 0);
  view.setInt32(ip + 16, ipOfSession(session, from) | 0);
  view.setUint16(ip + 10, ipv4HeaderChecksum(view, ip, 20));
  view.setUint16(ip + 24, size - 34);
  return bytes;
}

/**
 * Frames for `count` batches of a pattern. Patterns that are compared take as many, however few peers have their turn:
 * what the frames themselves cost the caches is the same then.
 */
function batches(pattern: CostPattern, count: number, from: 0 | 1): Uint8Array[][] {
  const { peers, burst, sizes } = pattern;
  const made: Uint8Array[][] = [];
  for (let b = 0, n = 0; b < count; b++) {
    const frames: Uint8Array[] = [];
    for (; frames.length < batch; n++) {
      const session = Math.floor(n / burst) % peers;
      frames.push(datagram(session, from, sizes[n % sizes.length] as number));
    }
    made.push(frames);
  }
  return made;
}

export interface Costs {
  /** Of each batch: microseconds of processor time for one packet opened and one sealed. */
  readonly each: readonly number[];
  readonly lost: number;
}

export class PacketCost {
  readonly #pair: LoopPair;
  readonly #clock = new Arena(64);
  readonly #frames = new Map<CostPattern, [Uint8Array[][], Uint8Array[][]]>();

  constructor(connected: number) {
    this.#pair = new LoopPair(connected);
  }

  close(): void {
    this.#pair.close();
  }

  /** Moves about `packets` packets both ways; only what the second loop does is counted. */
  measure(pattern: CostPattern, packets: number): Costs {
    const [company, hub] = this.#pair.ends;
    let frames = this.#frames.get(pattern);
    const rounds = Math.ceil(packets / batch);
    if (!frames)
      this.#frames.set(pattern, (frames = [batches(pattern, rounds, 0), batches(pattern, rounds, 1)]));
    const each: number[] = [];
    let [arrived, lost] = [0, 0];
    hub.io.taker = company.io.taker = () => {
      arrived++;
    };
    for (let i = 0; i < rounds; i++) {
      const at = i % frames[0].length;
      const [inward, outward] = [frames[0][at] as Uint8Array[], frames[1][at] as Uint8Array[]];
      company.send(inward);
      arrived = 0;
      const before = this.#processor();
      hub.receive();
      hub.send(outward);
      each.push((this.#processor() - before) / batch);
      lost += batch - arrived;
      arrived = 0;
      company.receive();
      lost += batch - arrived;
    }
    return { each, lost };
  }

  /** Microseconds that this thread had a processor. */
  #processor(): number {
    const { view, base } = this.#clock;
    libc().clock_gettime(threadClock, base);
    return Number(view.getBigInt64(0, true)) * 1e6 + Number(view.getBigInt64(8, true)) / 1e3;
  }
}

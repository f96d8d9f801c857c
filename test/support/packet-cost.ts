/** What one packet costs a packet loop with many peers, by processor time: opened once, and an answer sealed once. */
import { ipv4HeaderChecksum } from '../../src/core/wire/ip.js';
import { ipOfSession, LoopPair, macOfSession, virtioLength } from './loop-pair.js';

/** Packets in one measured batch. */
const batch = 256;

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

/** Frames for the batches of a pattern, as many batches as it takes until every peer had its turn. */
function batches(pattern: CostPattern, from: 0 | 1): Uint8Array[][] {
  const { peers, burst, sizes } = pattern;
  const count = Math.ceil((peers * burst) / batch);
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
  /** Microseconds of processor time for one packet opened, and for one sealed. */
  readonly opened: number;
  readonly sealed: number;
  readonly lost: number;
}

export class PacketCost {
  readonly #pair: LoopPair;
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
    if (!frames) this.#frames.set(pattern, (frames = [batches(pattern, 0), batches(pattern, 1)]));
    let [arrived, opened, sealed, lost] = [0, 0, 0, 0];
    hub.io.taker = company.io.taker = () => {
      arrived++;
    };
    const timed = (work: () => void): number => {
      const before = process.cpuUsage();
      work();
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    const rounds = Math.ceil(packets / batch);
    for (let i = 0; i < rounds; i++) {
      const at = i % frames[0].length;
      const [inward, outward] = [frames[0][at] as Uint8Array[], frames[1][at] as Uint8Array[]];
      company.send(inward);
      arrived = 0;
      opened += timed(() => {
        hub.receive();
      });
      lost += batch - arrived;
      sealed += timed(() => {
        hub.send(outward);
      });
      arrived = 0;
      company.receive();
      lost += batch - arrived;
    }
    return { opened: opened / (rounds * batch), sealed: sealed / (rounds * batch), lost };
  }
}

/**
 * A wire with length: forwards frames between two interfaces and holds each for a while. This program stands in
 * for the netem queueing discipline, which not every kernel has.
 *
 *     node delay.js IFINDEX-A IFINDEX-B DELAY-MS JITTER-MS [QUEUE-PACKETS]
 *
 * Run it in a namespace that owns both interfaces and does nothing else with them. Offloads must be off at the far
 * ends (frames come whole, with checksums). Prints `up`; a line `DELAY-MS JITTER-MS` on standard input changes the
 * values for the frames that come from then on; the end of standard input ends the program. Order is kept: jitter
 * stretches, it does not reorder. A full queue drops, like any. Names from packet(7).
 */
import koffi from 'koffi';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETH_P_ALL = 0x0003;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SO_SNDBUFFORCE = 32;
const SOL_PACKET = 263;
const PACKET_QDISC_BYPASS = 20;
const PACKET_IGNORE_OUTGOING = 23;
const MSG_DONTWAIT = 0x40;
const POLLIN = 1;

/** One frame: 1514 bytes, some tags, and room to spare. */
const slotBytes = 2048;
const defaultQueue = 16_384;
const socketBytes = 8 << 20;
/** Frames taken from one side before the other gets its turn. */
const burst = 64;

const lib = koffi.load(null);
type Call = (...args: number[]) => number;
const pointer = 'uintptr_t';
const socket = lib.func('int socket(int, int, int)') as Call;
const bind = lib.func(`int bind(int, ${pointer}, uint32_t)`) as Call;
const setsockopt = lib.func(`int setsockopt(int, int, int, ${pointer}, uint32_t)`) as Call;
const recv = lib.func(`int64_t recv(int, ${pointer}, size_t, int)`) as Call;
const send = lib.func(`int64_t send(int, ${pointer}, size_t, int)`) as Call;
const read = lib.func(`int64_t read(int, ${pointer}, size_t)`) as Call;
const ppoll = lib.func(`int ppoll(${pointer}, uint64_t, ${pointer}, ${pointer})`) as Call;

/** Memory whose address does not change. */
function pinned(bytes: number): { readonly buffer: Buffer; readonly address: number } {
  const buffer = Buffer.allocUnsafeSlow(bytes).fill(0);
  return { buffer, address: Number(koffi.address(buffer)) };
}

const scratch = pinned(4096);

function checked(result: number, what: string): number {
  if (result < 0) throw new Error(`${what} failed (errno ${koffi.errno()})`);
  return result;
}

/** A packet socket bound to an interface, deaf to what it sends itself. */
function open(ifindex: number): number {
  const protocol = ((ETH_P_ALL & 0xff) << 8) | (ETH_P_ALL >> 8);
  // Protocol 0 first: nothing of other interfaces is queued before bind.
  const fd = checked(socket(AF_PACKET, SOCK_RAW, 0), 'socket');
  const option = (level: number, name: number, value: number): number => {
    scratch.buffer.writeInt32LE(value, 0);
    return setsockopt(fd, level, name, scratch.address, 4);
  };
  checked(option(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1), 'PACKET_IGNORE_OUTGOING');
  option(SOL_PACKET, PACKET_QDISC_BYPASS, 1);
  option(SOL_SOCKET, SO_RCVBUFFORCE, socketBytes);
  option(SOL_SOCKET, SO_SNDBUFFORCE, socketBytes);
  // struct sockaddr_ll
  scratch.buffer.fill(0, 0, 20);
  scratch.buffer.writeUInt16LE(AF_PACKET, 0);
  scratch.buffer.writeUInt16LE(protocol, 2);
  scratch.buffer.writeInt32LE(ifindex, 4);
  checked(bind(fd, scratch.address, 20), `bind to interface ${ifindex}`);
  return fd;
}

const timing = { delayMs: 0, jitterMs: 0 };

/** One direction: a ring of frames with the time each is due. */
class Lane {
  readonly from: number;
  readonly #to: number;
  readonly #capacity: number;
  readonly #frames: { readonly buffer: Buffer; readonly address: number };
  readonly #length: Uint32Array;
  readonly #due: Float64Array;
  #head = 0;
  #count = 0;
  #lastDue = 0;

  constructor(from: number, to: number, capacity: number) {
    this.from = from;
    this.#to = to;
    this.#capacity = capacity;
    this.#frames = pinned(slotBytes * capacity);
    this.#length = new Uint32Array(capacity);
    this.#due = new Float64Array(capacity);
  }

  /** Takes what has arrived, at most a burst. True when there may be more. */
  take(): boolean {
    for (let i = 0; i < burst; i++) {
      const full = this.#count === this.#capacity;
      const slot = (this.#head + this.#count) % this.#capacity;
      const at = full ? scratch.address : this.#frames.address + slot * slotBytes;
      const length = recv(this.from, at, slotBytes, MSG_DONTWAIT);
      if (length < 0) return false;
      if (full) continue;
      const due = performance.now() + timing.delayMs + timing.jitterMs * Math.random();
      this.#lastDue = Math.max(due, this.#lastDue);
      this.#due[slot] = this.#lastDue;
      this.#length[slot] = length;
      this.#count++;
    }
    return true;
  }

  /** Sends what is due. A frame the other side does not take is lost. */
  release(): void {
    const now = performance.now();
    while (this.#count > 0 && (this.#due[this.#head] as number) <= now) {
      const length = this.#length[this.#head] as number;
      send(this.#to, this.#frames.address + this.#head * slotBytes, length, MSG_DONTWAIT);
      this.#head = (this.#head + 1) % this.#capacity;
      this.#count--;
    }
  }

  /** When the next frame is due, in milliseconds from now; Infinity when there is none. */
  get wait(): number {
    return this.#count === 0 ? Infinity : Math.max(0, (this.#due[this.#head] as number) - performance.now());
  }
}

function setTiming(text: string): void {
  const [delay = '', jitter = '0'] = text.trim().split('\n').at(-1)?.split(' ') ?? [];
  if (delay === '' || !(Number(delay) >= 0) || !(Number(jitter) >= 0)) return;
  timing.delayMs = Number(delay);
  timing.jitterMs = Number(jitter);
}

function main(args: readonly string[]): void {
  const [a, b, delay, jitter, queue] = args.map(Number) as [number, number, number, number, number?];
  setTiming(`${delay} ${jitter}`);
  const [fdA, fdB] = [open(a), open(b)];
  const capacity = queue ?? defaultQueue;
  const lanes = [new Lane(fdA, fdB, capacity), new Lane(fdB, fdA, capacity)];
  // struct pollfd × 3, then struct timespec
  const poll = pinned(64);
  [fdA, fdB, 0].forEach((fd, i) => {
    poll.buffer.writeInt32LE(fd, i * 8);
    poll.buffer.writeInt16LE(POLLIN, i * 8 + 4);
  });
  process.stdout.write('up\n');
  for (;;) {
    let more = false;
    for (const lane of lanes) {
      more = lane.take() || more;
      lane.release();
    }
    if (more) continue;
    const waitMs = Math.min(1_000, lanes[0]?.wait ?? 0, lanes[1]?.wait ?? 0);
    poll.buffer.writeBigInt64LE(BigInt(Math.floor(waitMs / 1_000)), 32);
    poll.buffer.writeBigInt64LE(BigInt(Math.floor((waitMs % 1_000) * 1e6)), 40);
    const ready = ppoll(poll.address, 3, poll.address + 32, 0);
    if (ready > 0 && poll.buffer.readInt16LE(2 * 8 + 6) !== 0) {
      const length = read(0, scratch.address, 256);
      if (length <= 0) return;
      setTiming(scratch.buffer.toString('utf8', 0, length));
    }
  }
}

main(process.argv.slice(2));

/** How V8 runs a process that lasts for months and has little to do. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Keeps the young generations of this process as small as they are now. V8 would double them, up to 32 MB a thread, in
 * a first burst of handshakes, and keep them so. For a program that is not in a hurry: a collection takes a fraction of a
 * millisecond, and there are more of them. The old generation grows by small steps, too.
 *
 * V8 takes its own factor again whenever a thread is made: call it then, too.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  // V8 would let the old generation grow to one and a half times of what lived before it looks through it, and keep the pages:
  // a node with 500 peers kept 75 KiB for each instead of 50. It looks while the program runs, in steps.
  setFlagsFromString('--heap-growing-percent=20');
}

/** V8 since Node 22 counts calls instead of work. As it is by itself, and a tenth or less of that. */
const [major] = process.versions.node.split('.').map(Number) as [number];
const late =
  major >= 22
    ? '--invocation-count-for-maglev=400 --invocation-count-for-turbofan=3000'
    : '--interrupt-budget=67584';
const early =
  major >= 22
    ? '--invocation-count-for-maglev=20 --invocation-count-for-turbofan=150'
    : '--interrupt-budget=6500';
/** Enough for a loop to be compiled that takes a packet a round. */
const earlyRounds = 1_500;

/**
 * Lets V8 compile the functions of a packet loop after a tenth of the work that it waits for otherwise (66 KiB of bytecode
 * run, in Node 20). A loop that sees a packet now and then would run uncompiled for minutes, and each packet would take
 * that much longer.
 *
 * V8 knows one number for all threads of a process and looks at it when a function has done so much work, so it is the low
 * one while packets are handled only: compiled as early, the rest of a node would take more processor time to compile than
 * to run whenever much happens at once. A change takes some 20 µs; after the
 * first rounds there are none.
 */
export class EarlyCompilation {
  #left = earlyRounds;
  #is = false;

  /** Packets are about to be handled. */
  begin(): void {
    if (this.#left === 0) return;
    this.#left--;
    this.#is = true;
    setFlagsFromString(early);
  }

  /** They were. */
  end(): void {
    if (!this.#is) return;
    this.#is = false;
    setFlagsFromString(late);
  }
}

/** So many members, and nobody for so long, ms. */
const burst = 64;
const restMs = 2_000;

/**
 * Gives memory back that a thread took while many members came. V8 looks through an old heap of this size only once 8 MB more are in
 * it, and keeps the pages between what lives: up to 18 KiB a thread for each of 500 peers. Here it is looked through whole, once, when
 * nobody came for a while.
 */
export class Tidying {
  #made = 0;
  #dueAt = Infinity;

  /** ms of the clock; Infinity: no need. */
  get dueAt(): number {
    return this.#dueAt;
  }

  /** A member came, ms of the clock. */
  made(now: number): void {
    if (++this.#made >= burst) this.#dueAt = now + restMs;
  }

  /** Takes some ms in a packet thread, some tens in the control thread. */
  tick(): void {
    this.#made = 0;
    this.#dueAt = Infinity;
    collector()();
  }
}

/**
 * Puts all flags that are set here as they are when nothing of this was done. V8 takes compiled code only where its flags are as they were
 * when it was made: call it before either. It compares how they were set, too, so all of them are. `keepHeapSmall` comes after.
 */
export function levelFlags(): void {
  for (const flags of [
    '--semi-space-growth-factor=2',
    '--heap-growing-percent=0',
    '--expose-gc',
    '--no-expose-gc',
    early,
    late,
  ])
    setFlagsFromString(flags);
}

const bufferedBytes = 16 << 20;
let buffered = 0;
type Collect = (options?: { type: 'minor' }) => void;
let collect: Collect | undefined;

function collector(): Collect {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('globalThis.gc') as unknown;
    setFlagsFromString('--no-expose-gc');
    collect = typeof gc === 'function' ? (gc as Collect) : () => undefined;
  }
  return collect;
}

/**
 * To be told of the bytes of buffers that will be garbage soon. V8 counts the memory of buffers, and after 64 MB of them
 * looks through its whole heap for what it can free; a hundred megabytes a second through a WebSocket took a third of the
 * processor time so. The buffers are young: a collection of the young generation, 0.3 ms, frees them before that.
 */
export function tellBuffered(bytes: number): void {
  buffered += bytes;
  if (buffered < bufferedBytes) return;
  buffered = 0;
  collector()({ type: 'minor' });
}

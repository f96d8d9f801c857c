/**
 * The lines of a relay's state (state-lines.ts) on disk, in <home>/relay, mode 0600:
 *
 *   snapshot.N   all that was known when log N was begun; whole, as it got its name only then
 *   log.N        what became known since, a line at a time; a run never writes into the log of an earlier one
 *
 *   state = the highest snapshot, then every log from its number on, in order
 *
 * Nothing is rewritten when a node registers. When the logs have outgrown the snapshot, a new log is begun and the next
 * snapshot is written beside the work, a few lines at a time; both say everything, so a kill at any moment leaves a state
 * that is whole. A full or read-only disk does not stop a running relay: it says so once, and a snapshot makes good what
 * was missed as soon as the disk takes it.
 */
import { createReadStream } from 'node:fs';
import { open, readdir, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { syncFolderAsync } from '../core/disk/replace-file.js';
import { storageError } from '../core/disk/storage-error.js';
import type { Env, Logger } from '../core/lib/env.js';
import { messageOf } from '../core/lib/errors.js';
import { parseJson } from '../core/lib/json.js';
import { filesBefore, linesOfReceipts, linesOfStateFile } from './state-before.js';
import { stateLine, type StateLine } from './state-lines.js';

/** Logs of earlier runs, each with a few lines perhaps; more are drawn together. */
const fewLogs = 8;
/** Lines of a snapshot made at one go: about a millisecond, between which everything else has its turn. */
const linesAtOnce = 256;
/** Bytes that may wait for a slow disk; what comes on top is made good by a snapshot. */
const waitingBytes = 16 * 1024 * 1024;

const mode = 0o600;

/** Lines that are written together. */
interface Batch {
  text: string;
  /** On disk, not only with the system, before anybody is told. */
  durable: boolean;
  readonly done: Promise<void>;
  readonly written: () => void;
}

export interface StateLogOptions {
  /** The folder, which exists. */
  readonly folder: string;
  readonly env: Env;
  /** Logs of fewer bytes are left alone, however small the snapshot is. */
  readonly smallLogBytes: number;
}

export class StateLog {
  readonly #folder: string;
  readonly #env: Env;
  readonly #log: Logger;
  readonly #smallLogBytes: number;
  #snapshot: () => Iterable<StateLine> = () => [];
  /** Number of the log that is written. */
  #number = 1;
  #file: FileHandle | undefined;
  /** Number of the log that `#file` is. */
  #open = 0;
  #batch: Batch | undefined;
  #draining: Promise<void> | undefined;
  #compacting: Promise<void> | undefined;
  /** In the logs that no snapshot covers, and in the last snapshot. */
  #logBytes = 0;
  #snapshotBytes = 0;
  /** Files of the form before, to be removed when a snapshot has what they say. */
  #before: string[] = [];
  /** Something known is in no file. */
  #missed = false;
  #failing = false;
  #stopped = false;
  /** The registry was read, and may be written. */
  #begun = false;

  constructor(options: StateLogOptions) {
    this.#folder = options.folder;
    this.#env = options.env;
    this.#log = options.env.log;
    this.#smallLogBytes = options.smallLogBytes;
  }

  /**
   * Tells every line that is on disk, in order. Lines that are damaged are said.
   *
   * @returns how many lines there were, and how many could not be read that must not be missing
   * @throws EvioError EVIO_STORAGE where a file is there and cannot be read: without it, the relay would serve whoever comes
   */
  async load(apply: (line: StateLine) => void): Promise<{ lines: number; damaged: number }> {
    const names = await this.#names();
    const numbersOf = (kind: string): number[] =>
      names
        .map((name) => new RegExp(`^${kind}\\.([1-9][0-9]{0,14})$`).exec(name)?.[1])
        .filter((number) => number !== undefined)
        .map(Number)
        .sort((a, b) => a - b);
    const snapshots = numbersOf('snapshot');
    const logs = numbersOf('log');
    const base = snapshots.at(-1) ?? 0;
    let lines = base === 0 ? await this.#loadBefore(names, apply) : 0;
    let damaged = 0;
    const read = async (name: string, last: boolean): Promise<void> => {
      const found = await this.#read(name, apply);
      lines += found.lines;
      // The end of a log may have been cut by a power failure: nobody was told of what it says.
      damaged += last && found.cut ? found.damaged - 1 : found.damaged;
    };
    if (base > 0) {
      await read(`snapshot.${base}`, false);
      this.#snapshotBytes = await this.#size(`snapshot.${base}`);
    }
    const later = logs.filter((number) => number >= base);
    if (later.length > fewLogs) this.#missed = true;
    for (const number of later) {
      await read(`log.${number}`, true);
      this.#logBytes += await this.#size(`log.${number}`);
    }
    if (damaged > 0) {
      this.#log.error('relay state is damaged: what these lines said is forgotten, uses of invites too', {
        folder: this.#folder,
        lines: damaged,
      });
    }
    this.#number = Math.max(0, base, ...logs) + 1;
    return { lines, damaged };
  }

  /** `snapshot` tells everything known, as lines; it is read a few lines at a time, while the state changes. */
  begin(snapshot: () => Iterable<StateLine>): void {
    this.#snapshot = snapshot;
    this.#begun = true;
    if (this.#before.length > 0) this.#missed = true;
    this.#compactWhenDue();
  }

  /**
   * Resolves when the lines are with the system, or, if they must be durable, on disk; also when that was tried in vain.
   */
  append(lines: readonly StateLine[], durable: boolean): Promise<void> {
    if (this.#stopped || lines.length === 0) return Promise.resolve();
    if ((this.#batch?.text.length ?? 0) > waitingBytes) {
      this.#missed = true;
      return Promise.resolve();
    }
    this.#batch ??= newBatch();
    const batch = this.#batch;
    for (const line of lines) batch.text += `${JSON.stringify(line)}\n`;
    batch.durable ||= durable;
    this.#draining ??= this.#drain();
    return batch.done;
  }

  /** Resolves when no snapshot is being written. For tests and measurements. */
  async settled(): Promise<void> {
    await this.#draining;
    await this.#compacting;
  }

  /** Resolves when all is on disk, where another process may read it. Throws Error when it is not. Nothing is to be appended meanwhile. */
  async rest(): Promise<void> {
    await this.settled();
    if (this.#missed || this.#failing) throw new Error('the state is not on disk');
  }

  /** Another process writes from now on. */
  abandon(): void {
    this.#stopped = true;
    void this.#file?.close().catch(() => undefined);
    this.#file = undefined;
  }

  /** Writes what is pending and closes. */
  async stop(): Promise<void> {
    const abandoned = this.#stopped;
    await this.#draining;
    this.#stopped = true;
    await this.#compacting;
    // What a disk that was full for a while did not take.
    if (this.#missed && this.#begun && !abandoned) await this.#writeSnapshot(true);
    await this.#file?.close().catch(() => undefined);
    this.#file = undefined;
  }

  async #drain(): Promise<void> {
    for (let batch = this.#batch; batch; batch = this.#batch) {
      this.#batch = undefined;
      try {
        const file = await this.#current();
        await file.appendFile(batch.text);
        if (batch.durable) await file.datasync();
        this.#logBytes += batch.text.length;
        this.#works();
      } catch (thrown) {
        this.#missed = true;
        this.#fails(`log.${this.#number}`, thrown);
        // A line may have been cut: what follows goes into another file.
        await this.#file?.close().catch(() => undefined);
        this.#file = undefined;
        this.#number++;
      }
      batch.written();
    }
    this.#draining = undefined;
    this.#compactWhenDue();
  }

  async #current(): Promise<FileHandle> {
    if (this.#file && this.#open === this.#number) return this.#file;
    const number = this.#number;
    await this.#file?.close();
    this.#file = undefined;
    this.#file = await open(join(this.#folder, `log.${number}`), 'a', mode);
    this.#open = number;
    await syncFolderAsync(this.#folder);
    return this.#file;
  }

  #compactWhenDue(): void {
    if (this.#compacting || this.#stopped) return;
    const outgrown = this.#logBytes > Math.max(this.#smallLogBytes, this.#snapshotBytes);
    // What the disk would not take is offered again when it takes something.
    if (!outgrown && (!this.#missed || this.#failing)) return;
    this.#compacting = this.#writeSnapshot(false).finally(() => (this.#compacting = undefined));
  }

  /** @param now all at once: the last thing before the end */
  async #writeSnapshot(now: boolean): Promise<void> {
    // Whatever becomes known from here on is in this log as well.
    const number = ++this.#number;
    const logBytes = this.#logBytes;
    const missed = this.#missed;
    this.#missed = false;
    const beside = join(this.#folder, `snapshot.${number}.tmp`);
    let file: FileHandle | undefined;
    let bytes = 0;
    try {
      file = await open(beside, 'w', mode);
      let text = '';
      let lines = 0;
      for (const line of this.#snapshot()) {
        text += `${JSON.stringify(line)}\n`;
        if (++lines % linesAtOnce !== 0) continue;
        await file.writeFile(text);
        bytes += text.length;
        text = '';
        // Cut short: what was missed is written at the very end, and the logs have the rest.
        if (this.#stopped && !now) throw new Stopped();
      }
      await file.writeFile(text);
      bytes += text.length;
      await file.sync();
      await file.close();
      file = undefined;
      await rename(beside, join(this.#folder, `snapshot.${number}`));
      await syncFolderAsync(this.#folder);
      this.#snapshotBytes = bytes;
      this.#logBytes = Math.max(0, this.#logBytes - logBytes);
      this.#works();
      await this.#clean(number);
    } catch (thrown) {
      await file?.close().catch(() => undefined);
      await rm(beside, { force: true }).catch(() => undefined);
      if (thrown instanceof Stopped) {
        this.#missed ||= missed;
        return;
      }
      this.#missed = true;
      this.#fails(`snapshot.${number}`, thrown);
    }
  }

  /** Removes what snapshot `number` replaces. */
  async #clean(number: number): Promise<void> {
    for (const name of [...(await this.#names()), ...this.#before]) {
      const its = /^(?:log|snapshot)\.([0-9]+)(\.tmp)?$/.exec(name);
      const old = its ? Number(its[1]) < number : this.#before.includes(name);
      if (old) await rm(join(this.#folder, name), { force: true }).catch(() => undefined);
    }
    this.#before = [];
  }

  async #names(): Promise<string[]> {
    try {
      return await readdir(this.#folder);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw storageError(this.#folder, thrown);
      return [];
    }
  }

  async #size(name: string): Promise<number> {
    return (await stat(join(this.#folder, name)).catch(() => undefined))?.size ?? 0;
  }

  async #read(
    name: string,
    apply: (line: StateLine) => void,
  ): Promise<{ lines: number; damaged: number; cut: boolean }> {
    const found = { lines: 0, damaged: 0, cut: false };
    try {
      const input = createReadStream(join(this.#folder, name), { encoding: 'utf8', highWaterMark: 1 << 20 });
      for await (const text of createInterface({ input, crlfDelay: Infinity })) {
        const parsed = stateLine.safeParse(parseJson(text));
        found.cut = !parsed.success;
        if (parsed.success) {
          found.lines++;
          apply(parsed.data);
        } else found.damaged++;
      }
    } catch (thrown) {
      throw storageError(join(this.#folder, name), thrown);
    }
    return found;
  }

  /** State in the form before: read, and replaced by a snapshot as soon as `begin` is called. */
  async #loadBefore(names: readonly string[], apply: (line: StateLine) => void): Promise<number> {
    let lines = 0;
    for (const name of filesBefore.filter((before) => names.includes(before))) {
      let text: string;
      try {
        text = await readFile(join(this.#folder, name), 'utf8');
      } catch (thrown) {
        throw storageError(join(this.#folder, name), thrown);
      }
      const known =
        name === 'state.json' ? linesOfStateFile(text, this.#env.clock.date()) : linesOfReceipts(text);
      if (known) {
        this.#before.push(name);
        lines += known.length;
        known.forEach(apply);
        continue;
      }
      const aside = `${name}.damaged-${this.#env.clock.date()}`;
      await rename(join(this.#folder, name), join(this.#folder, aside)).catch(() => undefined);
      this.#log.error('relay state is damaged and was put aside: uses of invites are counted anew', {
        aside,
      });
    }
    return lines;
  }

  #fails(name: string, thrown: unknown): void {
    if (!this.#failing) {
      this.#log.error('relay cannot use its disk and goes on from memory', {
        path: join(this.#folder, name),
        reason: messageOf(thrown),
      });
    }
    this.#failing = true;
  }

  #works(): void {
    if (this.#failing) this.#log.info('relay can use its disk again');
    this.#failing = false;
  }
}

class Stopped extends Error {}

function newBatch(): Batch {
  let written = (): void => undefined;
  const done = new Promise<void>((resolve) => (written = resolve));
  return { text: '', durable: false, done, written };
}

/**
 * What a relay keeps of its networks on disk, in <home>/relay:
 *
 *   state.json      0600: members and counted invites, replaced atomically a moment after a change
 *   receipts.log    0600: one line a receipt signed since, on disk before the receipt leaves, so that no kill loses a count
 *
 * A full or read-only disk does not stop a running relay: it says so once and tries again with the next change.
 */
import { open, readFile, rename, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../core/disk/replace-file.js';
import type { Env, Logger } from '../core/lib/env.js';
import { messageOf } from '../core/lib/errors.js';
import { parseJson } from '../core/lib/json.js';
import { receiptLine, stateFile, type ReceiptLine, type RelayState } from './relay-state.js';

const debounceMs = 1_000;

export class StateStore {
  readonly #statePath: string;
  readonly #journalPath: string;
  readonly #env: Env;
  readonly #log: Logger;
  #snapshot: () => RelayState = () => ({ version: 1, networks: [] });
  #cancel: (() => void) | undefined;
  #writing: Promise<void> | undefined;
  #journal: FileHandle | undefined;
  /** Uses of the journal wait for one another here. */
  #journalTurn: Promise<void> = Promise.resolve();
  /** Lines in the journal or on their way there. */
  #lines = 0;
  #failing = false;

  constructor(folder: string, env: Env) {
    this.#statePath = join(folder, 'state.json');
    this.#journalPath = join(folder, 'receipts.log');
    this.#env = env;
    this.#log = env.log;
  }

  /** State and journal of the last run. Never throws: what cannot be read is put aside and said. */
  async load(): Promise<{ state: RelayState; journal: ReceiptLine[] }> {
    let state: RelayState = { version: 1, networks: [] };
    const text = await this.#read(this.#statePath);
    if (text !== undefined) {
      const parsed = stateFile.safeParse(parseJson(text));
      if (parsed.success) state = parsed.data;
      else {
        const aside = `${this.#statePath}.damaged-${this.#env.clock.date()}`;
        await rename(this.#statePath, aside).catch(() => undefined);
        this.#log.error('relay state is damaged and was put aside: uses of invites are counted anew', {
          aside,
        });
      }
    }
    const journal: ReceiptLine[] = [];
    for (const line of ((await this.#read(this.#journalPath)) ?? '').split('\n')) {
      // A line cut by a power failure was never answered with a receipt.
      const parsed = receiptLine.safeParse(parseJson(line));
      if (parsed.success) journal.push(parsed.data);
    }
    this.#lines = journal.length;
    return { state, journal };
  }

  /** `snapshot` is asked when it is time to write. */
  begin(snapshot: () => RelayState): void {
    this.#snapshot = snapshot;
    if (this.#lines > 0) this.changed();
  }

  /** The state differs from what is on disk: it is written soon. */
  changed(): void {
    this.#cancel ??= this.#env.clock.after(debounceMs, () => {
      this.#cancel = undefined;
      void this.#write();
    });
  }

  /** Resolves when the line is on disk, or when that was tried in vain. */
  append(line: ReceiptLine): Promise<void> {
    this.#lines++;
    return this.#withJournal(async (journal) => {
      await journal.appendFile(`${JSON.stringify(line)}\n`);
      await journal.datasync();
    });
  }

  /** Writes what is pending and closes. */
  async stop(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#write();
    await this.#journalTurn;
    await this.#journal?.close().catch(() => undefined);
    this.#journal = undefined;
  }

  #withJournal(use: (journal: FileHandle) => Promise<void>): Promise<void> {
    this.#journalTurn = this.#journalTurn.then(async () => {
      try {
        this.#journal ??= await open(this.#journalPath, 'a', 0o600);
        await use(this.#journal);
        this.#works();
      } catch (thrown) {
        this.#fails(this.#journalPath, thrown);
      }
    });
    return this.#journalTurn;
  }

  async #write(): Promise<void> {
    while (this.#writing) await this.#writing;
    this.#writing = (async () => {
      const lines = this.#lines;
      try {
        await replaceFile(this.#statePath, JSON.stringify(this.#snapshot()));
        this.#works();
        if (lines > 0) {
          await this.#withJournal(async (journal) => {
            // With lines added meanwhile it stays until the next time; reading a line twice counts once.
            if (lines !== this.#lines) return;
            await journal.truncate(0);
            this.#lines = 0;
          });
        }
      } catch (thrown) {
        this.#fails(this.#statePath, thrown);
      }
    })();
    await this.#writing;
    this.#writing = undefined;
  }

  async #read(path: string): Promise<string | undefined> {
    try {
      return await readFile(path, 'utf8');
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') this.#fails(path, thrown);
      return undefined;
    }
  }

  #fails(path: string, thrown: unknown): void {
    if (!this.#failing) {
      this.#log.error('relay cannot use its disk and goes on from memory', {
        path,
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

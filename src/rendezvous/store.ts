/**
 * What a relay keeps on disk, in <home>/relay:
 *
 *   relay.json      0600: the relay's secret. Without it every token that names this relay is void.
 *   state.json      0600: members and counted invites, replaced atomically a moment after a change
 *   receipts.log    0600: one line a receipt signed since, on disk before the receipt leaves, so that no kill loses a count
 *
 * A full or read-only disk does not stop a running relay: it says so once and tries again with the next change.
 */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { keysFromSeed, seedLength, type Keys } from '../core/identity/keys.js';
import { fromBase64Url, toBase64Url } from '../core/lib/bytes.js';
import type { Env, Logger } from '../core/lib/env.js';
import { EvioError, messageOf } from '../core/lib/errors.js';

const debounceMs = 1_000;

const identityFile = z.object({ version: z.literal(1), seed: z.string() });

const memberRecord = z.object({ credential: z.string(), lastSeen: z.number() });
const inviteRecord = z.object({
  /** Public key of the invite, hexadecimal. */
  key: z.string(),
  notAfter: z.number(),
  /** Node key, hexadecimal → time of its receipt. */
  nodes: z.record(z.string(), z.number()),
});
const stateFile = z.object({
  version: z.literal(1),
  networks: z.array(
    z.object({
      id: z.string(),
      members: z.array(memberRecord),
      invites: z.array(inviteRecord),
    }),
  ),
});
export type RelayState = z.infer<typeof stateFile>;

const receiptLine = z.object({
  network: z.string(),
  invite: z.string(),
  notAfter: z.number(),
  node: z.string(),
  time: z.number(),
});
/** A use of an invite, as the journal has it. */
export type ReceiptLine = z.infer<typeof receiptLine>;

function codeOf(thrown: unknown): string | undefined {
  return (thrown as NodeJS.ErrnoException | undefined)?.code;
}

function storageError(path: string, thrown: unknown): EvioError {
  return new EvioError(
    'EVIO_STORAGE',
    `Cannot write ${path}: ${messageOf(thrown)}.`,
    [
      'Check that the disk is neither full nor read-only and that this user may write there.',
      'Choose another folder with EVIO_HOME.',
    ],
    { cause: thrown },
  );
}

/** Writes beside the file, syncs, renames over it: a reader sees the old or the new text, whole. */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  let file: FileHandle | undefined;
  try {
    file = await open(temporary, 'w', 0o600);
    await file.writeFile(text);
    await file.sync();
    await file.close();
    file = undefined;
    await rename(temporary, path);
    syncFolder(dirname(path));
  } catch (thrown) {
    await file?.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
    throw thrown;
  }
}

/** Makes a rename or a new file last through a power cut. Not every file system lets a folder be synced. */
function syncFolder(path: string): void {
  try {
    const folder = openSync(path, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch {
    // As durable as this file system allows.
  }
}

/**
 * The relay's keys, made at the first run.
 *
 * @throws EvioError EVIO_STORAGE when they cannot be kept, EVIO_PROFILE_CORRUPT when the file is damaged
 */
export async function loadRelayKeys(folder: string, env: Env): Promise<Keys> {
  const path = join(folder, 'relay.json');
  let text: string | undefined;
  try {
    text = await readFile(path, 'utf8');
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') throw storageError(path, thrown);
  }
  if (text === undefined) {
    const seed = env.random.fill(new Uint8Array(seedLength));
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await replaceFile(path, `${JSON.stringify({ version: 1, seed: toBase64Url(seed) })}\n`);
    } catch (thrown) {
      throw storageError(path, thrown);
    }
    return keysFromSeed(seed);
  }
  const parsed = identityFile.safeParse(parseJson(text));
  const seed = parsed.success ? fromBase64Url(parsed.data.seed) : undefined;
  if (seed?.length !== seedLength) {
    throw new EvioError('EVIO_PROFILE_CORRUPT', `${path} is damaged, so this relay has lost its key.`, [
      'Restore it from a backup.',
      'Or remove it: the relay then gets a new key, and every network must be told the new one.',
    ]);
  }
  return keysFromSeed(seed);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

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
      if (codeOf(thrown) !== 'ENOENT') this.#fails(path, thrown);
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

/** The ledger of a network as its folder keeps it: `ledger.log`, to which commands and the running node add. */
import { join } from 'node:path';
import { RecordFile } from '../disk/record-file.js';
import { Ledger } from '../ledger/ledger.js';
import type { LedgerKeeper } from '../ledger/keeper.js';
import { maxStatementLength } from '../ledger/statement.js';
import { withLock } from '../process/lock.js';

/** In the folder of its network. */
export const ledgerFile = 'ledger.log';

export class LedgerFile implements LedgerKeeper {
  readonly ledger: Ledger;
  readonly #folder: string;
  readonly #file: RecordFile;
  readonly #failed: (thrown: unknown) => void;
  /** What was taken from elsewhere and is not on disk yet. */
  #pending: Uint8Array[] = [];
  #writing: Promise<void> | undefined;

  /**
   * Reads what is there. Throws EvioError EVIO_STORAGE.
   *
   * @param failed hears why statements of others could not be kept. `pin`: as `Ledger` has it
   */
  constructor(
    folder: string,
    networkKey: Uint8Array,
    failed: (thrown: unknown) => void = () => undefined,
    pin?: Uint8Array,
  ) {
    this.ledger = new Ledger(networkKey, pin);
    this.#folder = folder;
    this.#file = new RecordFile(join(folder, ledgerFile), maxStatementLength);
    this.#failed = failed;
    this.#read();
  }

  async say(make: (ledger: Ledger) => readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    return withLock(this.#folder, () => {
      this.#read();
      const statements = make(this.ledger.clone());
      // Nobody hears of what is not on disk, and what could not be written was not said.
      this.#append(statements);
      for (const statement of statements) this.ledger.take(statement);
      return statements;
    });
  }

  keep(statements: readonly Uint8Array[]): void {
    this.#pending.push(...statements);
    this.#writing ??= withLock(this.#folder, () => {
      this.#read();
      this.#append([]);
    })
      .catch((thrown: unknown) => {
        this.#pending = [];
        this.#failed(thrown);
      })
      .finally(() => {
        this.#writing = undefined;
        // More may have come while the lock was waited for, and after it was written.
        if (this.#pending.length > 0) this.keep([]);
      });
  }

  /** Resolves when what was to be kept was written, or when that failed. */
  async settled(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  #read(): void {
    for (const statement of this.#file.read()) this.ledger.take(statement);
  }

  /** What is pending comes first: the others may follow from it. */
  #append(statements: readonly Uint8Array[]): void {
    const pending = this.#pending;
    this.#pending = [];
    this.#file.append([...pending, ...statements]);
  }
}

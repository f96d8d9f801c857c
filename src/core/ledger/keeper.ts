/** A ledger with a place where it is kept: a port, so that a node, a command and a test can each have one. */
import { Ledger } from './ledger.js';

export interface LedgerKeeper {
  readonly ledger: Ledger;
  /**
   * Makes statements, and returns them once they are on disk. Nobody else who uses the same place says anything meanwhile,
   * and what they said before is in the ledger when `make` is called.
   *
   * Rejects with what `make` threw, or EvioError EVIO_STORAGE: then nothing was said.
   *
   * @param make says them by `Ledger.say` and returns what that returned
   */
  say(make: (ledger: Ledger) => readonly Uint8Array[]): Promise<readonly Uint8Array[]>;
  /** Keeps statements that the ledger took from elsewhere. Failures are told by other means: they come again. */
  keep(statements: readonly Uint8Array[]): void;
}

/** In memory only. */
export function memoryKeeper(networkKey: Uint8Array): LedgerKeeper {
  const ledger = new Ledger(networkKey);
  return {
    ledger,
    say: (make) => Promise.resolve().then(() => make(ledger)),
    keep: () => undefined,
  };
}

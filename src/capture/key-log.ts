/** The keys of what is captured, in a file of their own: as the node tells them, for as long as the capture runs. */
import { appendFileSync, closeSync, rmSync } from 'node:fs';
import { ControlClient } from '../core/control/client.js';
import { EvioError } from '../core/lib/errors.js';
import { storageError } from '../core/disk/storage-error.js';
import { keyLogHead } from '../core/wire/key-log.js';
import { newFile } from './sink.js';

export class KeyLog {
  readonly #file: string;
  readonly #fd: number;
  readonly #controlSocket: string;
  readonly #network: string;
  #client: ControlClient | undefined;
  #fault: unknown;
  #closed = false;
  /** Lines so far: two for each pair of keys. A node that was exchanged tells again what it took over. */
  keys = 0;

  private constructor(file: string, controlSocket: string, network: string) {
    this.#file = file;
    this.#controlSocket = controlSocket;
    this.#network = network;
    this.#fd = newFile(file, '--keys');
  }

  /**
   * Resolves once the keys there are stand in the file, which is new, and for its owner only.
   *
   * @param network its id
   * @throws EvioError EVIO_STORAGE, and what the node answers; no file is left then
   */
  static async begin(file: string, controlSocket: string, network: string): Promise<KeyLog> {
    const log = new KeyLog(file, controlSocket, network);
    try {
      log.#write(keyLogHead);
      await log.#ask();
      log.#check();
      return log;
    } catch (thrown) {
      log.discard();
      throw thrown;
    }
  }

  /** Asks again when another process took the place of the node. Throws EvioError EVIO_STORAGE once the disk said no. */
  async tend(): Promise<void> {
    this.#check();
    if (this.#client) return;
    await this.#ask().catch((thrown: unknown) => {
      // Away for a moment; whether the capture goes on, the interface tells.
      if (!(thrown instanceof EvioError)) throw thrown;
    });
  }

  /** No key is asked for any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#client?.close();
    closeSync(this.#fd);
  }

  /** Nothing was captured: nor are keys left. */
  discard(): void {
    this.close();
    rmSync(this.#file, { force: true });
  }

  async #ask(): Promise<void> {
    const client = await ControlClient.connect(this.#controlSocket);
    this.#client = client;
    try {
      const live = await client.sessionKeys(
        { network: this.#network },
        (lines) => {
          this.#take(lines);
        },
        () => {
          if (this.#client === client) this.#client = undefined;
        },
      );
      this.#take(live);
    } catch (thrown) {
      client.close();
      throw thrown;
    }
  }

  #take(lines: string): void {
    this.keys += lines.split('\n').length - 1;
    this.#write(lines);
  }

  #write(text: string): void {
    if (this.#closed || this.#fault !== undefined) return;
    try {
      appendFileSync(this.#fd, text);
    } catch (thrown) {
      this.#fault = thrown;
    }
  }

  #check(): void {
    if (this.#fault !== undefined) throw storageError(this.#file, this.#fault);
  }
}

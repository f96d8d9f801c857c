/** Where a capture goes: a new file of its own, or standard output for a program that reads it live. */
import { once } from 'node:events';
import { createWriteStream, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import type { Writable } from 'node:stream';
import { EvioError } from '../core/lib/errors.js';
import { newFileError, storageError } from '../core/disk/storage-error.js';

/** At the end, a reader that takes nothing is given so long, ms. */
const lastWordsMs = 2_000;
const standardOutput = 1;

export class CaptureSink {
  readonly #stream: Writable;
  readonly #name: string;
  #fault: NodeJS.ErrnoException | undefined;
  bytes = 0;

  /**
   * @param file `-` for standard output; a file that is there already is not written over
   * @throws EvioError EVIO_STORAGE, EVIO_USAGE for a terminal
   */
  constructor(file: string) {
    this.#name = file === '-' ? 'standard output' : file;
    this.#stream = file === '-' ? outputStream() : fileStream(file);
    this.#stream.on('error', (error: NodeJS.ErrnoException) => {
      this.#fault ??= error;
    });
  }

  /** False once whoever read it has gone. Throws EvioError EVIO_STORAGE when the disk says no. */
  get isOpen(): boolean {
    if (this.#fault && this.#fault.code !== 'EPIPE') throw this.#error(this.#fault);
    return !this.#fault && !this.#stream.destroyed;
  }

  /** Takes the bytes, which must not be changed any more; resolves once there is room for the next, or at the end. */
  async write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    if (!this.isOpen || bytes.length === 0) return;
    this.bytes += bytes.length;
    if (this.#stream.write(bytes)) return;
    // Whichever comes: room, the end of the reader, or that of the capture.
    await once(this.#stream, 'drain', { signal }).catch(() => undefined);
  }

  /** Writes the last bytes, and waits until all are where they belong; not for ever. Throws as `isOpen`. */
  async end(bytes: Uint8Array): Promise<void> {
    if (!this.isOpen) return;
    this.bytes += bytes.length;
    const stuck = AbortSignal.timeout(lastWordsMs);
    this.#stream.end(bytes);
    await once(this.#stream, 'finish', { signal: stuck }).catch(() => undefined);
    this.#stream.destroy();
    void this.isOpen;
  }

  #error(fault: NodeJS.ErrnoException): EvioError {
    return storageError(this.#name, fault);
  }
}

const fileStream = (file: string): Writable => createWriteStream(file, { fd: newFile(file, '--write') });

/**
 * Opens a new file, for its owner only, to write: never one that is there already, nor where a link leads.
 *
 * @param flag by which another one can be named
 * @throws EvioError EVIO_STORAGE
 */
export function newFile(file: string, flag: string): number {
  try {
    return openSync(file, 'wx', 0o600);
  } catch (thrown) {
    throw newFileError(file, thrown, flag);
  }
}

function outputStream(): Writable {
  if (isatty(standardOutput))
    throw new EvioError('EVIO_USAGE', 'A capture is not for the eyes: standard output is a terminal.', [
      'Give it to a program: evio capture -w - | wireshark -k -i -',
    ]);
  const kind = fstatSync(standardOutput);
  // process.stdout waits in a write to a pipe: a reader that takes nothing would keep signals from us.
  return kind.isFIFO() || kind.isSocket()
    ? new Socket({ fd: standardOutput, readable: false, writable: true })
    : createWriteStream('', { fd: standardOutput });
}

/**
 * A file to which records are added and of which nothing is ever changed: what was added is on disk when `append` returns.
 *
 *   record   length 4 | checksum 4 (first bytes of BLAKE2s-256 over the bytes) | bytes
 *
 * A kill or a power cut leaves at most a record that is not whole at its end: it is not read, and cut off by the next
 * `append`. The mode is 0600. Several processes may read; who appends must keep the others from appending (process/lock.ts).
 */
import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { blake2s } from '@noble/hashes/blake2.js';
import { concatBytes, equalBytes } from '../lib/bytes.js';
import { syncFolder } from './replace-file.js';
import { storageError } from './storage-error.js';

const headLength = 8;
const checksumLength = 4;

export class RecordFile {
  readonly #path: string;
  readonly #longest: number;
  /** Up to here all records were read. */
  #offset = 0;

  /** @param longest bytes of the longest record */
  constructor(path: string, longest: number) {
    this.#path = path;
    this.#longest = longest;
  }

  /** Whole records that were added since the last call, by whomever. None where there is no file. Throws EvioError EVIO_STORAGE. */
  read(): Uint8Array[] {
    let fd: number;
    try {
      fd = openSync(this.#path, 'r');
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw storageError(this.#path, thrown);
    }
    try {
      return this.#readFrom(fd);
    } catch (thrown) {
      throw storageError(this.#path, thrown);
    } finally {
      closeSync(fd);
    }
  }

  /**
   * Adds records; all are on disk then, or none is. What others added since must have been read.
   *
   * @throws EvioError EVIO_STORAGE; then the file is as it was.
   */
  append(records: readonly Uint8Array[]): void {
    if (records.length === 0) return;
    try {
      const fd = openSync(this.#path, 'a+', 0o600);
      try {
        const isNew = fstatSync(fd).size === 0;
        this.#add(fd, concatBytes(...records.map(recordOf)));
        if (isNew) syncFolder(dirname(this.#path));
      } finally {
        closeSync(fd);
      }
    } catch (thrown) {
      throw storageError(this.#path, thrown);
    }
  }

  #add(fd: number, bytes: Uint8Array): void {
    const end = this.#offset;
    // What is behind was not whole.
    if (fstatSync(fd).size > end) ftruncateSync(fd, end);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
      fdatasyncSync(fd);
    } catch (thrown) {
      ftruncateSync(fd, end);
      throw thrown;
    }
    this.#offset = end + bytes.length;
  }

  #readFrom(fd: number): Uint8Array[] {
    const { size } = fstatSync(fd);
    const bytes = new Uint8Array(Math.max(0, size - this.#offset));
    const got = readSync(fd, bytes, 0, bytes.length, this.#offset);
    const view = new DataView(bytes.buffer);
    const records: Uint8Array[] = [];
    for (let at = 0; at + headLength <= got;) {
      const length = view.getUint32(at);
      const end = at + headLength + length;
      if (length === 0 || length > this.#longest || end > got) break;
      const record = bytes.slice(at + headLength, end);
      if (!equalBytes(checksumOf(record), bytes.subarray(at + headLength - checksumLength, at + headLength)))
        break;
      records.push(record);
      this.#offset += end - at;
      at = end;
    }
    return records;
  }
}

function checksumOf(record: Uint8Array): Uint8Array {
  return blake2s(record, { dkLen: 32 }).subarray(0, checksumLength);
}

function recordOf(bytes: Uint8Array): Uint8Array {
  const head = new Uint8Array(headLength);
  new DataView(head.buffer).setUint32(0, bytes.length);
  head.set(checksumOf(bytes), headLength - checksumLength);
  return concatBytes(head, bytes);
}

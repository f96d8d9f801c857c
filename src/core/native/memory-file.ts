/** Files in memory that have no name: who has the descriptor has them, and nobody else (memfd_create(2)). */
import { fstatSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { Arena } from './arena.js';
import { errnoName, libc } from './libc.js';
import { bind } from './symbols.js';

const MFD_CLOEXEC = 1;

/** An empty one. @param label what `/proc` shows of it @throws Error with what the system said */
export function memoryFile(label: string): number {
  const arena = new Arena(256);
  arena.setText(0, label);
  const fd = bind('int memfd_create(uintptr_t name, uint32_t flags)')(arena.base, MFD_CLOEXEC);
  if (fd < 0) throw new Error(`no file in memory: ${errnoName(libc().errno())}`);
  return fd;
}

/** Adds at the end. @throws Error ENOSPC, ENOMEM */
export function append(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}

/** Reads all of it, and leaves nothing there: zeros take the place of what was, for whoever else has it. */
export function takeAll(fd: number): Uint8Array {
  const { size } = fstatSync(fd);
  const bytes = new Uint8Array(size);
  let length = 0;
  while (length < size) {
    const read = readSync(fd, bytes, length, size - length, length);
    if (read === 0) break;
    length += read;
  }
  const zeros = new Uint8Array(size);
  for (let at = 0; at < size;) at += writeSync(fd, zeros, at, size - at, at);
  ftruncateSync(fd, 0);
  return bytes.subarray(0, length);
}

/**
 * The log of a detached process is a file that standard output and error were opened with. Whoever rotates it sends SIGHUP; where
 * nobody does, it is put aside as FILE.1 when it has become long.
 */
import { closeSync, fstatSync, openSync } from 'node:fs';
import type { Logger } from '../lib/env.js';
import { messageOf } from '../lib/errors.js';
import { maxLogLength, putAside } from './log-file.js';

/** How often it is looked at, ms: repeated lines are left out, so that it grows slowly. */
const lookMs = 10 * 60_000;
const outputs = [1, 2] as const;

export interface OutputLog {
  /** Opens the file of this path again, under the descriptors that were that file at the start. Throws the system's error. */
  reopen(): void;
  /** No longer looks whether it has become long. */
  release(): void;
}

/** Call it at the start. Nothing happens where standard output and error are not the file of this path. */
export async function outputLog(
  path: string,
  { maxLength = maxLogLength, everyMs = lookMs } = {},
): Promise<OutputLog> {
  const ours = outputs.filter((fd) => isFile(fd, path));
  if (ours.length === 0) return { reopen: () => undefined, release: () => undefined };
  // A relay runs without native code, too, and cannot do this then.
  const native = await import('../native/libc.js').catch(() => undefined);
  const reopen = (): void => {
    if (!native) throw new Error('koffi is missing');
    const fresh = openSync(path, 'a', 0o600);
    for (const fd of ours) native.libc().dup2(fresh, fd);
    closeSync(fresh);
  };
  const look = setInterval(() => {
    try {
      if (native && putAside(path, maxLength)) reopen();
    } catch {
      // A disk that is full, or was taken away: it goes on where it is.
    }
  }, everyMs);
  look.unref();
  return {
    reopen,
    release: () => {
      clearInterval(look);
    },
  };
}

/** As SIGHUP asks for it: what the disk says against it is told. */
export function reopened(outputs: OutputLog, log: Logger): void {
  try {
    outputs.reopen();
    log.info('log is opened again');
  } catch (thrown) {
    log.error('log cannot be opened again', { reason: messageOf(thrown) });
  }
}

function isFile(fd: number, path: string): boolean {
  try {
    const file = openSync(path, 'r');
    const [a, b] = [fstatSync(fd), fstatSync(file)];
    closeSync(file);
    return a.isFile() && a.ino === b.ino && a.dev === b.dev;
  } catch {
    return false;
  }
}

/**
 * What V8 compiled of this program is kept for its next start (bin/program.cjs), with the functions that were compiled since it runs. It
 * takes V8 some 50 ms, in which nothing else is done: not while somebody waits for the start, and not while much happens. A start that
 * took what was kept has taken it away: a program that runs by then puts it back.
 */
import { mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Clock } from '../lib/env.js';
import { keepHeapSmall, levelFlags } from '../native/v8.js';

/** By then a node has its peers, and a relay its nodes, ms. */
const afterMs = 20_000;
/** Of `watchLoad`: above it much happens. */
const busy = 0.3;

/** What is to be at `path`, a file whose folder may be missing. */
export type KeptCode =
  | {
      readonly path: string;
      /** Made now. */
      readonly bytes: () => Uint8Array;
    }
  | {
      readonly path: string;
      /** Path of the file that is to be there again. */
      readonly taken: string;
    };

/** From when it is called to when what it returns is: the part of the time in which this thread had something to do. */
function watchLoad(): () => number {
  const before = performance.eventLoopUtilization();
  return () => performance.eventLoopUtilization(before).utilization;
}

/** Keeps it once, when there is little to do; looks for that every `afterMs` (EVIO_KEEP_CODE_MS). A disk that takes nothing is no error. */
export function keepCode(code: KeptCode, clock: Clock, env: NodeJS.ProcessEnv, watch = watchLoad): void {
  const ms = Number(env['EVIO_KEEP_CODE_MS'] ?? afterMs);
  const look = (): void => {
    const load = watch();
    clock.after(ms, () => {
      if (load() > busy) look();
      else void write(code);
    });
  };
  look();
}

async function write(code: KeptCode): Promise<void> {
  const { path } = code;
  try {
    if ('taken' in code) {
      await rename(code.taken, path);
      return;
    }
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const { replaceFile } = await import('../disk/replace-file.js');
    levelFlags();
    const made = code.bytes();
    keepHeapSmall();
    await replaceFile(path, made);
  } catch {
    // The next start is as long as this one.
  }
}

/**
 * Before the tests: builds what a cluster is made of. Where the machine cannot have one, it says why in a sentence, and the
 * tests are skipped.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { findProgram, LabProcess, run } from '../../src/lab/exec.js';
import { scriptOf, toolsFolder } from './tools.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Why there can be no cluster here; empty: there can. */
    noCluster: string;
  }
}

const needed = ['go', 'gcc', 'openssl', 'apt-get', 'dpkg', 'unshare', 'nsenter', 'tc', 'nft', 'curl'];
/** The last that build.sh makes. */
const built = join(toolsFolder, 'images/coredns.tar');
/** With Go's caches cold 13 minutes on two cores. */
const buildMinutes = 30;

const gibibytes = (bytes: number): number => bytes / 2 ** 30;

function freeOn(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return gibibytes(bavail * bsize);
}

/** What the machine lacks, as the end of a sentence. */
async function lacking(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'need root, for namespaces';
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'make images for Linux on x64 alone';
  const program = needed.find((name) => findProgram(name) === undefined);
  if (program !== undefined)
    return `build Kubernetes from its Go modules, and ${program} is not installed here`;
  if (gibibytes(freemem()) < 4) return 'need 4 GiB of free memory, for four machines with Kubernetes';
  if (freeOn(tmpdir()) < 2) return `need 2 GiB of free disk in ${tmpdir()}, for containers`;
  const folder = mkdtempSync(join(tmpdir(), 'evio-probe-'));
  try {
    const tried = await run(['unshare', '-m', '-n', 'bash', scriptOf('probe.sh'), folder], {
      allowFailure: true,
    });
    if (tried.status !== 0)
      return `need ${tried.stdout.trim() || tried.stderr.trim()}, which this machine does not have`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return undefined;
}

/** Builds what is missing, and tells how far it is. Resolves to why it could not, as the end of a sentence. */
async function build(): Promise<string | undefined> {
  mkdirSync(toolsFolder, { recursive: true });
  if (!existsSync(built) && freeOn(toolsFolder) < 10)
    return `need 10 GiB of free disk in ${toolsFolder}, to build Kubernetes`;
  const begun = performance.now();
  const minutes = (): string => `${Math.round((performance.now() - begun) / 60_000)} min`;
  // It ends its compilers, too.
  const limit = ['timeout', '--kill-after=10', `${buildMinutes}m`];
  const child = new LabProcess([...limit, 'bash', scriptOf('build.sh'), toolsFolder], {
    onLine: (line) => {
      if (line.startsWith('build:')) console.error(line);
    },
  });
  const beat = setInterval(() => {
    console.error(`build: … ${minutes()}`);
  }, 60_000);
  const status = await child.exited;
  clearInterval(beat);
  if (status === 0) return undefined;
  return status === 124 || status === 137
    ? `build Kubernetes first, which took more than ${buildMinutes} minutes here; what is done is kept for the next run`
    : `build Kubernetes first, which failed after ${minutes()}:\n${child.tail(15)}`;
}

export async function setup(project: TestProject): Promise<void> {
  const reason = (await lacking()) ?? (await build());
  if (reason !== undefined) console.error(`SKIPPED: the Kubernetes tests ${reason}.`);
  project.provide('noCluster', reason ?? '');
}

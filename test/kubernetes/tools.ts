/** What the Kubernetes tests are made of: built once from published sources, and kept in the cache folder (build.sh). */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, run } from '../../src/lab/exec.js';

export const toolsFolder = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'evio-test',
  'kubernetes',
);

const needed = ['go', 'gcc', 'openssl', 'apt-get', 'dpkg'];

/** Why these tests cannot run here; undefined: they can. */
export const missing: string | undefined = ((): string | undefined => {
  if (process.getuid?.() !== 0) return 'SKIPPED: the Kubernetes tests need root, for namespaces.';
  if (process.arch !== 'x64') return 'SKIPPED: the Kubernetes tests make images for x64 alone.';
  const lacking = needed.find((program) => findProgram(program) === undefined);
  if (lacking === undefined) return undefined;
  return `SKIPPED: the Kubernetes tests build Kubernetes from its Go modules, and ${lacking} is not installed here.`;
})();

export function scriptOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** Twelve minutes on two cores where nothing is there yet, else nothing. */
export async function buildTools(): Promise<void> {
  await run(['bash', scriptOf('build.sh'), toolsFolder], { timeoutMs: 40 * 60_000 });
}

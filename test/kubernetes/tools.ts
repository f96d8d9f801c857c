/** What the Kubernetes tests are made of: built once from published sources, and kept in the cache folder (build.sh). */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const toolsFolder = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'evio-test',
  'kubernetes',
);

export function scriptOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** `npm run test:kubernetes`: all cases, and times as evio promises them. Without it what takes long is left out, and `leeway` times as long allowed. */
export const whole = process.env['EVIO_TEST_WHOLE'] !== undefined;
export const leeway = whole ? 1 : 2;

/** What a test needs of the machine. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * For `skipIf` and `runIf`: passes on whether the machine has what a test needs. Where CI is set everything must be
 * there, and the file fails instead of leaving tests out unseen.
 *
 * @param what as a person would say it: `root`, `zsh`.
 */
export function need(what: string, isThere: boolean): boolean {
  if (!isThere && (process.env['CI'] ?? '') !== '')
    throw new Error(`These tests need ${what}, which this machine does not have, and CI is set.`);
  return isThere;
}

/** Many tests make interfaces and namespaces. */
export const hasRoot = (): boolean => need('root', process.getuid?.() === 0);

/** What runs in a thread or a process of its own runs from the build. */
export const hasBuild = (): boolean =>
  need(
    'a build (npm run build)',
    existsSync(fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))),
  );

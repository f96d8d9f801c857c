/** The terminal as live views need it. */
import { render, type Instance } from 'ink';
import type { ReactElement } from 'react';

/** Width assumed where a terminal says it has none (`docker exec -t`, `script` before the first resize), columns. */
const defaultColumns = 80;

/** Draws to standard output. */
export function draw(view: ReactElement, options: { exitOnCtrlC?: boolean } = {}): Instance {
  if (!process.stdout.columns) process.stdout.columns = defaultColumns;
  return render(view, options);
}

/** False where the locale or the terminal says that there is nothing but ASCII; a locale that is not set says nothing. */
export function printsUnicode(env: Readonly<Record<string, string | undefined>>): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  // The Linux console has no braille patterns.
  if (env['TERM'] === 'linux' || env['TERM'] === 'dumb') return false;
  return locale === '' || /utf-?8/i.test(locale);
}

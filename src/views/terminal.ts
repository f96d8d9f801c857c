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

/** Tables that a run writes into a page of docs/, each between two comments of its own. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';

/** In the lab of `npm test` some of these run for a minute, to see that they hold: that makes no table. */
export const brief = process.env['EVIO_BRIEF'] !== undefined;

/** Replaces what stands between the comments, or adds it at the end; of a brief run nothing. */
export async function writeSection(name: string, text: string, page = 'connectivity.md'): Promise<void> {
  if (brief) return;
  const file = fileURLToPath(new URL(`../../docs/${page}`, import.meta.url));
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const old = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const section = `${begin}\n\n${text}\n\n${end}`;
  const [at, until] = [old.indexOf(begin), old.indexOf(end)];
  const whole = at < 0 ? `${old}\n${section}\n` : old.slice(0, at) + section + old.slice(until + end.length);
  const options = await resolveConfig(file);
  writeFileSync(file, await format(whole, { ...options, parser: 'markdown' }));
}

export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n');
}

/** Where and when it was measured. */
export function circumstances(): string {
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, ${cpus().length} processors, Node ${process.version}`;
}

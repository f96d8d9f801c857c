/** docs/security.md names a test for every published fault, and for every lie of a member: the tests are there, under these names. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const page = readFileSync(`${root}docs/security.md`, 'utf8');
const rowsOf = (title: string): string[] => {
  const [section = ''] = page.slice(page.indexOf(`## ${title}`) + 3).split('\n## ');
  return section.split('\n').filter((line) => line.startsWith('| ') && !/^\| (fault|lie|-)/.test(line));
};
const faults = rowsOf('Published faults');
const lies = rowsOf('Members that lie');

/** “names” behind each `file`. */
function named(cell: string): [string, string][] {
  return [...cell.matchAll(/`(test\/[^`]+)`([^`]*)/g)].flatMap(([, file = '', names = '']) =>
    [...names.matchAll(/“([^”]+)”/g)].map(([, name = '']): [string, string] => [file, name]),
  );
}

it('has a row for each fault of the field', () => {
  expect(faults.length).toBeGreaterThanOrEqual(15);
  expect(lies.length).toBeGreaterThanOrEqual(10);
});

it.each([...faults, ...lies].map((row) => [row.split('|')[1]?.trim(), row]))('%s', (_fault, row) => {
  const tests = named(row.split('|')[3] ?? '');
  expect(tests.length).toBeGreaterThan(0);
  for (const [file, name] of tests) {
    expect(existsSync(root + file), file).toBe(true);
    expect(readFileSync(root + file, 'utf8'), file).toContain(name);
  }
});

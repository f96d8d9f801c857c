import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../../src/core/lib/errors.js';
import { root } from './support.js';

const errors = readFileSync(join(root, 'docs/errors.md'), 'utf8');
const cli = readFileSync(join(root, 'docs/cli.md'), 'utf8');
const manifest = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8')) as {
  commands: Record<string, { flags: Record<string, unknown> }>;
};

describe('docs/errors.md', () => {
  const rows = new Map(
    [...errors.matchAll(/^\| `(EVIO_[A-Z_]+)` +\| (\d) +\| (.+?) +\| (.+?) +\|$/gm)].map(
      ([, code, exit, meaning, next]) => [code, { exit: Number(exit), meaning, next }],
    ),
  );

  it.each(Object.entries(errorCodes))('explains %s with its exit status and a next step', (code, exit) => {
    const row = rows.get(code);
    expect(row?.exit).toBe(exit);
    expect(row?.meaning).toMatch(/\.$/);
    expect(row?.next).toBeTruthy();
  });

  it('explains no others', () => {
    expect([...rows.keys()].sort()).toEqual(Object.keys(errorCodes).sort());
  });
});

describe('docs/cli.md', () => {
  const shared = new Set(['json', 'network', 'help']);
  const flags = Object.entries(manifest.commands).flatMap(([id, { flags: all }]) =>
    Object.keys(all)
      .filter((flag) => !shared.has(flag))
      .map((flag) => [id.replace(':', ' '), flag] as const),
  );

  /** The part about a command: `token create` stands in that of `token`. */
  function sectionOf(command: string): string {
    const [topic = ''] = command.split(' ');
    return cli.split(/^## /m).find((section) => section.startsWith(`evio ${topic}`)) ?? '';
  }

  it.each(Object.keys(manifest.commands))('has a part on %s, with an example and its JSON', (id) => {
    const section = sectionOf(id.replace(':', ' '));
    expect(section).toContain('```sh');
    expect(section).toContain('```json');
  });

  it.each(flags)('%s: names --%s', (command, flag) => {
    expect(sectionOf(command)).toContain(`--${flag}`);
  });
});

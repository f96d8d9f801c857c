import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { methods } from '../../src/core/control/methods.js';
import { nodeEvent } from '../../src/core/control/schema.js';
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

  /** Names of the fields of a JSON Schema, at any depth. */
  function fieldsOf(schema: unknown): string[] {
    if (typeof schema !== 'object' || schema === null) return [];
    const { properties } = schema as { properties?: object };
    return [...Object.keys(properties ?? {}), ...Object.values(schema).flatMap(fieldsOf)].filter(
      (name, i, all) => all.indexOf(name) === i,
    );
  }

  it.each([
    ['status', methods.status.response],
    ['peers', methods.peers.response],
    ['ping', methods.ping.response],
    ['why', methods.why.response],
    ['down', methods.down.response],
    ['policy', methods.policy.response],
    ['node', nodeEvent],
  ] as const)('%s: names every field of its JSON', (command, schema) => {
    const section = sectionOf(command);
    // The network and a member stand in the part of `init` in full, a path in that of `peers`.
    const elsewhere = `${sectionOf('init')}${command === 'why' ? sectionOf('peers') : ''}`;
    const fields = fieldsOf(z.toJSONSchema(schema));
    expect(fields.length).toBeGreaterThan(0);
    const missing = fields.filter((name) => ![section, elsewhere].some((text) => text.includes(`"${name}"`)));
    expect(missing).toEqual([]);
  });

  it.each(flags)('%s: names --%s', (command, flag) => {
    expect(sectionOf(command)).toContain(`--${flag}`);
  });
});

describe('the documents', () => {
  const documents = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md']
    .concat(readdirSync(join(root, 'docs')).map((name) => `docs/${name}`))
    .filter((name) => name.endsWith('.md'));
  const files = ['src', 'test', 'scripts'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }),
  );
  const bare = new Set(files.map((path) => basename(path)));

  /** Files, and folders below src/: `a/{b,c}.ts` is two. Left out: URLs, and what a recipe calls NAME. */
  function pathsIn(text: string): string[] {
    const named = text
      .replace(/\w+:\/\/\S+/g, '')
      .matchAll(
        /(?<![\w/.~-])(?:(?:[\w.-]+\/)*(?:\{[\w,-]+\}|[\w.-]+)\.(?:tsx?|[cm]?js|sh|md)\b|src(?:\/[\w.-]+)+)/g,
      );
    return [...named]
      .flatMap(([path]) => expand(path.replace(/\.$/, '')))
      .filter((path) => !/NAME|^Node\.js$/.test(path));
  }

  function expand(path: string): string[] {
    const [, before, list, after] = /^(.*)\{(.*)\}(.*)$/.exec(path) ?? [];
    return list === undefined ? [path] : list.split(',').map((each) => `${before}${each}${after}`);
  }

  /** Paths are of the repository, of a room in src/ or src/core/, or beside the document; a name alone is any file's. */
  function exists(path: string, document: string): boolean {
    const folders = ['', 'src', 'src/core', dirname(document)];
    return folders.some((folder) => existsSync(join(root, folder, path))) || bare.has(path);
  }

  it.each(documents)('%s names only files that there are', (document) => {
    const paths = pathsIn(readFileSync(join(root, document), 'utf8'));
    expect(paths.filter((path) => !exists(path, document))).toEqual([]);
  });

  /** What a heading is called in a link, as GitHub makes it; of several with one name the later ones have numbers. */
  function anchorsOf(text: string): Set<string> {
    const seen = new Map<string, number>();
    return new Set(
      [...text.replace(/^```[^]*?^```/gm, '').matchAll(/^#+ +(.*)$/gm)].map(([, title = '']) => {
        const plain = title.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
        const slug = plain.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-');
        const times = seen.get(slug) ?? 0;
        seen.set(slug, times + 1);
        return times === 0 ? slug : `${slug}-${times}`;
      }),
    );
  }

  it.each(documents)('%s has links that lead somewhere', (document) => {
    const text = readFileSync(join(root, document), 'utf8').replace(/^```[^]*?^```/gm, '');
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    const dead = links.filter((link) => {
      if (/^[a-z]+:/.test(link)) return false;
      const [path = '', anchor] = link.split('#');
      const file = path === '' ? join(root, document) : join(root, dirname(document), path);
      if (!existsSync(file)) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(file, 'utf8')).has(anchor);
    });
    expect(dead).toEqual([]);
  });

  /** Folders in a folder, each as it stands in the list of rooms. */
  function roomsIn(folder: string): string[] {
    return readdirSync(join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `${name}/`);
  }

  it('docs/architecture.md has every room in its list', () => {
    const text = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
    const list = /^## Rooms\n+```\n([^]*?)```/m.exec(text)?.[1] ?? '';
    const fronts = roomsIn('src').map((room) => `src/${room}`);
    for (const room of [...fronts, ...roomsIn('src/core')]) expect(list.split(/\s+/)).toContain(room);
  });

  it('README.md leads to every document and names every package that is installed with evio', () => {
    const text = readFileSync(join(root, 'README.md'), 'utf8');
    for (const document of documents) if (document !== 'README.md') expect(text).toContain(`(${document}`);
    const { dependencies, optionalDependencies } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    ) as Record<string, object>;
    const rows = text.split('\n').filter((line) => line.startsWith('| '));
    // Of @noble/curves and its like one row names all.
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies }))
      expect(rows.some((row) => row.split('|')[1]?.includes(basename(name)))).toBe(true);
  });

  it('lead to pages and headings that there are', () => {
    const slug = (heading: string): string =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-');
    const headings = (path: string): string[] =>
      [...readFileSync(path, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => slug(heading.trim()));
    const dead = documents.concat('CHANGELOG.md').flatMap((document) =>
      [...readFileSync(join(root, document), 'utf8').matchAll(/\]\(([^)\s:]+)\)/g)]
        .map(([, link = '']) => link)
        .filter((link) => {
          const [file = '', heading] = link.split('#');
          const path = file === '' ? join(root, document) : join(root, dirname(document), file);
          if (!existsSync(path)) return true;
          return heading !== undefined && path.endsWith('.md') && !headings(path).includes(heading);
        })
        .map((link) => `${document}: ${link}`),
    );
    expect(dead).toEqual([]);
  });

  /** `evio …` in a document's blocks of shell, as words, without comments and what another program is told. */
  function commandsIn(text: string): string[][] {
    return [...text.matchAll(/^```sh\n([^]*?)^```/gm)]
      .flatMap(([, block = '']) => block.split('\n'))
      .flatMap((line) => [...line.replace(/(^|\s)# .*/, '').matchAll(/(?:^|[ (])evio ([^|)]+)/g)])
      .map(([, words = '']) => words.split(' -- ')[0]?.split(/\s+/).filter(Boolean) ?? []);
  }

  it.each(documents)('%s shows commands that there are, with flags that they have', (document) => {
    const wrong = commandsIn(readFileSync(join(root, document), 'utf8')).filter((words) => {
      const ids = words.map((_, i) => words.slice(0, i + 1).join(':')).reverse();
      const command = manifest.commands[ids.find((id) => id in manifest.commands) ?? ''];
      const flags = words.flatMap((word) => /^--([\w-]+)/.exec(word)?.[1] ?? []);
      return command === undefined || flags.some((flag) => !(flag in command.flags || flag === 'help'));
    });
    expect(wrong.map((words) => words.join(' '))).toEqual([]);
  });

  it('show many commands', () => {
    const all = documents.flatMap((document) => commandsIn(readFileSync(join(root, document), 'utf8')));
    expect(all.length).toBeGreaterThan(100);
    expect(all).toContainEqual(['bridge', 'eth1']);
  });

  it('name many', () => {
    const all = documents.flatMap((document) => pathsIn(readFileSync(join(root, document), 'utf8')));
    expect(all.length).toBeGreaterThan(100);
    expect(all).toContain('src/core/noise/cookie.ts');
  });
});

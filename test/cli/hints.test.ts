/** What texts tell people to type is there: each `evio WORDS --flag` in src/ and in the documents, by the manifest. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './support.js';

interface Flag {
  readonly char?: string;
  readonly options?: readonly string[];
}
const { commands } = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8')) as {
  commands: Record<string, { aliases: string[]; flags: Record<string, Flag> }>;
};
const known = new Map<string, Record<string, Flag>>();
for (const [id, { aliases, flags }] of Object.entries(commands))
  for (const name of [id, ...aliases]) known.set(name.replaceAll(':', ' '), flags);
const firstWords = new Set([...known.keys()].map((name) => name.split(' ')[0]));
/** Given by oclif, or by the entry (bin/first.js). */
const everywhere = ['--help', '--version', '--json'];

/** Texts that a program hashes or stores, and no person reads. */
const isLabel = (said: string): boolean => /^(?:[a-z ]+ \d|network id|network VALUE, node VALUE)$/.test(said);
/** How a sentence goes on that is about the program itself. */
const goesOn = new Set(['as', 'could', 'in', 'is', 'may', 'on', 'virtual']);

/** What is wrong with the commands in a text. `strict`: whatever follows `evio` is a command, as in a block of shell lines. */
function faultsOf(text: string, strict: boolean): string[] {
  const faults: string[] = [];
  for (const found of text.matchAll(/(?<![\w/.@:$-])evio +((?:[a-z][a-z-]*|--?[a-z])[^\n|;&`"#>“”\\]*)/g)) {
    const said = (found[1] as string).replace(/'(?![a-z]).*/, '');
    if (isLabel(said)) continue;
    // What begins with a command's word, or stands where a person is told what to type.
    const before = text.slice(0, found.index);
    if (/\b(?:an?|whole) $/.test(before)) continue;
    const quoted = /[`"“]$/.test(before) || /(?:: |\bsee |\brun )$/i.test(before);
    const words = said.split(/\s+/).map((word) => word.replace(/[.,:)'’?…]+$/, ''));
    if (!firstWords.has(words[0]) && !words[0]?.startsWith('-')) {
      if (strict || (quoted && !goesOn.has(words[0] as string))) faults.push(`no command: evio ${said}`);
      continue;
    }
    const length = [3, 2, 1].find((count) => known.has(words.slice(0, count).join(' ')));
    // A topic is named as such.
    if (length === undefined && words.length === 1 && !strict) continue;
    if (length === undefined && !words[0]?.startsWith('-')) {
      faults.push(`no command: evio ${said}`);
      continue;
    }
    const flags = known.get(words.slice(0, length).join(' ')) ?? {};
    for (const [i, word] of words.entries()) {
      if (word === '--') break;
      // A sentence goes on about something else.
      if (i > 0 && /[.,:)]$/.test(said.split(/\s+/)[i - 1] as string)) break;
      const [, name, value] = /^\(?\[?--([a-z][a-z0-9-]*)(?:=(.*))?/.exec(word) ?? [];
      if (name === undefined || everywhere.includes(`--${name}`)) continue;
      const flag = flags[name] ?? flags[name.replace(/^no-/, '')];
      if (!flag) faults.push(`no flag --${name}: evio ${said}`);
      const given = value ?? words[i + 1] ?? '';
      if (flag?.options && /^[a-z]+$/.test(given) && !flag.options.includes(given))
        faults.push(`--${name} takes no ${given}: evio ${said}`);
    }
  }
  return faults;
}

/** A program without its comments; what a template puts in is a capital word. */
function textOf(file: string): string {
  return readFileSync(join(root, file), 'utf8')
    .replace(/^ *(?:\/\*.*?\*\/|\/\/.*?)$/gms, '')
    .replace(/\$\{[^{}]*\}/g, 'VALUE');
}

const programs = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => `src/${name}`);
const documents = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'].concat(
  readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
);

describe('what people are told to type', () => {
  it('is seen where it is wrong', () => {
    for (const text of [
      'Without it: evio exit off',
      'See "evio stauts".',
      'evio ping web --tries 3',
      'evio token create --right bridges',
    ])
      expect(faultsOf(text, false), text).toHaveLength(1);
    expect(
      faultsOf('evio may not do that. Run: evio token create --right bridge, then go on.', false),
    ).toEqual([]);
  });

  it('exists: texts of the program', () => {
    const faults = programs.flatMap((file) =>
      textOf(file)
        .split('\n')
        .flatMap((line) => faultsOf(line, false).map((fault) => `${file}: ${fault}`)),
    );
    expect(faults).toEqual([]);
  });

  it.each(documents)('exists: %s', (document) => {
    const text = readFileSync(join(root, document), 'utf8');
    const blocks = [...text.matchAll(/^```(?:sh|bash|console)\n(.*?)^```/gms)].map(([, block = '']) =>
      block.replace(/#(?: .*|$)/gm, ''),
    );
    const spans = [...text.replace(/^```.*?^```/gms, '').matchAll(/`([^`\n]+)`/g)].map(
      ([, span = '']) => span,
    );
    expect([
      ...blocks.flatMap((block) => faultsOf(block, true)),
      ...spans.flatMap((span) => faultsOf(span, false)),
    ]).toEqual([]);
  });
});

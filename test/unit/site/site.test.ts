/** The documents as a site: built into a folder, and read as a browser would that follows every link. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const build = join(root, 'scripts/site/build.mjs');
const { sitePages } = (await import(new URL('../../../scripts/site/pages.mjs', import.meta.url).href)) as {
  sitePages: (root: string) => { pages: Map<string, string>; files: string[] };
};

describe('the site', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evio-site-'));
  const pages = new Map<string, string>();
  beforeAll(() => {
    execFileSync(process.execPath, [build, folder]);
    for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
      if (path.endsWith('.html')) pages.set(path, readFileSync(join(folder, path), 'utf8'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const all = (text: string, pattern: RegExp): string[] =>
    [...text.matchAll(pattern)].map(([, found = '']) => found);
  const targets = (text: string): string[] => all(text, /<[^>]* (?:href|src)="([^"]*)"/g);
  const ids = (text: string): string[] => all(text, /<[^>]* id="([^"]*)"/g);

  it('has a page of every document, and every page leads to each', () => {
    const documents = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
    const expected = documents.map((name) => `docs/${name.replace(/md$/, 'html')}`);
    expect([...pages.keys()]).toEqual(
      expect.arrayContaining([...expected, 'index.html', 'CHANGELOG.html', 'CONTRIBUTING.html']),
    );
    for (const [page, text] of pages) {
      const [, nav = ''] = text.split(/<\/?nav\b/);
      expect(targets(nav).map((to) => join(dirname(page), to))).toEqual(
        expect.arrayContaining([...pages.keys()]),
      );
    }
  });

  it('has no link that leads nowhere, to a page, a heading of it, or a picture', () => {
    const dead: string[] = [];
    let followed = 0;
    for (const [page, text] of pages)
      for (const target of targets(text).filter((to) => !/^[a-z]+:/.test(to))) {
        followed++;
        const [path = '', anchor] = target.split('#');
        const to = path === '' ? page : join(dirname(page), path);
        const there =
          anchor === undefined ? existsSync(join(folder, to)) : ids(pages.get(to) ?? '').includes(anchor);
        if (!there) dead.push(`${page}: ${target}`);
      }
    expect(dead).toEqual([]);
    expect(followed).toBeGreaterThan(1_000);
    expect(existsSync(join(folder, 'docs/pictures/web-1024.png'))).toBe(true);
  });

  it('leads to no document as it is written, and has no two headings with one name in a page', () => {
    for (const [page, text] of pages) {
      expect(targets(text).filter((to) => !/^[a-z]+:/.test(to) && /\.md\b/.test(to))).toEqual([]);
      expect(new Set(ids(text)).size, page).toBe(ids(text).length);
    }
  });

  it('asks for nothing that its policy refuses: no script, no style of an element, nothing from elsewhere', () => {
    for (const [page, text] of pages) {
      expect(text, page).toContain(`content="default-src 'none'; style-src 'self'; img-src 'self';`);
      expect(text, page).not.toMatch(/<(script|style|iframe|object|embed|base)\b/);
      expect(text, page).not.toMatch(/<[a-z][^>]* (style|on[a-z]+)=/);
      expect(text, page).not.toMatch(/<(link|img)[^>]*"(https?:)?\/\//);
    }
  });

  it('is not built where a document leads nowhere, or README.md does not lead to one', () => {
    const copy = join(folder, 'copy');
    for (const name of ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs', 'examples'])
      cpSync(join(root, name), join(copy, name), { recursive: true });
    expect(sitePages(copy).pages.size).toBeGreaterThan(20);
    writeFileSync(join(copy, 'docs/new.md'), '# New\n');
    expect(() => sitePages(copy)).toThrow('lacks docs/new.md');
    writeFileSync(join(copy, 'docs/new.md'), '# New\n\n[there](gone.md#x)\n');
    const readme = readFileSync(join(copy, 'README.md'), 'utf8');
    writeFileSync(
      join(copy, 'README.md'),
      readme.replace('[commands](docs/cli.md)', '$& · [new](docs/new.md)'),
    );
    expect(() => sitePages(copy)).toThrow('docs/new.md leads to gone.md#x, which is not there');
  });
});

/** Writes the documents as a site into site/, or into the folder that is named. */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sitePages } from './pages.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [named] = process.argv.slice(2);
const out = resolve(named ?? join(root, 'site'));
const { pages, files } = sitePages(root);
// What is in a folder of somebody else's stays.
if (named === undefined) rmSync(out, { recursive: true, force: true });
const place = (path) => {
  const to = join(out, path);
  mkdirSync(dirname(to), { recursive: true });
  return to;
};
for (const [path, text] of pages) writeFileSync(place(path), text);
for (const path of files) copyFileSync(join(root, path), place(path));
console.log(`${pages.size - 1} pages: ${join(out, 'index.html')}`);

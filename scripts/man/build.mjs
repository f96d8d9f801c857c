/** Writes dist/man/, the manual pages that npm installs: those that `man` of package.json names. Needs oclif.manifest.json. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { manualPages } from './pages.mjs';

const root = new URL('../../', import.meta.url);
const read = (name) => JSON.parse(readFileSync(new URL(name, root), 'utf8'));
const folder = new URL('dist/man/', root);
const pjson = read('package.json');
const pages = Object.entries(manualPages(read('oclif.manifest.json'), pjson));
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
for (const [name, text] of pages) writeFileSync(new URL(name, folder), text);
const unnamed = pages.map(([name]) => `dist/man/${name}`).filter((path) => !pjson.man.includes(path));
if (unnamed.length > 0) console.error(`package.json: "man" does not name ${unnamed.join(', ')}`);

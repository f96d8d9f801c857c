/** The page as scripts/web/build.mjs made it: beside this file, or inside the program of one file. */
import { readFileSync } from 'node:fs';
import { EvioError } from '../core/lib/errors.js';
import { assetText, packed } from '../core/native/packed.js';
import type { Page } from './server.js';

/** Throws EvioError EVIO_INTERNAL where the page was not built. */
export function readPage(): Page {
  const read = (name: string): string =>
    packed ? assetText(name) : readFileSync(new URL(`page/${name}`, compiled(import.meta.url)), 'utf8');
  try {
    return { html: read('page.html'), script: read('page.js'), style: read('page.css') };
  } catch {
    throw new EvioError('EVIO_INTERNAL', 'The web view is not built.', ['In a checkout: npm run build']);
  }
}

/** Tests run from src; the page is in dist. */
function compiled(from: string): string {
  return from.endsWith('.ts') ? from.replace(/\/src\/web\//, '/dist/web/') : from;
}

/** Builds the page of `evio web`: dist/web/page/{page.html, page.js, page.css}, from src/web/page. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const path = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

mkdirSync(path('dist/web/page'), { recursive: true });
await build({
  entryPoints: [path('src/web/page/page.tsx'), path('src/web/page/page.css')],
  absWorkingDir: path('.'),
  outdir: path('dist/web/page'),
  bundle: true,
  minify: true,
  platform: 'browser',
  format: 'iife',
  target: ['chrome110', 'firefox115', 'safari16'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  logLevel: 'error',
});
copyFileSync(path('src/web/page/page.html'), path('dist/web/page/page.html'));

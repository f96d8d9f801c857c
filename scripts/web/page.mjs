/** How the page of `evio web` is made (build.mjs), and of what (scripts/sbom). */
import { fileURLToPath } from 'node:url';

export const path = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

export const pageBuild = {
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
};

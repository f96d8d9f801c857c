/** Builds the page of `evio web`: dist/web/page/{page.html, page.js, page.css}, from src/web/page. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { build } from 'esbuild';
import { pageBuild, path } from './page.mjs';

mkdirSync(path('dist/web/page'), { recursive: true });
await build(pageBuild);
copyFileSync(path('src/web/page/page.html'), path('dist/web/page/page.html'));

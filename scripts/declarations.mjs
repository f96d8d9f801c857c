/** Leaves in dist/ the declarations that those of the library (dist/index.d.ts) lead to: nobody can import any other. */
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const reached = new Set([join(dist, 'index.d.ts')]);
for (const file of reached) {
  for (const [, name] of readFileSync(file, 'utf8').matchAll(/(?:from |import\()['"](\.[^'"]+)\.js['"]/g)) {
    reached.add(join(dirname(file), `${name}.d.ts`));
  }
}
for (const name of readdirSync(dist, { recursive: true })) {
  const file = join(dist, name);
  if (name.endsWith('.d.ts') && !reached.has(file)) rmSync(file);
}

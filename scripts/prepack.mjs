/** Before `npm pack` builds: in a checkout without packages it says what to run, in place of what a shell says of commands that it does not find. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
if (!existsSync(path('node_modules/typescript'))) {
  console.error(
    `evio: this checkout has no packages to build with.\n  - Have them: bash ${path('scripts/setup.sh')}`,
  );
  process.exit(1);
}

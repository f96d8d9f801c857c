/** What `bin/run.js` asks before it loads the program that runs for long (node.mjs), which may be executed anew by it. */
import { homeFrom } from '../../dist/core/config/home.js';
export { confine, isLasting } from '../../dist/core/process/confinement.js';
export { levelFlags } from '../../dist/core/native/v8.js';

/** The home's path; `undefined` where it can be none, which the command says. */
export function homePath() {
  try {
    return homeFrom().path;
  } catch {
    return undefined;
  }
}

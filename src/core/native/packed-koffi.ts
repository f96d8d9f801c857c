/**
 * koffi in the program of one file: the build puts this in the place of the package, whose own loader looks for the addon
 * below node_modules. What that loader adds beside is deprecated calls, which evio makes none of.
 */
import { messageOf } from '../lib/errors.js';
import { placesOf, type Addon } from './addon-place.js';
import { assetBytes, assetText } from './packed.js';

function loadAddon(addon: Addon): unknown {
  const options = { env: process.env, uid: process.geteuid?.() ?? -1, program: process.execPath };
  const reasons: string[] = [];
  for (const place of placesOf(addon, options)) {
    try {
      const placed = place();
      if (!placed) continue;
      const holder = { exports: {} as unknown };
      try {
        process.dlopen(holder, placed.path);
      } finally {
        placed.loaded();
      }
      return holder.exports;
    } catch (thrown) {
      reasons.push(messageOf(thrown));
    }
  }
  throw new Error(`nowhere to load native code from: ${reasons.join('; ')}`);
}

const name = assetText('addon-name');
export default loadAddon({ name, bytes: assetBytes('addon') });

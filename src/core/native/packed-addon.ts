/** Native code that travels in the program of one file, as assets `KIND.node` and `KIND.name`: loaded from where it may lie. */
import { messageOf } from '../lib/errors.js';
import { placesOf } from './addon-place.js';
import { assetBytes, assetText } from './packed.js';

/**
 * What the addon exports.
 *
 * @param kind `koffi`, `webrtc` (scripts/binary/parts.mjs).
 * @throws Error when it can lie nowhere, or does not load.
 */
export function loadAddon(kind: string): unknown {
  const addon = { name: assetText(`${kind}.name`), bytes: assetBytes(`${kind}.node`) };
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

/** Which packages of Debian the image has: debian.json, as debian.mjs writes it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const pinFile = fileURLToPath(new URL('debian.json', import.meta.url));

/** The pinned packages of `arch` (Debian's name): `{ name, version, sha256 }`. */
export function pinned(arch) {
  const pins = JSON.parse(readFileSync(pinFile, 'utf8'))[arch];
  return Object.entries(pins).map(([name, facts]) => ({ name, ...facts }));
}

/**
 * Is this the program of one file (`npm run build:binary`)? Then what lies in files elsewhere travels inside it, as assets:
 * the programs of threads, package.json, addons.
 */
import { createRequire } from 'node:module';
import { getAsset, getRawAsset, isSea } from 'node:sea';

/** True in the program of one file, in its threads too. */
export const packed = isSea();

/** Throws when this program carries no such asset. */
export function assetText(name: string): string {
  return getAsset(name, 'utf8');
}

/** The asset in the memory of the program itself: not to be written to. Throws as `assetText`. */
export function assetBytes(name: string): Uint8Array {
  return new Uint8Array(getRawAsset(name) as ArrayBuffer);
}

/** The version of this program: that of package.json. */
export function ownVersion(): string {
  const manifest = packed
    ? (JSON.parse(assetText('package.json')) as { version?: string })
    : (createRequire(import.meta.url)('../../../package.json') as { version?: string });
  return manifest.version ?? '0';
}

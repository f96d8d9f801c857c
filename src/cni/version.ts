/** Versions of the CNI specification. */
import { Code, CniError } from './errors.js';

/** What this plugin speaks, the oldest first. */
export const versions = ['0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export type Version = (typeof versions)[number];

/** Throws CniError (1) for one that this plugin does not speak. */
export function checkVersion(text: string): Version {
  const found = versions.find((version) => version === text);
  if (found === undefined)
    throw new CniError(
      Code.incompatibleVersion,
      `CNI version ${JSON.stringify(text)} is not supported`,
      `supported are ${versions.join(', ')}`,
    );
  return found;
}

export function atLeast(version: Version, other: Version): boolean {
  return versions.indexOf(version) >= versions.indexOf(other);
}

/** The newest that both speak, not newer than `wanted`. */
export function newestCommon(theirs: readonly string[], wanted: Version): Version | undefined {
  return versions.filter((version) => atLeast(wanted, version) && theirs.includes(version)).at(-1);
}

/**
 * Who of the members known here, us included, has an address and a name that several claim: the earlier claim
 * (identity/claims.ts). Of one name all but the first are shown with a number: `web`, `web-2`, `web-3`. No I/O.
 */
import { compareClaims, winnersOf, type Claimant } from '../identity/claims.js';

/** A DNS label has no more characters. */
const longestLabel = 63;

export class Holdings {
  readonly #byIp: ReadonlyMap<string | number, Claimant>;
  readonly #shown: ReadonlyMap<string, string>;

  constructor(members: readonly Claimant[]) {
    this.#byIp = winnersOf('ip', members);
    this.#shown = shownNames(members);
  }

  /** Who has the address. */
  holderOf(ip: number): Claimant | undefined {
    return this.#byIp.get(ip);
  }

  /** The name by which a member is shown and found: no two have the same. */
  nameOf(idText: string): string | undefined {
    return this.#shown.get(idText);
  }
}

/** Names by node id. The same for everybody who knows the same members. */
export function shownNames(members: readonly Claimant[]): Map<string, string> {
  const groups = new Map<string, Claimant[]>();
  for (const member of members) {
    const group = groups.get(member.name);
    if (group) group.push(member);
    else groups.set(member.name, [member]);
  }
  // A name that is somebody's own is not made for another.
  const taken = new Set(groups.keys());
  const shown = new Map<string, string>();
  const names = [...groups.keys()].filter((name) => (groups.get(name)?.length ?? 0) > 1).sort();
  for (const [name, [only]] of groups) if (only) shown.set(only.idText, name);
  for (const name of names) {
    const [first, ...later] = (groups.get(name) ?? []).sort((a, b) => compareClaims('name', a, b));
    if (first) shown.set(first.idText, name);
    let number = 2;
    for (const { idText } of later) {
      while (taken.has(numbered(name, number))) number++;
      taken.add(numbered(name, number));
      shown.set(idText, numbered(name, number));
    }
  }
  return shown;
}

function numbered(name: string, number: number): string {
  const suffix = `-${number}`;
  return name.slice(0, longestLabel - suffix.length) + suffix;
}

/** Subnets behind members, as the guard knows them. */
import { parsePrefix, type Prefix } from '../../src/core/lib/prefix.js';
import { subnetKeys, SubnetTable } from '../../src/core/switch/subnet-table.js';

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (!parsed) throw new TypeError(`not a prefix: ${text}`);
  return parsed;
}

/** A table of these subnets, each with the MAC of its member. */
export function subnetTable(subnets: readonly (readonly [string, Uint8Array])[]): SubnetTable {
  const table = new SubnetTable(Int32Array.from({ length: subnetKeys }, (_, i) => (i + 1) * 0x9e3779b1));
  table.replace(subnets.map(([text, mac]) => ({ ...prefix(text), mac })));
  return table;
}

/**
 * Rules of nftables that all pods of a bridge share. They are written where they do not stand already: each bears a comment, a number
 * made from the text of all, by which the kernel is asked. To write them for each pod would take those before away, and
 * `nft` does not end until the kernel has let go of what was taken away: 10 ms.
 */
import { countRules } from './kernel/rules.js';
import { fingerprint, tableName } from './names.js';
import type { Begun, Network } from './programs.js';

export interface Standing {
  /** Writes them; harmless where they stand. */
  readonly write: string;
  /** Fails where an element of a set is missing. */
  readonly ask: string;
  /** The comment of each rule. */
  readonly mark: string;
  /** True while all rules are in their chains. */
  stands(): boolean;
}

/** What stands in one table. */
export interface Shared {
  /** `FAMILY NAME` */
  readonly table: string;
  /** Its sets and chains, as lines of a script; harmless where they are there. */
  readonly frame: readonly string[];
  /** By set. */
  readonly elements?: readonly (readonly [set: string, element: string])[];
  /** By chain. */
  readonly chains: Readonly<Record<string, readonly string[]>>;
}

export function standing({ table, frame, elements = [], chains }: Shared): Standing {
  const mark = `evio-cni ${fingerprint(JSON.stringify([frame, elements, chains])).toString(16)}`;
  const inSets = elements.map(([set, element]) => `element ${table} ${set} { ${element} }`);
  const write = [
    ...frame,
    ...inSets.map((element) => `add ${element}`),
    ...Object.entries(chains).flatMap(([chain, rules]) => [
      `flush chain ${table} ${chain}`,
      ...rules.map((rule) => `add rule ${table} ${chain} ${rule} comment "${mark}"`),
    ]),
  ];
  return {
    write: `${write.join('\n')}\n`,
    ask: inSets.map((element) => `get ${element}\n`).join(''),
    mark,
    stands: () => {
      const counted = countRules(table, Object.keys(chains), mark);
      return Object.values(chains).every((rules, i) => counted[i] === rules.length);
    },
  };
}

/** `nft`, which loads while addresses are asked for. */
export function beginFilter(host: Network): Begun {
  return host.begin('nft', '-f', '-');
}

/** Has the shared rules and a pod's own in force. `fresh`: the bridge is new, and the shared ones cannot stand. */
export function enforce(
  host: Network,
  nft: Begun,
  shared: readonly Standing[],
  own: string,
  fresh: boolean,
): void {
  if (shared.length === 0 && own === '') return;
  const all = (key: 'ask' | 'write'): string => shared.map((rules) => rules[key]).join('');
  const stand = !fresh && shared.every((rules) => rules.stands());
  try {
    nft.run((stand ? all('ask') : all('write')) + own);
  } catch (thrown) {
    if (!stand) throw thrown;
    // One transaction: nothing of it was done.
    host.run(['nft', '-f', '-'], all('write') + own);
  }
}

/** Takes all tables of a bridge away. Harmless where there is none: what is added first can be deleted. */
export function dropTables(host: Network, bridge: string): void {
  const tables = ['inet', 'bridge'].map((family) => `table ${family} ${tableName(bridge)}`);
  host.run(['nft', '-f', '-'], tables.map((table) => `add ${table}\ndelete ${table}\n`).join(''));
}

/**
 * Rules of nftables that all pods of a bridge share. They are written where they do not stand already, which a set in their table
 * tells, by a number made from their text. To write them for each pod would take those before away, and `nft` does not end until
 * the kernel has let go of what was taken away: 10 ms.
 */
import { fingerprint } from './names.js';
import type { Network } from './programs.js';

export interface Standing {
  /** Writes them; harmless where they stand. */
  readonly write: string;
  /** Fails where they do not stand. */
  readonly ask: string;
}

/** Rules of one table, `FAMILY NAME`, as lines for nft. */
export function standing(table: string, lines: readonly string[]): Standing {
  const element = `element ${table} written { 0x${fingerprint(lines.join('\n')).toString(16)} }`;
  const write = [
    ...lines,
    `table ${table} {`,
    '  set written { type mark; }',
    '}',
    `flush set ${table} written`,
    `add ${element}`,
    '',
  ];
  return { write: write.join('\n'), ask: `get ${element}\n` };
}

/** Has the shared rules and a pod's own in force. `fresh`: the bridge is new, and the shared ones cannot stand. */
export function enforce(host: Network, shared: readonly Standing[], own: string, fresh: boolean): void {
  const all = (key: keyof Standing): string => shared.map((rules) => rules[key]).join('');
  if (!fresh) {
    try {
      host.run(['nft', '-f', '-'], all('ask') + own);
      return;
    } catch {
      // One transaction: nothing of it was done.
    }
  }
  if (shared.length > 0 || own !== '') host.run(['nft', '-f', '-'], all('write') + own);
}

/**
 * Gates as a table of nftables, replaced as a whole. Each direction has a base chain of its own, so that what may go out of one pod
 * is still asked whether it may come in to the other.
 *
 *   forward ─▶ egress   from a pod of this node: known? ─▶ its gate ─▶ rules accept, the rest is dropped and counted
 *           ─▶ ingress  to a pod of this node:   known? ─▶ its gate ─▶ …
 *
 * What the node itself says to its pods (probes) is forwarded by nobody, and asked nothing.
 */
import { ofFamily, type Direction, type Gate, type GateRule } from './compile.js';

export const tableName = 'evio-policy';

/** Packets and bytes of each counter, by its name. */
export type Counts = Readonly<Record<string, { readonly packets: number; readonly bytes: number }>>;
export const counterNames = ['unknown', 'denied-ingress', 'denied-egress'] as const;

export interface TableFacts {
  readonly gates: readonly Gate[];
  /** Ranges of the pods of this node. */
  readonly ranges: readonly string[];
  /** Addresses of pods that are known: all others of the ranges are cut off until they are. */
  readonly known: readonly string[];
  readonly counts: Counts;
}

const families = [
  { family: 4, word: 'ip', type: 'ipv4_addr' },
  { family: 6, word: 'ip6', type: 'ipv6_addr' },
] as const;
type Family = (typeof families)[number];

function elements(list: readonly string[]): string {
  return list.length === 0 ? '' : ` elements = { ${list.join(', ')} };`;
}

/** The script for nft. */
export function policyScript({ gates, ranges, known, counts }: TableFacts): string {
  const lines = [
    `add table inet ${tableName}`,
    `delete table inet ${tableName}`,
    `table inet ${tableName} {`,
  ];
  for (const name of counterNames) {
    const { packets = 0, bytes = 0 } = counts[name] ?? {};
    lines.push(`  counter ${name} { packets ${packets} bytes ${bytes} }`);
  }
  gates.forEach((gate, i) => lines.push(...gateLines(gate, i)));
  for (const direction of ['egress', 'ingress'] as const) {
    const side = direction === 'egress' ? 'saddr' : 'daddr';
    const body: string[] = ['    ct state established,related accept'];
    for (const { family, word, type } of families) {
      const own = ofFamily(ranges, family);
      if (own.length === 0) continue;
      const set = `known-${direction}-${word}`;
      const map = `gates-${direction}-${word}`;
      const to = gates.flatMap((gate, i) =>
        gate.direction === direction ? ofFamily(gate.pods, family).map((ip) => `${ip} : goto gate-${i}`) : [],
      );
      lines.push(`  set ${set} { type ${type};${elements(ofFamily(known, family))} }`);
      lines.push(`  map ${map} { type ${type} : verdict;${elements([...new Set(to)])} }`);
      body.push(
        `    ${word} ${side} { ${own.join(', ')} } ${word} ${side} != @${set} counter name "unknown" drop`,
        `    ${word} ${side} vmap @${map}`,
      );
    }
    const priority = direction === 'egress' ? 'filter - 2' : 'filter - 1';
    lines.push(
      `  chain ${direction} {`,
      `    type filter hook forward priority ${priority}; policy accept;`,
      ...body,
      '  }',
    );
  }
  return `${[...lines, '}'].join('\n')}\n`;
}

function gateLines({ direction, rules }: Gate, index: number): string[] {
  return [
    `  chain gate-${index} {`,
    ...rules.flatMap((rule) => ruleLines(rule, direction).map((line) => `    ${line}`)),
    `    counter name "denied-${direction}" drop`,
    '  }',
  ];
}

function ruleLines(rule: GateRule, direction: Direction): string[] {
  const { peers, protocol, ports } = rule;
  const port =
    protocol === undefined
      ? ''
      : ports === undefined
        ? ` meta l4proto ${protocol}`
        : ` ${protocol} dport ${ports[0] === ports[1] ? ports[0] : `${ports[0]}-${ports[1]}`}`;
  const end = `${port} counter accept comment "${rule.policy.replace(/[^\w./-]/g, '').slice(0, 120)}"`.trim();
  const [own, other] = direction === 'ingress' ? ['daddr', 'saddr'] : ['saddr', 'daddr'];
  return families.flatMap((family): string[] => {
    const mine = rule.own && ofFamily(rule.own, family.family);
    if (mine?.length === 0) return [];
    const only = mine ? `${family.word} ${own} { ${mine.join(', ')} } ` : '';
    if (peers === undefined) return [`${only === '' ? `meta nfproto ipv${family.family} ` : only}${end}`];
    return peerWords(peers, family, other ?? '').map((words) => `${only}${words} ${end}`);
  });
}

function peerWords(peers: NonNullable<GateRule['peers']>, { family, word }: Family, side: string): string[] {
  const single = ofFamily(peers.addresses, family);
  const blocks = peers.blocks.filter(({ cidr }) => ofFamily([cidr], family).length > 0);
  return [
    ...(single.length > 0 ? [`${word} ${side} { ${single.join(', ')} }`] : []),
    ...blocks.flatMap(({ cidr, except }) => {
      const out = ofFamily(except, family);
      // Kubernetes took spellings that others read otherwise (010.0.0.0/8): what cannot be left out lets nobody in.
      if (except.some((range) => !out.includes(range))) return [];
      return [`${word} ${side} ${cidr}${out.length > 0 ? ` ${word} ${side} != { ${out.join(', ')} }` : ''}`];
    }),
  ];
}

/**
 * A policy as the packet loop looks things up in it: for each class of senders, which rule decides about what comes from
 * them to this node. policy/compile.ts makes it; nothing here knows what a rule says.
 */

/** Rules are numbers, in the order of the file; behind them come the default, and ARP that no rule names. */
export interface CompiledPolicy {
  /** 1 where a rule lets pass, by its number. */
  readonly allows: Uint8Array;
  /** Number of the class of each peer, by slot. Class 0 is that of senders of whom nothing is known. */
  readonly classOf: Uint16Array;
  readonly classes: readonly SenderClass[];
}

/** Senders for whom the same rules hold. */
export interface SenderClass {
  /** Rule that decides about an IP protocol, but for TCP and UDP. */
  readonly protocols: Int16Array;
  readonly tcp: PortTable;
  readonly udp: PortTable;
  /** EtherTypes that rules name, ascending, and the rules; ARP is always among them. */
  readonly types: Int32Array;
  readonly typeRules: Int16Array;
  /** Of all other EtherTypes. */
  readonly otherTypes: number;
  /** Nothing of theirs is denied. */
  readonly unlimited: boolean;
}

/** Rules by destination port: `rules[i]` holds from `starts[i]` to before `starts[i + 1]`; the first start is 0. */
export interface PortTable {
  readonly starts: Int32Array;
  readonly rules: Int16Array;
  /** The rule that decides whatever the port is, when all agree; else -1. */
  readonly uniform: number;
}

/** Rule for a port. */
export function ruleOfPort({ starts, rules }: PortTable, port: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] as number) <= port) low = middle;
    else high = middle - 1;
  }
  return rules[low] as number;
}

/** Rule for an EtherType that is not IP. */
export function ruleOfType({ types, typeRules, otherTypes }: SenderClass, type: number): number {
  for (let i = 0; i < types.length; i++) if (types[i] === type) return typeRules[i] as number;
  return otherTypes;
}

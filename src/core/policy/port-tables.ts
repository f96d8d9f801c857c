/**
 * Port tables of one protocol (switch/policy-table.ts) for any choice of some rules. Where the rules of all choices begin
 * and end is found once. To make a table, one rule after the other takes the intervals that it covers and nobody has
 * before it; intervals that are taken are skipped together (union-find), so each is taken once.
 */
import type { PortTable } from '../switch/policy-table.js';
import type { PortRange, Traffic } from './policy.js';

const ports = 0x1_0000;
const all: readonly PortRange[] = [{ first: 0, last: ports - 1 }];

export class PortTables {
  /** Where intervals begin, ascending, 0 first. */
  readonly #starts: Int32Array;
  /** Of each rule: first interval and the one behind the last, by twos. */
  readonly #covered: readonly (readonly number[])[];
  /** Place of the rule that an interval is taken by, -1 for none; and the next interval, itself counted, that is not taken. */
  readonly #takenBy: Int16Array;
  readonly #next: Int32Array;

  constructor(rules: readonly (readonly Traffic[])[], protocol: number) {
    const ranges = rules.map((whats) => whats.flatMap((what) => portsOf(what, protocol)));
    const edges = new Set([0, ports]);
    for (const { first, last } of ranges.flat()) edges.add(first).add(last + 1);
    const sorted = [...edges].sort((a, b) => a - b);
    const place = new Map(sorted.map((edge, i) => [edge, i]));
    this.#starts = Int32Array.from(sorted.slice(0, -1));
    this.#covered = ranges.map((each) =>
      each.flatMap(({ first, last }) => [place.get(first) as number, place.get(last + 1) as number]),
    );
    this.#takenBy = new Int16Array(this.#starts.length);
    this.#next = new Int32Array(sorted.length);
  }

  /**
   * The table of the rules at these places, the first of which that covers a port decides.
   *
   * @param number of a rule by its place; of the default for -1
   * @param allows by these numbers
   */
  make(places: readonly number[], number: (place: number) => number, allows: Uint8Array): PortTable {
    const starts = this.#starts;
    const takenBy = this.#takenBy.fill(-1);
    const next = this.#next;
    for (let i = 0; i < next.length; i++) next[i] = i;
    let left = starts.length;
    for (const place of places) {
      const covered = this.#covered[place] as readonly number[];
      for (let i = 0; i < covered.length && left > 0; i += 2) {
        const end = covered[i + 1] as number;
        for (let at = this.#free(covered[i] as number); at < end; at = this.#free(at)) {
          takenBy[at] = place;
          next[at] = at + 1;
          left--;
        }
      }
      if (left === 0) break;
    }
    const kept: number[] = [];
    for (let i = 0; i < starts.length; i++) if (i === 0 || takenBy[i] !== takenBy[i - 1]) kept.push(i);
    const rules = Int16Array.from(kept, (i) => number(takenBy[i] as number));
    const first = rules[0] as number;
    return {
      starts: Int32Array.from(kept, (i) => starts[i] as number),
      rules,
      uniform: rules.every((rule) => allows[rule] === allows[first]) ? first : -1,
    };
  }

  #free(from: number): number {
    const next = this.#next;
    let at = from;
    while (next[at] !== at) {
      next[at] = next[next[at] as number] as number;
      at = next[at] as number;
    }
    return at;
  }
}

/** Ports of this protocol that traffic of a rule covers: none, some, or all. */
function portsOf(what: Traffic, protocol: number): readonly PortRange[] {
  if (what.kind === 'all' || what.kind === 'ip') return all;
  if (what.kind !== 'protocol' || what.protocol !== protocol) return [];
  return what.ports ?? all;
}

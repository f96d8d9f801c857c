/**
 * Makes of a policy and the members what the packet loop of one node looks things up in (switch/policy-table.ts).
 *
 *   rules ── about this node as receiver? ──▶ some rules ── which of them are about a sender? ──▶ its class
 *   class ── for each protocol, the first rule that covers it ──▶ intervals of ports, a row of protocols, EtherTypes
 *
 * Senders for whom the same rules hold share a class, so there are few of them. The intervals of ports are found once for
 * all classes (port-tables.ts).
 */
import type { CompiledPolicy, SenderClass } from '../switch/policy-table.js';
import { concerns, matches, type Subject } from './evaluate.js';
import { arpType, type Policy, type Rule, type Term } from './policy.js';
import { PortTables } from './port-tables.js';

const tcp = 6;
const udp = 17;

/** A member and the slot of its peer. */
export interface Sender {
  readonly slot: number;
  readonly subject: Subject;
}

/** All at once. @param slots how many peers there can be */
export function compilePolicy(
  policy: Policy,
  self: Subject,
  senders: readonly Sender[],
  slots: number,
): CompiledPolicy {
  for (const work = compilation(policy, self, senders, slots); ;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/** The same in pieces: after each class that it made. A class is at most some tenths of a millisecond. */
export function* compilation(
  policy: Policy,
  self: Subject,
  senders: readonly Sender[],
  slots: number,
): Generator<undefined, CompiledPolicy> {
  const allows = Uint8Array.from([
    ...policy.rules.map(({ allow }) => (allow ? 1 : 0)),
    policy.allow ? 1 : 0,
    1,
  ]);
  const here = policy.rules.flatMap((rule, index) => (concerns(rule, self, 'to') ? [{ rule, index }] : []));
  const maker = new ClassMaker(here, policy.rules.length, allows);
  const groups = new SenderGroups(here.map(({ rule }) => rule));
  const classes: SenderClass[] = [];
  const known = new Map<string, number>();
  const classOf = new Uint16Array(slots);
  const classFor = (subject: Subject | undefined): number => {
    const own = groups.placesOf(subject);
    const key = own.join();
    let number = known.get(key);
    if (number === undefined) {
      number = classes.push(maker.make(groups.withCommon(own))) - 1;
      known.set(key, number);
    }
    return number;
  };
  classFor(undefined);
  for (const { slot, subject } of senders) {
    const before = classes.length;
    classOf[slot] = classFor(subject);
    if (classes.length > before) yield;
  }
  return { allows, classOf, classes };
}

interface IndexedRule {
  readonly rule: Rule;
  /** Number in the policy. */
  readonly index: number;
}

/**
 * Which of these rules are about a sender, by their places. Those about everybody are kept apart; tags, names and ids are
 * looked up; roles and ranges are few, and asked one by one.
 */
class SenderGroups {
  readonly #rules: readonly Rule[];
  readonly #common: readonly number[];
  readonly #byKey = new Map<string, number[]>();
  readonly #asked: { readonly term: Term; readonly place: number }[] = [];

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
    const common = (rule: Rule): boolean => rule.from.some(({ kind }) => kind === 'any');
    this.#common = rules.flatMap((rule, place) => (common(rule) ? [place] : []));
    rules.forEach((rule, place) => {
      if (!common(rule)) for (const term of rule.from) this.#note(term, place);
    });
  }

  #note(term: Term, place: number): void {
    const key = keyOf(term);
    if (key === undefined) {
      this.#asked.push({ term, place });
      return;
    }
    const places = this.#byKey.get(key);
    if (places) places.push(place);
    else this.#byKey.set(key, [place]);
  }

  /** Places of the rules about this sender that are not about everybody, ascending. */
  placesOf(subject: Subject | undefined): number[] {
    const rules = this.#rules;
    const places = new Set<number>();
    if (!subject) {
      // It may be anybody: what denies is about it.
      for (const all of this.#byKey.values())
        for (const place of all) if (!rules[place]?.allow) places.add(place);
      for (const { place } of this.#asked) if (!rules[place]?.allow) places.add(place);
    } else {
      const keys = [`id ${subject.id}`, ...subject.tags.map((tag) => `tag ${tag}`)];
      if (subject.name !== undefined) keys.push(`name ${subject.name}`);
      for (const key of keys) for (const place of this.#byKey.get(key) ?? []) places.add(place);
      for (const { term, place } of this.#asked) if (matches(term, subject)) places.add(place);
    }
    return [...places].sort((a, b) => a - b);
  }

  /** These places and those of the rules about everybody, ascending. */
  withCommon(places: readonly number[]): number[] {
    return [...places, ...this.#common].sort((a, b) => a - b);
  }
}

function keyOf(term: Term): string | undefined {
  if (term.kind === 'tag') return `tag ${term.tag}`;
  if (term.kind === 'name') return `name ${term.name}`;
  return term.kind === 'id' ? `id ${term.id}` : undefined;
}

class ClassMaker {
  readonly #rules: readonly IndexedRule[];
  readonly #byDefault: number;
  readonly #allows: Uint8Array;
  readonly #tcp: PortTables;
  readonly #udp: PortTables;

  /** @param byDefault number of the default; behind it comes that of ARP */
  constructor(rules: readonly IndexedRule[], byDefault: number, allows: Uint8Array) {
    this.#rules = rules;
    this.#byDefault = byDefault;
    this.#allows = allows;
    const whats = rules.map(({ rule }) => rule.what);
    this.#tcp = new PortTables(whats, tcp);
    this.#udp = new PortTables(whats, udp);
  }

  /** The class of senders for whom the rules at these places hold. */
  make(places: readonly number[]): SenderClass {
    const byDefault = this.#byDefault;
    const protocols = new Int16Array(256).fill(-1);
    const typeRule = new Map<number, number>();
    let otherTypes = -1;
    let everyProtocol = false;
    for (const place of places) {
      const { rule, index } = this.#rules[place] as IndexedRule;
      for (const what of rule.what) {
        if (what.kind === 'ether') {
          if (!typeRule.has(what.type) && (otherTypes < 0 || what.type === arpType))
            typeRule.set(what.type, index);
        } else if (what.kind === 'protocol') {
          if (!what.ports && protocols[what.protocol] === -1) protocols[what.protocol] = index;
        } else {
          if (what.kind === 'all' && otherTypes < 0) otherTypes = index;
          if (!everyProtocol) fillEmpty(protocols, index);
          everyProtocol = true;
        }
      }
    }
    fillEmpty(protocols, byDefault);
    if (otherTypes < 0) otherTypes = byDefault;
    if (!typeRule.has(arpType)) typeRule.set(arpType, byDefault + 1);
    const types = Int32Array.from([...typeRule.keys()].sort((a, b) => a - b));
    const typeRules = Int16Array.from(types, (type) => typeRule.get(type) as number);
    const number = (place: number): number => this.#rules[place]?.index ?? byDefault;
    const tables = {
      tcp: this.#tcp.make(places, number, this.#allows),
      udp: this.#udp.make(places, number, this.#allows),
    };
    const passes = (rule: number): boolean => this.#allows[rule] === 1;
    const unlimited =
      passes(otherTypes) &&
      [protocols, typeRules, tables.tcp.rules, tables.udp.rules].every((rules) => rules.every(passes));
    return { protocols, ...tables, types, typeRules, otherTypes, unlimited };
  }
}

function fillEmpty(rules: Int16Array, rule: number): void {
  for (let i = 0; i < rules.length; i++) if (rules[i] === -1) rules[i] = rule;
}

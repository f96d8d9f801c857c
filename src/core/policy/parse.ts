/**
 * Reads the text of a policy (docs/policy.md). Never throws: what cannot be read is told with its line and column, and
 * one fault makes the whole policy void, because a policy of which a line is left out says something else.
 *
 *   default allow | deny
 *   group NAME = WHO
 *   allow | deny WHO -> WHO [PROTOCOL,… [PORTS]]
 *   quarantine on KIND,… for DURATION
 *   expect WHO -> WHO PROTOCOL [PORT,…] allowed | denied
 */
import { memberRoles, type MemberRole } from '../identity/invite.js';
import { isNodeName } from '../identity/names.js';
import { parseCidr, parseIpv4 } from '../lib/ipv4.js';
import {
  policyLimit,
  provableKinds,
  ruleLimit,
  type AnomalyKind,
  type Expectation,
  type Policy,
  type PolicyFault,
  type ProvableKind,
  type Rule,
  type Term,
} from './policy.js';
import { readProbes, readTraffic } from './parse-traffic.js';
import { LineFault, Words, wordsOf, type Word } from './words.js';

export type Parsed =
  { readonly ok: true; readonly policy: Policy } | { readonly ok: false; readonly faults: PolicyFault[] };

const expectationLimit = 2_000;
/** Terms in one list, the groups in it put in. */
const termLimit = 256;
/** Faults told at once. */
const faultLimit = 20;
const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const longestQuarantineMs = 7 * 86_400_000;

/** Reads a policy. */
export function parsePolicy(text: string): Parsed {
  const parser = new Parser();
  if (Buffer.byteLength(text) > policyLimit)
    return {
      ok: false,
      faults: [{ line: 1, column: 1, message: `a policy has at most ${policyLimit} bytes` }],
    };
  for (const [i, line] of text.split(/\r\n|\n/).entries()) {
    parser.line(i + 1, line);
    if (parser.faults.length >= faultLimit) break;
  }
  const { faults } = parser;
  return faults.length > 0 ? { ok: false, faults } : { ok: true, policy: parser.policy };
}

class Parser {
  readonly faults: PolicyFault[] = [];
  readonly #groups = new Map<string, readonly Term[]>();
  readonly #rules: Rule[] = [];
  readonly #expectations: Expectation[] = [];
  readonly #quarantine = new Map<AnomalyKind, number>();
  #allow: boolean | undefined;

  get policy(): Policy {
    return {
      allow: this.#allow ?? true,
      rules: this.#rules,
      expectations: this.#expectations,
      quarantine: this.#quarantine,
    };
  }

  line(number: number, line: string): void {
    const words = wordsOf(line);
    if (words.length === 0) return;
    const text = words
      .map(({ text }) => text)
      .join(' ')
      .replaceAll(' ,', ',');
    try {
      const reader = new Words(words);
      this.#statement(number, text, reader);
      reader.end();
    } catch (thrown) {
      if (!(thrown instanceof LineFault)) throw thrown;
      this.faults.push({ line: number, column: thrown.column, message: thrown.message });
    }
  }

  #statement(line: number, text: string, words: Words): void {
    const { text: verb, column } = words.take('a statement');
    switch (verb) {
      case 'allow':
      case 'deny':
        if (this.#rules.length === ruleLimit)
          throw new LineFault(column, `there are more than ${ruleLimit} rules`);
        this.#rules.push({
          line,
          text,
          allow: verb === 'allow',
          ...this.#pair(words),
          what: readTraffic(words),
        });
        return;
      case 'default': {
        const word = words.take('"allow" or "deny"');
        if (word.text !== 'allow' && word.text !== 'deny')
          throw new LineFault(word.column, `"${word.text}" is neither "allow" nor "deny"`);
        if (this.#allow !== undefined) throw new LineFault(column, 'the default was given before');
        this.#allow = word.text === 'allow';
        return;
      }
      case 'group':
        this.#group(words);
        return;
      case 'quarantine':
        this.#quarantineOn(words);
        return;
      case 'expect':
        this.#expect(line, text, column, words);
        return;
      default:
        throw new LineFault(
          column,
          `"${verb}" is no statement: they are default, group, allow, deny, quarantine and expect`,
        );
    }
  }

  #pair(words: Words): { from: Term[]; to: Term[] } {
    const from = this.#who(words);
    words.expect('->');
    return { from, to: this.#who(words) };
  }

  #who(words: Words): Term[] {
    const { column } = words;
    const terms = words.list('who').flatMap((word) => this.#terms(word));
    if (terms.length > termLimit) throw new LineFault(column, `that is a list of more than ${termLimit}`);
    return terms;
  }

  #terms(word: Word): readonly Term[] {
    const [prefix, name] = splitPrefix(word.text);
    if (prefix !== 'group') return [readTerm(word)];
    const group = this.#groups.get(name);
    if (!group) throw new LineFault(word.column, `there is no group "${name}" above this line`);
    return group;
  }

  #group(words: Words): void {
    const { text: name, column } = words.take('the name of the group');
    if (!/^[A-Za-z0-9][\w.-]{0,62}$/.test(name))
      throw new LineFault(column, `"${name}" cannot be a group's name`);
    if (this.#groups.has(name)) throw new LineFault(column, `there is a group "${name}" already`);
    words.expect('=');
    this.#groups.set(name, this.#who(words));
  }

  #quarantineOn(words: Words): void {
    words.expect('on');
    const kinds = new Set<ProvableKind>();
    for (const { text, column } of words.list('what is watched')) {
      if (text === 'replay')
        throw new LineFault(
          column,
          'replayed packets may be sent by anybody: nobody is put into quarantine for them',
        );
      if (!isProvable(text))
        throw new LineFault(column, `"${text}" is not watched: ${provableKinds.join(', ')} are`);
      if (kinds.has(text) || this.#quarantine.has(text))
        throw new LineFault(column, `quarantine on ${text} was given before`);
      kinds.add(text);
    }
    words.expect('for');
    const { text, column } = words.take('how long');
    const [, count, unit = ''] = /^([1-9]\d{0,5})([smhd])$/.exec(text) ?? [];
    const ms = Number(count) * (units[unit] ?? NaN);
    if (!(ms <= longestQuarantineMs))
      throw new LineFault(column, `"${text}" is no time up to 7d, such as 30s, 10m, 2h or 1d`);
    for (const kind of kinds) this.#quarantine.set(kind, ms);
  }

  #expect(line: number, text: string, column: number, words: Words): void {
    if (this.#expectations.length >= expectationLimit)
      throw new LineFault(column, `there are more than ${expectationLimit} expectations`);
    const from = this.#who(words);
    words.expect('->');
    const to = this.#who(words);
    const probes = readProbes(words);
    const word = words.take('"allowed" or "denied"');
    if (word.text !== 'allowed' && word.text !== 'denied')
      throw new LineFault(word.column, `"${word.text}" is neither "allowed" nor "denied"`);
    const allowed = word.text === 'allowed';
    for (const one of from) {
      for (const other of to) {
        if (this.#expectations.length >= expectationLimit)
          throw new LineFault(column, `there are more than ${expectationLimit} expectations`);
        this.#expectations.push({ line, text, from: one, to: other, probes, allowed });
      }
    }
  }
}

function isProvable(text: string): text is ProvableKind {
  return (provableKinds as readonly string[]).includes(text);
}

function isRole(text: string): text is MemberRole {
  return (memberRoles as readonly string[]).includes(text);
}

/** `tag:web` as `tag` and `web`; a word without a colon has an empty prefix. */
function splitPrefix(text: string): [string, string] {
  const at = text.indexOf(':');
  return at < 0 ? ['', text] : [text.slice(0, at), text.slice(at + 1)];
}

/** One term but for groups. Throws LineFault. */
function readTerm({ text, column }: Word): Term {
  const fault = (message: string): LineFault => new LineFault(column, message);
  if (text === '*') return { kind: 'any' };
  const [prefix, rest] = splitPrefix(text);
  switch (prefix) {
    case 'tag':
      if (rest === '') throw fault('a tag is missing behind "tag:"');
      return { kind: 'tag', tag: rest };
    case 'role':
      if (!isRole(rest)) throw fault(`"${rest}" is no role: ${memberRoles.join(' or ')}`);
      return { kind: 'role', role: rest };
    case 'id':
      if (!/^[0-9a-f]{32}$/.test(rest)) throw fault('an id has 32 hexadecimal digits (evio peers --json)');
      return { kind: 'id', id: rest };
    case 'name':
      if (!isNodeName(rest)) throw fault(`"${rest}" is nobody's name`);
      return { kind: 'name', name: rest };
    case '':
      break;
    default:
      throw fault(`"${prefix}:" is not known: tag:, role:, group:, name: and id: are`);
  }
  if (/^[\d.]+(\/\d*)?$/.test(text) && text.includes('.')) {
    const ip = parseIpv4(text);
    const range = ip === undefined ? parseCidr(text) : { base: ip, prefix: 32 };
    if (!range) throw fault(`"${text}" is no IPv4 address, and no range without bits behind its prefix`);
    return { kind: 'range', range };
  }
  if (!isNodeName(text))
    throw fault(`"${text}" says nobody: give *, tag:…, role:…, group:…, id:…, a name, an address or a range`);
  return { kind: 'name', name: text };
}

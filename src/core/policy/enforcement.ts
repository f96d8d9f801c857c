/**
 * The policy in force at this node: takes the newest text, keeps the data plane's tables true to it and to the members,
 * and tells how often each rule decided.
 *
 * A text that this program cannot read does not open the network: the policy before it stays, and the fault is told.
 */
import type { DataPlane } from '../dataplane/plane/plane.js';
import { policyCounts, type PolicyCount } from '../switch/policy-filter.js';
import { compilePolicy, type Sender } from './compile.js';
import { decodePolicy } from './document.js';
import { parsePolicy } from './parse.js';
import type { Policy, PolicyFault } from './policy.js';
import type { Subject } from './evaluate.js';

/** With more members than this, new ones are put into their class after so many ms: it costs work for each of all. */
const manyMembers = 64;
const manyMembersMs = 500;

/** What the network's admins set last. */
export interface PolicyDocument {
  readonly serial: number;
  /** See document.ts. */
  readonly document: Uint8Array;
}

export interface EnforcementPorts {
  readonly plane: Pick<DataPlane, 'setPolicy' | 'policyCounters'>;
  /** How many peers the plane can hold. */
  readonly slots: number;
  /** This node. */
  self(): Subject;
  /** The others, and the slots of their peers. */
  members(): readonly Sender[];
  /** The plane has the policy, for the members as they are now. */
  applied(): void;
}

/** What `evio policy show` tells. */
export interface PolicyReport {
  /** Null: there is none, and everything is allowed. */
  readonly serial: number | null;
  readonly text: string | null;
  /** A later policy that this node cannot read, and why. */
  readonly fault: (PolicyFault & { readonly serial: number }) | null;
  /** Frames that a rule decided at this node, super-frames counted once. */
  readonly rules: readonly RuleReport[];
  /** Frames that no rule decided. */
  readonly others: Readonly<Record<PolicyCount, number>>;
}

export interface RuleReport {
  readonly line: number;
  readonly rule: string;
  readonly action: 'allow' | 'deny';
  readonly hits: number;
}

export class Enforcement {
  readonly #ports: EnforcementPorts;
  #policy: { readonly serial: number; readonly text: string; readonly parsed: Policy } | undefined;
  #fault: PolicyReport['fault'] = null;
  #compileAt = Infinity;

  constructor(ports: EnforcementPorts) {
    this.#ports = ports;
  }

  /** When the tables are to be made anew. */
  get dueAt(): number {
    return this.#compileAt;
  }

  get policy(): Policy | undefined {
    return this.#policy?.parsed;
  }

  get fault(): PolicyReport['fault'] {
    return this.#fault;
  }

  /** The newest policy; undefined: there is none. */
  set(document: PolicyDocument | undefined): void {
    if (!document) {
      if (this.#policy) this.#ports.plane.setPolicy(null, true);
      this.#policy = undefined;
      this.#fault = null;
      this.#compileAt = Infinity;
      return;
    }
    const { serial } = document;
    const text = decodePolicy(document.document);
    if (text === undefined) {
      this.#fault = { serial, line: 1, column: 1, message: 'this is no text that a policy may be' };
      return;
    }
    const read = parsePolicy(text);
    if (!read.ok) {
      this.#fault = { serial, ...(read.faults[0] as PolicyFault) };
      return;
    }
    this.#fault = null;
    const fresh = this.#policy?.text !== text;
    this.#policy = { serial, text, parsed: read.policy };
    this.#compile(fresh);
  }

  /** A member is new, has another certificate, or is gone. */
  membersChanged(now: number): void {
    if (!this.#policy || this.#compileAt !== Infinity) return;
    this.#compileAt = now + (this.#ports.members().length > manyMembers ? manyMembersMs : 0);
  }

  tick(now: number): void {
    if (now >= this.#compileAt) this.#compile(false);
  }

  #compile(fresh: boolean): void {
    this.#compileAt = Infinity;
    if (!this.#policy) return;
    const { plane, slots } = this.#ports;
    const { parsed } = this.#policy;
    plane.setPolicy(compilePolicy(parsed, this.#ports.self(), this.#ports.members(), slots), fresh);
    this.#ports.applied();
  }

  report(): PolicyReport {
    const rules = this.#policy?.parsed.rules ?? [];
    const counts = this.#ports.plane.policyCounters(rules.length + policyCounts.length);
    return {
      serial: this.#policy?.serial ?? null,
      text: this.#policy?.text ?? null,
      fault: this.#fault,
      rules: rules.map(({ line, text, allow }, i) => ({
        line,
        rule: text,
        action: allow ? 'allow' : 'deny',
        hits: counts[i] ?? 0,
      })),
      others: Object.fromEntries(
        policyCounts.map((name, i) => [name, counts[rules.length + i] ?? 0]),
      ) as Record<PolicyCount, number>,
    };
  }
}

/**
 * The policy in force at this node: takes the newest text, keeps the data plane's tables true to it and to the members,
 * and tells how often each rule decided.
 *
 * A text that this program cannot read does not open the network: the policy before it stays, and the fault is told.
 */
import type { DataPlane } from '../dataplane/plane/plane.js';
import { policyCounts, type PolicyCount } from '../switch/policy-filter.js';
import type { CompiledPolicy } from '../switch/policy-table.js';
import { compilation, type Sender } from './compile.js';
import { decodePolicy } from './document.js';
import { parsePolicy } from './parse.js';
import type { Policy, PolicyFault } from './policy.js';
import type { Subject } from './evaluate.js';

/** With more members than this, new ones are put into their class after so many ms: it costs work for each of all. */
const manyMembers = 64;
const manyMembersMs = 500;
/** Classes of senders made in one turn: some milliseconds for the largest policy. */
export const classesPerTurn = 16;

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
  /** Tables under way: so many classes are made that it would hold up everything else. */
  #work: Generator<undefined, CompiledPolicy> | undefined;
  /** The rules are other ones than those that the plane has. */
  #fresh = false;
  /** The plane has a policy. */
  #inForce = false;

  constructor(ports: EnforcementPorts) {
    this.#ports = ports;
  }

  /** When the tables are to be made anew. */
  get dueAt(): number {
    return this.#work ? -Infinity : this.#compileAt;
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
      this.#work = undefined;
      this.#fresh = this.#inForce = false;
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
    this.#fresh ||= this.#policy?.text !== text;
    this.#policy = { serial, text, parsed: read.policy };
    this.#compile();
  }

  /** A member is new, has another certificate, or is gone. */
  membersChanged(now: number): void {
    if (!this.#policy || this.#compileAt !== Infinity) return;
    this.#compileAt = now + (this.#ports.members().length > manyMembers ? manyMembersMs : 0);
  }

  tick(now: number): void {
    if (this.#work) this.#goOn(classesPerTurn);
    else if (now >= this.#compileAt) this.#compile();
  }

  #compile(): void {
    this.#compileAt = Infinity;
    if (!this.#policy) return;
    this.#work = compilation(
      this.#policy.parsed,
      this.#ports.self(),
      this.#ports.members(),
      this.#ports.slots,
    );
    // Until there are tables everything would pass: the first are made at once.
    this.#goOn(this.#inForce ? classesPerTurn : Infinity);
  }

  #goOn(classes: number): void {
    for (let made = 0; this.#work && made < classes; made++) {
      const { done, value } = this.#work.next();
      if (done !== true) continue;
      this.#work = undefined;
      this.#ports.plane.setPolicy(value, this.#fresh);
      this.#fresh = false;
      this.#inForce = true;
      this.#ports.applied();
    }
  }

  report(): PolicyReport {
    const rules = this.#policy?.parsed.rules ?? [];
    // Those of the rules before say nothing of these.
    const behind = this.#work !== undefined && this.#fresh;
    const counts = behind ? [] : this.#ports.plane.policyCounters(rules.length + policyCounts.length);
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

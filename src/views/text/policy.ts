/** `evio policy …` as plain text. */
import type { PolicyReport } from '../../core/control/schema.js';
import { facts, printable, table } from '../format.js';

/** What a test of a policy found. */
interface TestReport {
  readonly ok: boolean;
  readonly failures: readonly {
    readonly line: number;
    readonly column: number | null;
    readonly message: string;
  }[];
  readonly rules: number;
  readonly expectations: number;
  readonly members: number;
}

export function policyTestText(
  file: string,
  { ok, failures, rules, expectations, members }: TestReport,
): string {
  if (ok)
    return `${printable(file)}: ${rules} rules; ${expectations} expectations hold, ${members} members asked\n`;
  return failures
    .map(
      ({ line, column, message }) =>
        `${printable(file)}:${line}:${column === null ? '' : `${column}:`} ${printable(message)}\n`,
    )
    .join('');
}

export function policyText({ serial, fault, rules, others }: PolicyReport): string {
  const parts: string[] = [];
  if (serial === null) parts.push('There is no policy: every member may send everything.\n');
  else if (rules.length > 0)
    parts.push(
      table(
        ['LINE', 'HITS', 'RULE'],
        rules.map(({ line, hits, rule }) => [String(line), String(hits), printable(rule)]),
      ),
    );
  if (serial !== null)
    parts.push(
      facts([
        ['Serial', String(serial)],
        ...Object.entries(others).map(([name, hits]): [string, string] => [name, String(hits)]),
      ]),
    );
  if (fault)
    parts.push(
      `The policy with serial ${fault.serial} is not understood here: line ${fault.line}, column ${fault.column}: ${printable(fault.message)}.\nA newer evio may read it.\n`,
    );
  return parts.join('\n');
}

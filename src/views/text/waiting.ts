/** Who waits to be let in, for people: `evio approve`, and a line of `evio status`. */
import type { StatusReport } from '../../core/control/schema.js';
import { printable } from '../../core/lib/printable.js';
import { table } from '../format.js';

type Applicant = NonNullable<StatusReport['waiting']>[number];

function progress({ approvals, needed }: Applicant): string {
  return `${approvals} of ${needed}`;
}

export function waitingText(waiting: readonly Applicant[]): string {
  if (waiting.length === 0) return 'Nobody waits to be let in, as far as the node here knows.\n';
  return table(
    ['NAME', 'ADDRESS', 'ADMINS', 'SINCE', 'TOKEN', 'TAGS', 'ID'],
    waiting.map((applicant) => [
      printable(applicant.name),
      applicant.ip,
      progress(applicant),
      applicant.since,
      applicant.invite,
      applicant.tags.map(printable).join(',') || '-',
      applicant.id,
    ]),
  );
}

/** `web waits for approval: evio approve web`. */
export function applicantText(applicant: Applicant): string {
  const name = printable(applicant.name);
  const done = applicant.needed > 1 ? ` (${progress(applicant)} admins)` : '';
  return `${name} waits for approval${done}: evio approve ${name}`;
}

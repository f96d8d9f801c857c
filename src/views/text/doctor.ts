/** `evio doctor` as plain text. */

type Status = 'pass' | 'warn' | 'fail';

/** The JSON of `evio doctor`. */
export interface DoctorFindings {
  readonly checks: readonly {
    readonly id: string;
    readonly status: Status;
    readonly detail: string;
    readonly fix: string | null;
  }[];
  readonly verdict: Status;
}

const marks = { pass: 'ok  ', warn: 'warn', fail: 'FAIL' } as const;

export function doctorText({ checks, verdict }: DoctorFindings): string {
  const width = Math.max(...checks.map(({ id }) => id.length));
  const lines = checks.flatMap(({ id, status, detail, fix }) => [
    `${marks[status]}  ${id.padEnd(width)}  ${detail}`,
    ...(fix === null ? [] : [`${' '.repeat(width + 8)}-> ${fix}`]),
  ]);
  const words = {
    pass: 'This machine can run evio.',
    warn: 'This machine can run evio, with the limits above.',
    fail: 'evio does not work here as it is: begin with what is marked FAIL.',
  } as const;
  return `${lines.join('\n')}\n\n${words[verdict]}\n`;
}

/** What `evio doctor` finds. */
export type CheckStatus = 'pass' | 'warn' | 'fail';

export interface Check {
  readonly id: string;
  readonly status: CheckStatus;
  readonly detail: string;
  /** What to do about it; null when there is nothing to do. */
  readonly fix: string | null;
}

export interface DoctorReport {
  readonly checks: readonly Check[];
  readonly verdict: CheckStatus;
}

export function pass(id: string, detail: string): Check {
  return { id, status: 'pass', detail, fix: null };
}

export function warn(id: string, detail: string, fix: string | null): Check {
  return { id, status: 'warn', detail, fix };
}

export function fail(id: string, detail: string, fix: string): Check {
  return { id, status: 'fail', detail, fix };
}

/** The worst of all. */
export function verdictOf(checks: readonly Check[]): CheckStatus {
  if (checks.some(({ status }) => status === 'fail')) return 'fail';
  return checks.some(({ status }) => status === 'warn') ? 'warn' : 'pass';
}

/** Numbers for people. */
const units = ['', 'k', 'M', 'G', 'T'];

/** `1.2 M`, with a thousand to the step. */
export function short(value: number): string {
  let step = 0;
  let rest = value;
  while (rest >= 999.5 && step < units.length - 1) {
    rest /= 1000;
    step++;
  }
  const digits = step === 0 || rest >= 100 ? 0 : rest >= 10 ? 1 : 2;
  return `${rest.toFixed(digits)} ${units[step] ?? ''}`;
}

export const bytes = (value: number): string => `${short(value)}B`;
export const bits = (bytesPerS: number): string => `${short(bytesPerS * 8)}bit/s`;
export const round = (ms: number | null): string =>
  ms === null ? '' : ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;

/** Of a time, ms since 1970. */
export const ago = (at: number): string => `${since(Math.max(0, Date.now() - at))} ago`;

/** Of a time, ms since 1970: the hour of today, else the day. */
export function moment(at: number): string {
  const date = new Date(at);
  return date.toDateString() === new Date().toDateString()
    ? date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
    : date.toLocaleDateString();
}

export function since(ms: number): string {
  const s = Math.round(ms / 1000);
  if (s < 90) return `${s} s`;
  if (s < 5_400) return `${Math.round(s / 60)} min`;
  if (s < 129_600) return `${Math.round(s / 3_600)} h`;
  return `${Math.round(s / 86_400)} d`;
}

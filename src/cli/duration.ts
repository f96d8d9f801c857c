/** Durations as operators write them. */
import { badValue } from '../core/identity/names.js';

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `500ms`, `30s`, `5m`, `24h`, `7d`, `2w`; a bare number is seconds. Throws EvioError EVIO_BAD_VALUE. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)(ms|s|m|h|d|w)?$/.exec(text.trim());
  const ms = match ? Number(match[1]) * (units[match[2] ?? 's'] as number) : NaN;
  if (Number.isSafeInteger(Math.round(ms)) && ms >= 1) return Math.round(ms);
  throw badValue(`"${text}" is not a duration.`, 'Write a number with a unit: 500ms, 30s, 5m, 24h or 7d');
}

/** How numbers, times and tables look. Pure; nothing here knows a terminal. */
export { printable } from '../core/lib/printable.js';

/** `512 B`, `1.5 kB`, `12 MB`: powers of 1000. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  for (const unit of ['B', 'kB', 'MB', 'GB', 'TB']) {
    if (value < 999.5 || unit === 'TB')
      return `${unit === 'B' || value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${unit}`;
    value /= 1000;
  }
  return '';
}

/** Bits per second of two byte counts `ms` apart: `0 bit/s`, `12.5 Mbit/s`. */
export function formatRate(bytes: number, ms: number): string {
  let value = ms > 0 ? Math.max(0, (bytes * 8000) / ms) : 0;
  for (const unit of ['bit/s', 'kbit/s', 'Mbit/s']) {
    if (value < 999.5)
      return `${unit === 'bit/s' || value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} Gbit/s`;
}

/** `0.42 ms`, `17 ms`; `-` when unknown. */
export function formatMs(ms: number | null): string {
  if (ms === null) return '-';
  return `${ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}

/** Columns under headings, two spaces apart; the last one is not padded. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return `${all.map(line).join('\n')}\n`;
}

/** `name: value` lines with the values under each other. */
export function facts(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length)) + 2;
  return `${pairs.map(([name, value]) => `${name.padEnd(width)}${value}`.trimEnd()).join('\n')}\n`;
}

/** Text that others wrote, made fit for a terminal. */

/**
 * What a terminal may obey, or what reorders or hides text: control characters (C0, DEL, C1), format characters (bidi
 * overrides, zero width), separators of lines, what is unassigned.
 */
const obeyed = /[\p{C}\u2028\u2029]/gu;
const obeyedInLines = /[^\P{C}\n\t]|[\u2028\u2029]/gu;

/** One line from another machine: each such character becomes a question mark. */
export function printable(text: string): string {
  return text.replace(obeyed, '?');
}

/** The same for text of several lines, whose line feeds and tabs stay. */
export function printableLines(text: string): string {
  return text.replace(obeyedInLines, '?');
}

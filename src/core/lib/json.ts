/** JSON that somebody else wrote. */

/** The value, or undefined where the text is not JSON (which says no such thing). */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

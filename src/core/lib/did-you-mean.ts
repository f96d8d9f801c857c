/** What a person may have meant by a word that there is not: names of commands, of members. */

/** Letters that may be wrong, left out, added or exchanged with their neighbour. */
const maxEdits = 2;

/** The nearest names, at most three, best first; none where nothing is near. */
export function nearest(word: string, names: readonly string[]): string[] {
  return names
    .map((name) => ({ name, edits: edits(word, name) }))
    .filter(({ name, edits }) => edits <= Math.min(maxEdits, Math.floor(name.length / 2)))
    .sort((a, b) => a.edits - b.edits)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** Optimal string alignment distance: insertions, deletions, replacements and exchanges of neighbours. */
function edits(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(
        (row[j - 1] as number) + 1,
        (last[j] as number) + 1,
        (last[j - 1] as number) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] as number) + 1);
      row.push(cost);
    }
    before = last;
    last = row;
  }
  return last[b.length] as number;
}

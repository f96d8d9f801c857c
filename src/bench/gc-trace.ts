/**
 * What `node --trace-gc` prints, as numbers: how long each collection held up its thread, and what was left of the heap.
 *
 *   [8072:0x28ea8e40]   6111 ms: Scavenge 35.1 (52.2) -> 20.5 (52.4) MB, 5.74 / 0.00 ms  (average mu = …
 *   [8072:0x28ea8e40]    542 ms: Mark-Compact (reduce) 11.9 (13.9) -> 9.3 (13.9) MB, 10.13 / 0.12 ms  (+ 0.8 ms in 24
 *                                steps since start of marking, biggest step 0.1 ms, …
 */

export interface Collection {
  /** Which heap: one a thread. */
  readonly heap: string;
  /** Of the whole heap, not of the young generation alone. */
  readonly major: boolean;
  /** ms since the heap was made. */
  readonly at: number;
  /** Longest time that the thread stood still for it, ms. */
  readonly pauseMs: number;
  /** MB in use afterwards, garbage that was not looked at included. */
  readonly usedMb: number;
}

const line =
  /\[\d+:(0x[0-9a-f]+)\]\s+(\d+) ms: (Scavenge|Mark-Compact)[^0-9]*[\d.]+ \([\d.]+\) -> ([\d.]+) \([\d.]+\) MB, ([\d.]+) \/ [\d.]+ ms(?:.*biggest step ([\d.]+) ms)?/;

/** The collection that a line tells of, if it does. */
export function parseCollection(text: string): Collection | undefined {
  const match = line.exec(text);
  if (!match) return undefined;
  const [, heap = '', at, kind, used, pause, step] = match;
  return {
    heap,
    major: kind === 'Mark-Compact',
    at: Number(at),
    pauseMs: Math.max(Number(pause), Number(step ?? 0)),
    usedMb: Number(used),
  };
}

export interface HeapSummary {
  readonly minors: number;
  readonly majors: number;
  readonly longestMinorMs: number;
  readonly longestMajorMs: number;
  /** After the first collection and after the last; NaN without any. */
  readonly firstMb: number;
  readonly lastMb: number;
}

/** What happened to one heap. */
export function summarize(collections: readonly Collection[], heap: string): HeapSummary {
  const own = collections.filter((c) => c.heap === heap);
  const minors = own.filter((c) => !c.major);
  const majors = own.filter((c) => c.major);
  return {
    minors: minors.length,
    majors: majors.length,
    longestMinorMs: Math.max(0, ...minors.map((c) => c.pauseMs)),
    longestMajorMs: Math.max(0, ...majors.map((c) => c.pauseMs)),
    firstMb: own[0]?.usedMb ?? Number.NaN,
    lastMb: own.at(-1)?.usedMb ?? Number.NaN,
  };
}

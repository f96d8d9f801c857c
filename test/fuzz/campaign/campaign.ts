/** Runs targets by turns until so many cases, or so much time, are over. The same seed makes the same cases. */
import { Mutator } from './mutator.js';
import { FoundError, type Target } from './target.js';

export interface Campaign {
  readonly seed: number;
  /** Ends at whichever comes first. */
  readonly cases: number;
  readonly ms: number;
}

export interface Found {
  readonly target: string;
  readonly input: string;
  readonly reason: string;
}

export interface Outcome {
  readonly cases: number;
  readonly ms: number;
  readonly byTarget: Readonly<Record<string, number>>;
  readonly found: readonly Found[];
  /** The case that took longest. */
  readonly slowest: { readonly target: string; readonly ms: number };
}

/** Cases that a target runs in one turn. */
const turn = 64;
/** One message must not hold up a thread so long, ms: a machine that is busy otherwise takes its share of that. */
const patienceMs = 2_000;
/** Enough to look at. */
const foundLimit = 10;

export function run(targets: readonly Target[], { seed, cases, ms }: Campaign): Outcome {
  const mutator = new Mutator(seed);
  const begun = performance.now();
  const order = targets.flatMap((target) => Array.from({ length: target.weight }, () => target));
  const byTarget: Record<string, number> = {};
  const found: Found[] = [];
  let slowest = { target: '', ms: 0 };
  let count = 0;
  while (count < cases && performance.now() - begun < ms && found.length < foundLimit) {
    const target = mutator.of(order);
    for (let i = 0; i < turn; i++, count++) {
      const at = performance.now();
      let input: Uint8Array | string = '';
      try {
        input = target.run(mutator);
      } catch (thrown) {
        const bytes = thrown instanceof FoundError ? Buffer.from(thrown.input).toString('hex') : '';
        found.push({ target: target.name, input: bytes, reason: String(thrown) });
      }
      const took = performance.now() - at;
      if (took > slowest.ms) slowest = { target: target.name, ms: took };
      if (took > patienceMs) {
        const text = typeof input === 'string' ? input : Buffer.from(input).toString('hex');
        found.push({ target: target.name, input: text, reason: `took ${Math.round(took)} ms` });
      }
    }
    byTarget[target.name] = (byTarget[target.name] ?? 0) + turn;
  }
  return { cases: count, ms: performance.now() - begun, byTarget, found, slowest };
}

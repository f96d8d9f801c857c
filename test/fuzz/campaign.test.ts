/**
 * Every parser and every machine under mutated messages. `npm run fuzz -- --cases N --minutes N --seed S --target NAME` runs it for longer;
 * docs/security.md tells of the longest run. Without it: half a minute where CI is set, some seconds elsewhere.
 */
import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { run } from './campaign/campaign.js';
import { machines } from './campaign/machines.js';
import { parsers } from './campaign/parsers.js';
import { parser } from './campaign/target.js';

const env = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);
const seconds = env('EVIO_FUZZ_SECONDS', (process.env['CI'] ?? '') === '' ? 8 : 30);
const options = {
  seed: env('EVIO_FUZZ_SEED', 20_26),
  cases: env('EVIO_FUZZ_CASES', Infinity),
  ms: seconds * 1_000,
};

it('nothing that is made up breaks a parser or a machine', { timeout: options.ms + 120_000 }, () => {
  const only = process.env['EVIO_FUZZ_TARGET'] ?? '';
  const targets = [...parsers, ...machines()].filter(({ name }) => name.includes(only));
  const outcome = run(targets, options);
  const report = process.env['EVIO_FUZZ_REPORT'];
  if (report !== undefined) writeFileSync(report, `${JSON.stringify(outcome, null, 1)}\n`);
  console.log(
    `${outcome.cases} cases in ${(outcome.ms / 1000).toFixed(0)} s, ${outcome.found.length} found, seed ${options.seed}`,
  );
  expect(outcome.found).toEqual([]);
  expect(outcome.cases).toBeGreaterThan(0);
});

it('finds a parser that throws, that changes its input, or that takes its time', () => {
  const corpus = [Uint8Array.of(1, 2, 3)];
  const found = (parse: (bytes: Uint8Array) => unknown): string =>
    run([parser('broken', corpus, parse)], { seed: 1, cases: 2_000, ms: 10_000 }).found[0]?.reason ??
    'nothing';
  expect(found((bytes) => (bytes[0] === 0xff ? bytes.at(3)!.toFixed() : 1))).toMatch(/TypeError/);
  expect(found((bytes) => bytes.length > 10 && bytes.fill(0))).toMatch(/changed its input/);
  expect(found(() => 1)).toBe('nothing');
});

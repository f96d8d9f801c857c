// npm run fuzz -- [--cases N] [--minutes N] [--seed S] [--report FILE] [--target NAME]: test/fuzz/campaign.test.ts for longer, and the entry of a relay.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    cases: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    report: { type: 'string' },
    target: { type: 'string' },
  },
});
const minutes = Number(values.minutes ?? (values.cases === undefined ? 2 : 24 * 60));
const env = {
  ...process.env,
  EVIO_FUZZ_SECONDS: String(minutes * 60),
  EVIO_FUZZ_SEED: values.seed,
  ...(values.cases === undefined ? {} : { EVIO_FUZZ_CASES: values.cases }),
  ...(values.report === undefined ? {} : { EVIO_FUZZ_REPORT: values.report }),
  ...(values.target === undefined ? {} : { EVIO_FUZZ_TARGET: values.target }),
};
const { status } = spawnSync(
  'npx',
  [
    ...['vitest', 'run', '--project', 'unit', '-t', 'made up'],
    ...['test/fuzz/campaign.test.ts', 'test/fuzz/relay-entry.test.ts'],
  ],
  { env, stdio: 'inherit' },
);
process.exit(status ?? 1);

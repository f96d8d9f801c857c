import { expect, it } from 'vitest';
import { Placements } from '../../../src/core/relays/placements.js';
import { virtualEnv, VirtualClock } from '../../support/virtual.js';

const id = '1'.repeat(32);
const host = '192.0.2.1';

function stage(count: number, up = true) {
  const clock = new VirtualClock();
  const relays = Array.from({ length: count }, () => ({ up, complete: true, rttMs: 1, request: () => true }));
  const placements = new Placements(virtualEnv(clock), () => relays);
  let result: boolean | undefined;
  const asked = placements.ask(id, host).then((here) => (result = here));
  const answer = (here: boolean, where = host): void => {
    placements.answered({ type: 'placed', id, host: where, here });
  };
  return { clock, placements, answer, asked, get: () => result };
}

it('one relay that sees the member there suffices', async () => {
  const { answer, asked } = stage(2);
  answer(false);
  answer(true);
  expect(await asked).toBe(true);
});

it('where none does it is not there, and answers about other places say nothing', async () => {
  const { answer, asked, get } = stage(2);
  answer(true, '192.0.2.2');
  answer(false);
  await Promise.resolve();
  expect(get()).toBeUndefined();
  answer(false);
  expect(await asked).toBe(false);
});

it.each([
  ['nobody can be asked', 0],
  ['nobody answers in time', 1],
])('%s: no', async (_, count) => {
  const { clock, asked } = stage(count);
  await clock.run(2_100);
  expect(await asked).toBe(false);
});

it('a stop ends it', async () => {
  const { placements, asked } = stage(1);
  placements.stop();
  expect(await asked).toBe(false);
});

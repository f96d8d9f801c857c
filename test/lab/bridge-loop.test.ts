/** Two members bridge one LAN: without a guard each frame would go round and round, by the LAN there and by the network back. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { run, sleep } from '../../src/lab/exec.js';
import { lanOf, lanRig, untilLan, type LanRig } from '../support/lan-rig.js';
import { flowTo } from './flow.js';

let rig: LanRig;
beforeAll(async () => {
  rig = await lanRig(['a', 'b', 'c']);
});
afterAll(async () => {
  await rig?.destroy();
});

/** A machine without evio, whose programs the lab ends with those of a member. */
const machine = (ns: string): Pick<typeof rig.a.site.host, 'launch'> => ({
  launch: (argv, options) => rig.a.site.host.launch(['ip', 'netns', 'exec', ns, ...argv], options),
});

/** Frames that the switch of the first LAN gave to the machine there. */
async function givenToLeft(): Promise<number> {
  const { stdout } = await run(['cat', '/sys/class/net/p3/statistics/tx_packets'], { ns: rig.lan1 });
  return Number(stdout);
}

it('one of them passes frames, and no broadcast comes twice or comes back, from the first instant on', async () => {
  const { a, b, c, left, right } = rig;
  await c.node.json(['bridge', 'eth1']);
  await untilLan(c, 'open', 15_000);
  const before = await givenToLeft();
  const stop = await flowTo(machine(left.ns), machine(right.ns), '10.144.255.255', 6001, 'broadcast');
  await Promise.all([a, b].map(({ node }) => node.json(['bridge', 'eth1'])));
  const states = async (): Promise<unknown[]> =>
    (await Promise.all([a, b].map(lanOf))).map((lan) => lan?.state).sort();
  await expect.poll(states, { timeout: 20_000, interval: 200 }).toEqual(['blocked', 'open']);
  // The way is open then: what is sent now comes, and what would go round does so at once.
  await sleep(1_000);
  const { sent, lost, twice } = await stop();
  const back = (await givenToLeft()) - before;
  console.log(`${sent} broadcasts: ${sent - lost} came, ${twice} twice; ${back} frames to their own LAN`);
  expect(sent - lost).toBeGreaterThan(0);
  expect(twice).toBe(0);
  // Hellos and questions for addresses.
  expect(back).toBeLessThan(sent / 10);
});

/** Addresses for pods that were asked for ahead: nobody has them until somebody speaks. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { askAhead, isUsed, quietAddresses } from '../../src/cni/flat/probe.js';
import { Kernel } from '../../src/cni/kernel/kernel.js';
import { within } from '../../src/cni/kernel/namespace.js';
import { run } from '../../src/lab/exec.js';

const [here, there] = [`evio-probe-a${process.pid}`, `evio-probe-b${process.pid}`];
const [free, chosen] = ['10.9.9.6', '10.9.9.7'];

function asked<T>(work: (kernel: Kernel) => T): T {
  return within(`/run/netns/${here}`, () => Kernel.use(work));
}

async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + 15_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error('it does not come to hold');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

beforeAll(async () => {
  for (const ns of [here, there]) await run(['ip', 'netns', 'add', ns]);
  await run(['ip', 'link', 'add', 'va', 'type', 'veth', 'peer', 'name', 'vb', 'netns', there], { ns: here });
  for (const [ns, device, ip] of [
    [here, 'va', '10.9.9.1'],
    [there, 'vb', '10.9.9.2'],
  ] as const) {
    await run(['ip', 'address', 'add', `${ip}/24`, 'dev', device], { ns });
    await run(['ip', 'link', 'set', device, 'up'], { ns });
  }
});
afterAll(async () => {
  for (const ns of [here, there]) await run(['ip', 'netns', 'delete', ns], { allowFailure: true });
});

it('are quiet once nobody has answered, and are not any more when somebody begins to use one', async () => {
  asked((kernel) => {
    askAhead(kernel, 'va', [free, chosen, '10.9.9.2']);
  });
  await until(() => {
    const quiet = asked((kernel) => quietAddresses(kernel, 'va'));
    return quiet.has(free) && quiet.has(chosen);
  });
  await until(() => asked((kernel) => isUsed(kernel, 'va', '10.9.9.2')));
  // It asks for somebody, as every host does before its first packet.
  await run(['ip', 'address', 'add', `${chosen}/24`, 'dev', 'vb'], { ns: there });
  await run(['ping', '-c1', '-W5', '-I', chosen, '10.9.9.1'], { ns: there });
  await until(() => asked((kernel) => isUsed(kernel, 'va', chosen)));
  expect([...asked((kernel) => quietAddresses(kernel, 'va'))]).toEqual([free]);
});

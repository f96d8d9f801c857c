import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { hasBuild, hasRoot } from '../../support/need.js';

const folder = fileURLToPath(new URL('../../../dist/core', import.meta.url));

/** In a network namespace of its own: prints a line for each notice, and the way out then. */
const program = `
  import { watchKernel } from '${folder}/native/kernel-watch.js';
  import { machineWays } from '${folder}/tap/machine-ways.js';
  import { execFileSync } from 'node:child_process';
  const ip = (line) => execFileSync('ip', line.split(' '));
  const steps = [
    'link add eth0 type veth peer name other0', 'link set other0 up', 'link set eth0 up', 'addr add 10.9.0.1/24 dev eth0',
    'route add default via 10.9.0.2', 'link add evio0 type veth peer name other1', 'link set other1 up', 'link set evio0 up',
    'addr add 10.144.0.1/16 dev evio0', 'route add 0.0.0.0/1 via 10.144.0.9', 'route add 128.0.0.0/1 via 10.144.0.9',
    'link add eth1 type veth peer name other2', 'link set other2 up', 'link set eth1 up', 'addr add 10.8.0.1/24 dev eth1',
    'route replace default nexthop via 10.8.0.2 dev eth1 nexthop via 10.9.0.2 dev eth0',
  ];
  let told;
  const end = watchKernel(() => told?.());
  const notice = () => new Promise((resolve) => (told = resolve));
  for (const step of steps) {
    const heard = notice();
    ip(step);
    // Without a timer the process would end here: the watch holds it no longer than others do.
    const timer = setTimeout(() => process.exit(3), 5_000);
    await heard;
    clearTimeout(timer);
    if (!step.startsWith('route')) continue;
    const { v4, v6 } = machineWays('evio0', ['10.9.0.7', 'relay.example']);
    console.log(JSON.stringify([step, v4 && [v4.name, v4.gateway, v4.source, v4.pinned], v6]));
  }
  end();
`;

describe.runIf(hasRoot() && hasBuild())('the kernel', () => {
  it('tells of links, addresses and routes, and by which the machine would leave', () => {
    const node = [process.execPath, '--input-type=module', '--eval', program];
    const printed = execFileSync('unshare', ['--net', ...node], { encoding: 'utf8', timeout: 30_000 });
    const lines = printed
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toEqual([
      ['route add default via 10.9.0.2', ['eth0', '10.9.0.2', '10.9.0.1', false], null],
      // One half of the internet by the network is one too many.
      ['route add 0.0.0.0/1 via 10.144.0.9', ['eth0', '10.9.0.2', '', true], null],
      ['route add 128.0.0.0/1 via 10.144.0.9', ['eth0', '10.9.0.2', '', true], null],
      // Two uplinks that share what is sent.
      [
        'route replace default nexthop via 10.8.0.2 dev eth1 nexthop via 10.9.0.2 dev eth0',
        ['eth1', '10.8.0.2', '', true],
        null,
      ],
    ]);
  });
});

/** What comes into the range of a network while its node runs. */
import { expect, it } from 'vitest';
import { InterfaceWatch } from '../../../src/core/node/interface-watch.js';
import type { NodeEvent } from '../../../src/core/node/events.js';
import type { Cidr } from '../../../src/core/lib/ipv4.js';
import { silentLogger } from '../../../src/core/lib/env.js';
import type { LocalRange } from '../../../src/core/surroundings/local-ranges.js';

const range: Cidr = { base: 0x0a90_0000, prefix: 16 };
const own: LocalRange = { device: 'cl0', kind: 'address', cidr: { base: 0x0a90_0701, prefix: 32 } };

function watchOf(allowed: readonly string[], machine: { has?: LocalRange }) {
  const events: NodeEvent[] = [];
  const watch = new InterfaceWatch({
    log: silentLogger,
    network: 'ab',
    range,
    allowed,
    plane: { mend: () => [], deviceName: 'evio0' },
    clash: () => machine.has,
    mended: () => undefined,
    joinPorts: () => false,
    lan: () => undefined,
    tell: (event) => events.push(event),
  });
  watch.start();
  return { watch, events };
}

it('is reported as long as it is there, and told once', () => {
  const machine: { has?: LocalRange } = {};
  const { watch, events } = watchOf([], machine);
  expect(watch.clash).toBeUndefined();
  machine.has = own;
  watch.look();
  watch.look();
  expect(watch.clash).toEqual({ device: 'cl0', kind: 'address', cidr: '10.144.7.1/32' });
  expect(events).toEqual([
    { event: 'range-clash', network: 'ab', device: 'cl0', kind: 'address', cidr: '10.144.7.1/32' },
  ]);
  delete machine.has;
  watch.look();
  expect(watch.clash).toBeUndefined();
});

it('is no report where the operator allowed it, unless the default route leads nowhere', () => {
  const machine: { has?: LocalRange } = { has: own };
  const { watch } = watchOf(['10.144.0.0/16'], machine);
  expect(watch.clash).toBeUndefined();
  machine.has = { ...own, kind: 'gateway', through: 'evio0' };
  watch.look();
  expect(watch.clash).toMatchObject({ kind: 'gateway', through: 'evio0' });
});

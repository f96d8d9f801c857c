/** A node on this machine: the engine with the real ports. Nothing touches the kernel before `start`. */
import { networkInterfaces } from 'node:os';
import { WorkerPlane } from '../dataplane/plane/worker-plane.js';
import { Engine } from './engine.js';
import { fastestSuite } from '../native/fastest-suite.js';
import type { Node, NodeOptions } from './node.js';
import type { LocalAddress } from '../surroundings/candidate.js';

export function createNode(options: NodeOptions): Node {
  return new Engine(options, {
    makePlane: (plane) => new WorkerPlane(plane, options.env.log),
    addresses: systemAddresses,
    suite: fastestSuite,
  });
}

/** Addresses of this machine, as the kernel tells. */
function systemAddresses(): LocalAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([device, list]) =>
    (list ?? []).map(({ address, internal }) => ({ device, address, internal })),
  );
}

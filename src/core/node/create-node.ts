/** A node on this machine: the engine with the real ports. Nothing touches the kernel before `start`. */
import { WorkerPlane } from '../dataplane/plane/worker-plane.js';
import { Engine } from './engine.js';
import { systemAddresses } from '../native/addresses.js';
import { fastestSuite } from '../native/fastest-suite.js';
import type { Node, NodeOptions } from './node.js';

export function createNode(options: NodeOptions): Node {
  return new Engine(options, {
    makePlane: (plane) => new WorkerPlane(plane, options.env.log),
    addresses: systemAddresses,
    suite: fastestSuite,
  });
}

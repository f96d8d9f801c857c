/** A node on this machine: the engine with the real ports. Nothing touches the kernel before `start`. */
import { WorkerPlane } from '../dataplane/plane/worker-plane.js';
import { Engine } from './engine.js';
import { systemAddresses } from '../native/addresses.js';
import { watchKernel } from '../native/kernel-watch.js';
import { machineRanges, reachesOtherwise } from '../native/machine-ranges.js';
import { clashOf } from '../surroundings/local-ranges.js';
import { MachineRoutes } from '../tap/machine-routes.js';
import { joinPods } from '../tap/pod-port.js';
import { machineWays } from '../tap/machine-ways.js';
import { fastestSuite } from '../native/fastest-suite.js';
import { GatewaySocket } from './gateway-socket.js';
import { lanPort } from './lan-sockets.js';
import type { Node, NodeOptions } from './node.js';

export function createNode(options: NodeOptions): Node {
  return new Engine(options, {
    makePlane: (plane) => new WorkerPlane(plane, options.env.log),
    addresses: systemAddresses,
    ways: machineWays,
    clash: (range, device) =>
      clashOf(
        range,
        machineRanges().filter((local) => local.device !== device),
      ),
    joinPods,
    watch: watchKernel,
    ...(options.portmap === false
      ? {}
      : { gateway: (gateway, source, heard) => new GatewaySocket(gateway, source, heard, options.env.log) }),
    ...(options.lan === false ? {} : { lan: (heard) => lanPort(heard, options.env.log) }),
    suite: fastestSuite,
    routes: {
      table: (networkId, device) =>
        new MachineRoutes(networkId, device, (prefix) => reachesOtherwise(prefix, device)),
      uses: (range) => clashOf(range, machineRanges()) !== undefined,
    },
  });
}

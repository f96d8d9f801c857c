/** A node on this machine: the engine with the real ports. Nothing touches the kernel before `start`. */
import { WorkerPlane } from '../dataplane/plane/worker-plane.js';
import { createUserspaceDevice } from '../userspace/device.js';
import { destinationOf } from '../userspace/destination.js';
import { Names } from '../names/names.js';
import { openDataChannel } from '../carriers/webrtc/datachannel.js';
import { Engine } from './engine.js';
import { systemAddresses } from '../native/addresses.js';
import { watchKernel } from '../native/kernel-watch.js';
import { machineRanges, reachesOtherwise } from '../native/machine-ranges.js';
import { clashOf } from '../surroundings/local-ranges.js';
import { MachineRoutes } from '../tap/machine-routes.js';
import { clearNat, setNat } from '../tap/exit-nat.js';
import { clearExit, setExit } from '../tap/exit-routes.js';
import { joinPorts } from '../tap/joined-ports.js';
import { lanLink } from '../tap/lan-link.js';
import { machineExit, machineWays, stackedOn } from '../tap/machine-ways.js';
import { fastestSuite } from '../native/fastest-suite.js';
import { fanSockets } from './fan-sockets.js';
import { GatewaySocket } from './gateway-socket.js';
import { lanPort } from './lan-sockets.js';
import { ProvenClock } from './proven-clock.js';
import { probePort } from './probe-sockets.js';
import { proxyFor } from '../lib/proxy-url.js';
import { Tidying } from '../native/v8.js';
import { neighbourhoodOf } from './neighbourhood.js';
import type { Node, NodeOptions } from './node.js';
import { resolveName } from './resolve-name.js';

export function createNode(options: NodeOptions): Node {
  const { userspace, env, names = 'off' } = options;
  const dates = new ProvenClock(env.clock);
  const node: Engine = new Engine(
    { ...options, env: { ...env, clock: dates }, dates },
    {
      makePlane: (plane) =>
        new WorkerPlane(
          plane,
          env.log,
          options.makeDevice ??
            (userspace &&
              ((device) =>
                createUserspaceDevice(device, {
                  options: userspace,
                  log: env.log,
                  resolve: (host) => destinationOf(host, neighbourhoodOf(node)),
                }))),
        ),
      addresses: systemAddresses,
      ways: machineWays,
      exit: machineExit,
      stacked: stackedOn,
      ...(userspace || options.makeDevice
        ? {}
        : {
            // In a program beside ours it is not ours to decide when its memory is looked through.
            tidying: new Tidying(),
            joinPorts,
            lanLink,
            exits: { set: setExit, clear: clearExit, setNat, clearNat },
            ...(names === 'off'
              ? {}
              : { names: (facts) => new Names(facts, { mode: names, clock: env.clock, log: env.log }) }),
            clash: (range, device) =>
              clashOf(
                range,
                machineRanges().filter((local) => local.device !== device),
              ),
            routes: {
              table: (networkId, device) =>
                new MachineRoutes(networkId, device, (prefix) => reachesOtherwise(prefix, device)),
              uses: (range) => clashOf(range, machineRanges()) !== undefined,
            },
          }),
      watch: watchKernel,
      ...(options.portmap === false
        ? {}
        : {
            gateway: (gateway, source, heard) => new GatewaySocket(gateway, source, heard, options.env.log),
          }),
      ...(options.lan === false ? {} : { lan: (heard) => lanPort(heard, options.env.log) }),
      probe: probePort,
      fan: fanSockets,
      openCall: openDataChannel,
      proxy: (wish, host, port) => proxyFor(wish, host, port, process.env),
      resolve: resolveName,
      suite: fastestSuite,
    },
  );
  return node;
}

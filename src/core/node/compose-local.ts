/**
 * What a run does for this machine beside being a member: its interface and what else takes part by it, a LAN that it bridges,
 * a way out, programs that it offers.
 */
import type { DataPlane } from '../dataplane/plane/plane.js';
import type { Peers } from '../peer/peers.js';
import type { Subnets } from '../subnets/subnets.js';
import { Bridge } from './bridge.js';
import { Exit } from './exit.js';
import { InterfaceWatch } from './interface-watch.js';
import type { RunContext } from './ports.js';
import { Services } from './services.js';

export interface Local {
  readonly bridge: Bridge;
  readonly exit: Exit;
  readonly services: Services;
  readonly interfaceWatch: InterfaceWatch;
}

export interface LocalParts {
  readonly context: RunContext;
  readonly plane: DataPlane;
  readonly members: Peers;
  readonly subnets: Subnets;
  /** Names have other services than before. */
  readonly renamed: () => void;
}

export function composeLocal({ context, plane, members, subnets, renamed }: LocalParts): Local {
  const { options, ports, credential, routes, local, tell } = context;
  const { network, networkId } = credential.self;
  const { clock, log } = options.env;
  const { name } = options.profile;
  const bridge: Bridge = new Bridge({
    ...{ clock, log, credential, name, plane, members },
    settings: local.bridge,
    link: ports.lanLink,
    join: () => {
      interfaceWatch.join();
    },
  });
  const interfaceWatch = new InterfaceWatch({
    ...{ log, network: networkId, range: network.cidr, plane, tell },
    allowed: options.profile.allowedRanges ?? [],
    clash: (range) => ports.clash?.(range, plane.deviceName),
    mended: () => {
      subnets.moved();
    },
    joinPorts: (device, lan, before) => ports.joinPorts?.(device, lan, before) ?? false,
    lan: () => bridge.lan,
  });
  return {
    bridge,
    interfaceWatch,
    exit: new Exit({
      ...{ clock, log, credential, routes, members, subnets },
      settings: local.exit,
      device: () => plane.deviceName,
      ports: ports.exits,
    }),
    services: new Services({
      settings: local.services,
      connected: () =>
        members.all().flatMap(({ state, member }) => (state === 'connected' ? member.idText : [])),
      send: (to, message) => {
        const peer = members.get(to);
        if (peer?.state === 'connected') plane.sendControl(peer.slot, message);
      },
      changed: renamed,
    }),
  };
}

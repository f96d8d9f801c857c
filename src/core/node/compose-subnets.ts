/** Subnets of members in a run: which parts of it they speak to. */
import type { DataPlane } from '../dataplane/plane/plane.js';
import { ownerOf } from '../identity/certificate.js';
import { rangesOf } from '../identity/network.js';
import type { Env } from '../lib/env.js';
import type { Cidr } from '../lib/ipv4.js';
import { Paced } from '../lib/paced.js';
import type { OwnCredential } from '../membership/own-credential.js';
import type { OverlayHost } from '../overlay/overlay-host.js';
import type { Peers } from '../peer/peers.js';
import type { RouteTable } from '../subnets/route-table.js';
import { announcerOf } from '../subnets/self.js';
import type { RouteSettings } from '../subnets/settings.js';
import { Subnets } from '../subnets/subnets.js';
import { isPrivateRange } from '../surroundings/local-ranges.js';
import { encodeSubnets } from '../wire/subnets.js';
import type { NodeEvent } from './events.js';
import type { ExitSettings } from './exit.js';
import type { StateKeeper } from './state-keeper.js';

/** A route that cannot be set is told of this often. */
const failedRouteMs = 600_000;
/** Of a ping that nobody waits for: its answer is a sign of life. */
const noTransaction = 0;

/** Routes of this machine. */
export interface RoutePorts {
  /** Of a network whose interface has this name. */
  table(networkId: string, device: string): RouteTable;
  /** True when this machine has an address, a gateway or a route in the range, or for it. */
  uses(range: Cidr): boolean;
}

export interface SubnetParts {
  readonly env: Pick<Env, 'clock' | 'log'>;
  readonly credential: OwnCredential;
  readonly routes: RouteSettings;
  readonly ports: { readonly routes?: RoutePorts };
  readonly plane: DataPlane;
  readonly members: Peers;
  readonly overlay: OverlayHost;
  readonly keeper: StateKeeper;
  readonly exit: ExitSettings;
  readonly tell: (event: NodeEvent) => void;
}

export function composeSubnets(parts: SubnetParts): Subnets {
  const { env, credential, routes, ports, plane, members, overlay, keeper, tell } = parts;
  const { clock, log } = env;
  const { network, networkId, idText, keys } = credential.self;
  const failures = new Paced(failedRouteMs);
  const ranges = rangesOf(network);
  const guarded = isPrivateRange(network.cidr) && ports.routes?.uses(network.cidr) !== true;
  let table: RouteTable | undefined;
  return new Subnets(ranges, keys, routes, {
    clock,
    self: () => announcerOf(credential.self),
    memberOf: (document, from) => {
      const owner = ownerOf(document);
      if (owner === idText) return announcerOf(credential.self);
      return members.take(document, owner === from ? undefined : from)?.member;
    },
    send: (to, message) => {
      const peer = members.get(to);
      if (peer?.state === 'connected') plane.sendControl(peer.slot, encodeSubnets(message));
    },
    // Links on demand have others, by which they hear the same.
    links: () => [...overlay.roles()].flatMap(([link, role]) => (role === 'on-demand' ? [] : [link])),
    ask: (to) => {
      const peer = members.get(to);
      if (peer?.state === 'connected') peer.ping(noTransaction);
      else peer?.connect(clock.now());
    },
    silence: (to) => {
      const peer = members.get(to);
      return peer?.state === 'connected' ? peer.silenceMs : Infinity;
    },
    setRules: (rules) => {
      plane.setSubnets(rules);
    },
    exit: () => parts.exit.used?.id,
    // The interface has its name once the plane has started.
    get table() {
      table ??= ports.routes?.table(networkId, plane.deviceName);
      return table;
    },
    guarded: guarded ? ranges : [],
    failed: (reason) => {
      if (failures.due(reason, clock.now())) log.warn('route not set', { reason });
    },
    keep: () => {
      keeper.changed();
    },
    changed: () => {
      tell({ event: 'routes-changed', network: networkId });
    },
    refused: ({ id: peer, name, cidr, fault, holder }) => {
      log.warn('subnet refused', { peer: name, subnet: cidr, reason: fault, holder: holder ?? undefined });
      tell({ event: 'route-refused', network: networkId, peer, name, cidr, fault, holder });
    },
  });
}

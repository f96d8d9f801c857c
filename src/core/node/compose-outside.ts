/**
 * The parts of a run that touch the outside, below all that knows of members: the data plane, the carriers, the relays, and
 * what the node knows of where it stands.
 */
import { Carriers } from '../carriers/carrier.js';
import type { DataPlane, PlaneDescriptors } from '../dataplane/plane/plane.js';
import { Right, Role } from '../identity/invite.js';
import { prefix6Of } from '../identity/inner-ipv6.js';
import { openNetwork } from '../identity/network.js';
import { macOf } from '../identity/node-id.js';
import { headsOf } from '../ledger/ledger.js';
import { toHex } from '../lib/bytes.js';
import type { Outputs, Turn } from '../lib/turn.js';
import { reachOf } from '../membership/reach.js';
import { RelayNames } from '../relays/net/relay-names.js';
import { RelaySet, type RelaySetListener } from '../relays/relay-set.js';
import { Surroundings } from '../surroundings/surroundings.js';
import { pinnedDevice, pinnedTo } from '../surroundings/ways-out.js';
import { beaconKey } from '../wire/beacon.js';
import { encodeCard } from '../wire/ring.js';
import { ledgerNews } from '../wire/signal.js';
import { askGateway } from './ask-gateway.js';
import type { RunContext } from './ports.js';
import { relayNewsNames } from './relay-events.js';
import { wayNewsNames, type WayNews } from './ways.js';

export interface Outside {
  readonly plane: DataPlane;
  readonly carriers: Carriers;
  readonly relays: RelaySet;
  readonly relayNews: Outputs<RelaySetListener>;
  readonly surroundings: Surroundings;
  readonly wayNews: Outputs<WayNews>;
}

/** Where a plane is to be: the UDP port, 0 for a free one; and interface and socket where the process before left them. */
export interface Place {
  readonly port: number;
  readonly inherited?: PlaneDescriptors | undefined;
}

/**
 * Makes them; none has begun.
 *
 * @param heardAt when anything was heard from outside last, by relays or members; ms of the clock
 */
export function composeOutside(
  context: RunContext,
  turn: Turn,
  { port, inherited }: Place,
  heardAt: () => number,
): Outside {
  const { options, ports, credential, keeper, tell } = context;
  const { env, profile, threads, version } = options;
  const { clock } = env;
  const { self } = credential;
  const { network, keys, certificate, id } = self;
  // Where relays carry all, nobody is to reach us by a port of the router, or on our LAN.
  const { gateway, probe, lan } = reachOf(context.profile()).direct ? ports : {};
  const plane = ports.makePlane({
    deviceName: profile.device,
    nodeId: id,
    seed: keys.seed,
    mac: macOf(id),
    ip: certificate.ip,
    prefix: network.cidr.prefix,
    prefix6: prefix6Of(network.rootKey),
    mtu: network.mtu,
    port,
    inherited,
    leaf: certificate.role === Role.leaf,
    bridge: (certificate.rights & Right.bridge) !== 0,
    ...(threads === undefined ? {} : { threads }),
  });
  const carriers = new Carriers(plane);

  const named = new Set(openNetwork(self.networkBytes)?.relays.map((relay) => toHex(relay.key)));
  const relayNews = turn.outputs<RelaySetListener>(relayNewsNames);
  const makeRelays = ports.makeRelays ?? ((...made) => new RelaySet(...made));
  const agent = `evio/${version}`;
  const relays = makeRelays(
    {
      relays: network.relays,
      keys,
      networkBytes: self.networkBytes,
      credential: () => credential.bytes,
      heads: () => headsOf(context.ledger.ledger),
      brings: (relay) =>
        named.has(toHex(relay.key)) ? undefined : ledgerNews(context.ledger.ledger.all())[0],
      agent,
      env,
      plane,
      carriers,
      pins: (ipv6) => pinnedTo(surroundings.ways, ipv6),
      proxy: (host, port) => ports.proxy?.(context.profile().paths?.proxy, host, port),
      names: new RelayNames({
        clock,
        known: keeper.relayAddresses,
        keep: (known) => {
          keeper.setRelayAddresses(known);
        },
      }),
    },
    relayNews.listener,
  );

  const wayNews = turn.outputs<WayNews>(wayNewsNames);
  const surroundings: Surroundings = new Surroundings({
    ...wayNews.listener,
    env,
    addresses: () => ports.addresses(),
    ways: (over) => ports.ways?.(plane.deviceName, relays.hosts, over) ?? { v4: null, v6: null },
    heardAt,
    prove: ({ v4, v6 }, proven) => {
      void relays
        .answer((ipv6) => (ipv6 ? v6 : v4)?.name)
        .then((alive) => {
          turn.input(() => {
            proven(alive);
          });
        });
    },
    uplink: (uplink) => {
      tell({ event: 'uplink', network: self.networkId, ...(uplink ?? { device: null, instead: null }) });
    },
    exit: (host) => ports.exit?.(plane.deviceName, host) ?? null,
    stacked: () => ports.stacked?.(plane.deviceName) ?? [],
    pin: ({ v4, v6 }) => {
      plane.pin(pinnedDevice(v4), pinnedDevice(v6));
    },
    sendStun: (request, server) => {
      plane.sendPacket(request, { kind: 'direct', endpoint: server });
    },
    gateway:
      gateway &&
      askGateway(gateway, (news) => {
        turn.input(() => {
          surroundings.receiveGateway(clock.now(), news);
        });
      }),
    secret: keys.seed,
    probe: probe?.(
      (socket, bytes, from) => {
        turn.input(() => {
          surroundings.receiveProbe(clock.now(), socket, bytes, from);
        });
      },
      () => pinnedDevice(surroundings.ways.v4),
    ),
    lan: lan && {
      key: beaconKey(network.rootKey),
      card: (addresses) => {
        const candidates = addresses.map(
          (host) => ({ kind: 'host', endpoint: { host, port: plane.port } }) as const,
        );
        return encodeCard({ credential: credential.bytes, candidates });
      },
      ...lan((bytes) => {
        turn.input(() => {
          surroundings.receiveBeacon(clock.now(), bytes);
        });
      }),
    },
    cidr: network.cidr,
    // Known once the plane has started.
    get device() {
      return plane.deviceName;
    },
    get port() {
      return plane.port;
    },
  });
  return { plane, carriers, relays, relayNews, surroundings, wayNews };
}

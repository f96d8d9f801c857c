/**
 * One run of a node: all its parts, made in the order in which they need each other. Those that come first are asked by
 * those that come later; what they have to tell the later ones goes through the outbox of the turn (lib/turn.ts), whose
 * listeners are named last.
 *
 *   plane ─▶ carriers ─▶ relays ─▶ surroundings ─▶ peers ─▶ overlay ─▶ what follows: *-events.ts, arrivals.ts
 *                          └────────────┴────────────┴─────────┴── outbox ──────▲
 */
import type { DataPlane, PlaneListener } from '../dataplane/plane/plane.js';
import { Role } from '../identity/invite.js';
import { concatBytes, utf8 } from '../lib/bytes.js';
import { Turn } from '../lib/turn.js';
import type { Standing } from '../ledger/standing.js';
import { rootKeysOf } from '../membership/root-keys.js';
import { reachOf } from '../membership/reach.js';
import { claimantOf } from '../membership/self.js';
import { Witness } from '../membership/witness.js';
import { StampSource } from '../noise/tai64n.js';
import type { Surroundings } from '../surroundings/surroundings.js';
import type { RelaySet } from '../relays/relay-set.js';
import { OverlayHost } from '../overlay/overlay-host.js';
import { planeLinks } from '../overlay/route-feed.js';
import type { NameService } from '../names/names.js';
import type { Subnets } from '../subnets/subnets.js';
import { composeHearers } from './compose-hearers.js';
import { composeNames } from './compose-names.js';
import { composeOutside, type Place } from './compose-outside.js';
import { composeWays, PeerWays, toldOf } from './compose-ways.js';
import { composeSubnets } from './compose-subnets.js';
import { HandshakeDoor } from '../peer/handshake-door.js';
import { IndexTable } from '../peer/index-table.js';
import { NamedAddresses } from '../peer/named-addresses.js';
import { Peer } from '../peer/peer.js';
import type { PeerPorts } from '../peer/peer-ports.js';
import { Peers, type PeersPorts } from '../peer/peers.js';
import { rekeyAfterMs, type Session, type SessionContext } from '../peer/session.js';
import { Suite } from '../wire/packet.js';
import { encodeRing } from '../wire/ring.js';
import { Applicants } from './applicants.js';
import { Arrivals } from './arrivals.js';
import { encodeLedger } from '../wire/ledger.js';
import { ledgerNews } from '../wire/signal.js';
import { composeLocal, type Local } from './compose-local.js';
import type { KeyChanges } from './key-changes.js';
import { LedgerEvents } from './ledger-events.js';
import { Farewells } from './farewells.js';
import { OwnAddress } from './own-address.js';
import { PassingMembers } from './passing-members.js';
import { peerNewsNames, type PeerNews } from './peer-events.js';
import type { PeerBirthdays } from './peer-birthdays.js';
import type { PeerCalls } from './peer-calls.js';
import { PeerTimers } from './peer-timers.js';
import { PolicyHost } from './policy-host.js';
import { Pinger } from './pinger.js';
import { heardAt } from './heard-at.js';
import { planeEventNames } from './plane-events.js';
import { Pulse } from './pulse.js';
import type { RunContext } from './ports.js';
import { composeAdmins } from './compose-admins.js';
import { Refusals } from './refusals.js';
import { Reporter } from './reporter.js';
import { Testimonies } from './testimonies.js';
import { Views } from './compose-views.js';

/** The parts that a node starts, asks and stops. */
export interface Run extends Local {
  readonly turn: Turn;
  readonly pulse: Pulse;
  readonly plane: DataPlane;
  readonly session: SessionContext;
  /** Hears what the plane tells. */
  readonly listener: PlaneListener;
  readonly relays: RelaySet;
  readonly members: Peers;
  readonly surroundings: Surroundings;
  readonly overlay: OverlayHost;
  readonly subnets: Subnets;
  readonly ledger: LedgerEvents;
  readonly pinger: Pinger;
  readonly policy: PolicyHost;
  readonly applicants: Applicants;
  readonly reporter: Reporter;
  readonly farewells: Farewells;
  readonly keyChanges: KeyChanges;
  readonly names: NameService;
  readonly calls: PeerCalls | undefined;
  readonly views: Views;
  readonly birthdays: PeerBirthdays | undefined;
}

/** Makes all parts; none of them has begun. @param place where UDP is to be bound, or what is there already */
export function composeRun(context: RunContext, place: Place): Run {
  const { options, ports, credential, keeper, routes, settled, tell, readdressed, refacted, fatal } = context;
  const { env, profile, version } = options;
  const { clock, log } = env;
  const { self } = credential;
  const { network, keys, certificate, idText } = self;
  const pulse = new Pulse(clock, (deed) => {
    turn.input(deed);
  });
  const turn: Turn = new Turn(() => {
    timers.settle();
    pulse.set();
    settled();
  });
  const outside = composeOutside(context, turn, place, () =>
    heardAt(clock.now(), relays, members, surroundings),
  );
  const { plane, carriers, relays, surroundings, wayNews } = outside;
  const send = carriers.sendPacket.bind(carriers);
  const ownCredential = (): Uint8Array => credential.bytes;

  const session: SessionContext = {
    env,
    localStatic: keys.dh,
    prologue: concatBytes(utf8('evio data 1'), network.rootKey),
    suite: ports.suite?.() ?? Suite.aes256gcm,
    boot: Math.floor(env.random.unit() * 0xffff_ffff),
    stamps: new StampSource(clock),
    indexes: new IndexTable<Session>(env.random),
    rekeyAfterMs: options.rekeyAfterMs ?? rekeyAfterMs,
    credential: ownCredential,
  };
  const reach = reachOf(context.profile());
  const ways = new PeerWays(reach);
  const told = toldOf(reach, surroundings);
  const peerNews = turn.outputs<PeerNews>(peerNewsNames);
  const named = new NamedAddresses(clock.now());
  const peerPorts: PeerPorts<Peer> = {
    ...peerNews.listener,
    env,
    plane,
    session,
    named,
    // the kind byte not counted: Ethernet header, one VLAN tag, payload
    fullPing: 18 + network.mtu,
    sendPacket: send,
    ...ways.ports,
    ...told,
    loops: surroundings.loops,
    veiled: surroundings.veiled,
    punching: () => {
      surroundings.punching(clock.now());
    },
  };
  const memberNews = turn.outputs<Pick<PeersPorts, 'changed' | 'removed'>>({
    changed: true,
    removed: true,
  });
  const timers = new PeerTimers<Peer>();
  const nameOf = (id: string): string | undefined => (id === idText ? undefined : members.nameOf(id));
  const refusals = new Refusals({ clock, log, network: self.networkId, nameOf, tell });
  const members: Peers = new Peers(network, () => claimantOf(credential.self), {
    ...memberNews.listener,
    env,
    given: (peer) => {
      timers.touch(peer);
    },
    makePeer: (slot, member) => new Peer(peerPorts, slot, member, keeper.endpointsOf(member.idText)),
    isOnline: (member) => relays.isOnline(member),
    authority: () => context.ledger.ledger.standing,
    waiting: (member) => {
      applicants.came(member);
    },
    unfit: refusals.unfit,
  });
  const applicants = new Applicants({
    clock,
    log,
    network,
    networkId: self.networkId,
    self,
    ledger: context.ledger.ledger,
    tell,
    changed: () => {
      keyChanges.look(clock.now());
    },
  });
  const { localStatic, prologue, indexes } = session;
  const standing = (): Standing => context.ledger.ledger.standing;
  const testimonies = new Testimonies({
    clock,
    log,
    credential,
    keeper,
    standing,
    witness: Witness.of(profile, network, keeper.uses, standing, () =>
      rootKeysOf(context.profile(), standing().rootKey),
    ),
    peerOf: (idText) => members.get(idText),
    send: ({ slot }, message) => {
      plane.sendControl(slot, message);
    },
  });
  const door = new HandshakeDoor({
    ...{ localStatic, prologue, random: env.random, members, indexes, send, credential: ownCredential },
    witnessed: (now, bytes) => testimonies.witnessed(now, bytes),
    foreign: refusals.foreign,
    replayed: (via) => {
      const link = members.bySlot(via);
      if (link) refusals.refused(link.member.idText, 'replayed-handshake');
    },
  });

  const overlay = new OverlayHost({
    env,
    self: { idText, role: certificate.role === Role.leaf ? 'leaf' : 'switch' },
    members,
    relays,
    send: ({ slot }, message) => {
      plane.sendControl(slot, encodeRing(message));
    },
    setRoutes: (routes, complete) => {
      plane.setLinks(planeLinks(routes, members), complete);
    },
    ...wayNews.listener,
    candidates: told.candidates,
    credential: ownCredential,
    refused: refusals.refused,
    // It is asked at the end of every turn.
    wake: () => undefined,
  });
  const { calls, birthdays } = composeWays({
    ...{
      env,
      self,
      reach,
      open: ports.openCall,
      resolve: ports.resolve,
      fan: options.birthday === false ? undefined : ports.fan,
      both: options.birthday === true,
      plane,
      carriers,
      relays,
      members,
      overlay,
      surroundings,
      proven: (host) => named.hasAnswered({ host, port: 0 }),
    },
    ways,
    changed: wayNews.listener.waysChanged,
    input: (deed) => {
      turn.input(deed);
    },
  });

  const { networkId } = self;
  const subnets = composeSubnets({
    ...{ env, credential, routes, ports, plane, members, overlay, keeper, tell },
    exit: context.local.exit,
  });

  const pinger = new Pinger(env, (peer) => {
    turn.input(() => {
      const now = clock.now();
      peer.connect(now);
      overlay.used(now, peer);
      timers.touch(peer);
    });
  });

  /* Everybody is there: who hears what. */
  const ownAddress = new OwnAddress({
    clock,
    log,
    credential,
    keeper,
    holderOf: (ip) => members.holderOf(ip),
    readdressed,
  });
  const passing = new PassingMembers({
    clock,
    peers: () => members.all(),
    isOnline: (idText) => relays.isOnline(idText),
    forget: (idText) => {
      members.forget(idText);
      keeper.changed();
      arrivals.forgotten();
    },
  });
  const arrivals: Arrivals = new Arrivals({
    clock,
    idText,
    plane,
    relays,
    members,
    overlay,
    timers,
    keeper,
    ownAddress,
    passing,
    later: (deed) => {
      turn.output(deed);
    },
  });
  const admins = composeAdmins({ context, plane, relays, members, overlay, timers, applicants });
  const { renewals, newAdmins, keyChanges } = admins;
  const policy = new PolicyHost({ clock, log, network: networkId, self, plane, members, tell });
  const ledger = new LedgerEvents({
    clock,
    log,
    network: networkId,
    idText,
    keeper: context.ledger,
    members,
    send: ({ slot }, message) => {
      plane.sendControl(slot, encodeLedger(message));
    },
    tellRelays: (statements, except) => {
      relays.tell(ledgerNews(statements), except, false);
    },
    tell,
    refacted,
    policy: (document) => {
      policy.take(document);
    },
    changed: () => {
      newAdmins.settle(clock.now());
      keyChanges.look(clock.now());
    },
    forged: refusals.as('bad-statement'),
    fatal,
  });
  memberNews.deliver({
    changed: (member) => {
      names.changed();
      arrivals.changed(member);
      subnets.memberChanged(member);
      policy.changed(member);
      newAdmins.changed(clock.now(), member);
    },
    removed: (peer) => {
      names.changed();
      arrivals.removed(peer);
      subnets.memberRemoved(peer.member.idText);
      policy.removed(peer);
      calls?.calls.forget(peer.member.idText);
      birthdays?.birthdays.forget(peer.member.idText);
    },
  });
  const farewells = new Farewells({
    clock,
    log,
    credential,
    keeper,
    members,
    relays,
    send: ({ slot }, message) => {
      plane.sendControl(slot, message);
    },
    forged: refusals.as('bad-farewell'),
    forgotten: () => {
      arrivals.forgotten();
    },
  });
  const views = new Views({ context, plane, relays, members, overlay, timers, refusals });
  const local = composeLocal({
    ...{ context, plane, members, subnets },
    renamed: () => {
      names.changed();
    },
  });
  const { bridge, exit, services, interfaceWatch } = local;
  const hearers = composeHearers({
    ...{ context, outside, direct: reach.direct, peerNews, members, timers, door, overlay, calls, birthdays },
    ...{
      testimonies,
      renewals,
      keyChanges,
      farewells,
      subnets,
      bridge,
      services,
      ledger,
      policy,
      refusals,
      arrivals,
      ownAddress,
    },
    ...{ applicants, pinger, views },
  });
  if (calls) pulse.add(calls);
  if (birthdays) pulse.add(birthdays);
  if (ports.tidying) pulse.add(ports.tidying);
  pulse.add(
    policy,
    relays,
    surroundings,
    arrivals,
    overlay,
    subnets,
    bridge,
    exit,
    ledger,
    timers,
    testimonies,
    renewals,
    newAdmins,
    keyChanges,
    passing,
    keeper,
    views.gathered,
  );
  const { name } = profile;
  const restarts = (): number => hearers.restarts;
  const reporter = new Reporter({
    clock,
    dates: options.dates,
    self,
    name,
    version,
    plane,
    relays,
    surroundings,
    reach,
    calls,
    members,
    overlay,
    subnets,
    bridge,
    interfaceWatch,
    services,
    keeper,
    policy,
    renewals,
    applicants,
    refusals,
    ledger: context.ledger.ledger,
    restarts,
  });
  const names = composeNames({ self, name, plane, members, reporter, services, make: ports.names });
  const listener = turn.inputs<PlaneListener>(planeEventNames, hearers);
  return {
    turn,
    pulse,
    plane,
    session,
    listener,
    relays,
    members,
    surroundings,
    overlay,
    subnets,
    ...local,
    ledger,
    pinger,
    policy,
    applicants,
    reporter,
    farewells,
    keyChanges,
    names,
    calls,
    views,
    birthdays,
  };
}

/**
 * A running node: the composition root. It owns the ports (data plane, relays, interface list) and the one timer; the
 * machines in `peer/`, `path/` and `noise/` decide. Starts in order, stops in reverse.
 *
 *   relays ──members, presence──▶ members ──▶ peers (session + prober) ──keys, paths──▶ data plane
 *      ▲                                        ▲                                           │
 *      └──────── handshakes, offers, pings ─────┴───── packets, control messages ───────────┘
 */
import { Carriers } from '../carriers/carrier.js';
import type { NodeState } from '../membership/profile.js';
import type { DataPlane, Origin, PlaneListener, PlaneOptions } from '../dataplane/plane/plane.js';
import { HandshakeDoor } from '../peer/handshake-door.js';
import { Right, Role, type Member } from '../identity/certificate.js';
import { resign } from '../membership/certify.js';
import { describeNetwork, type RelayFact } from '../identity/network.js';
import { macOf } from '../identity/node-id.js';
import { selfOf, withGenuineReceipt, type Self } from '../membership/self.js';
import { concatBytes, fromBase64Url, toBase64Url, utf8 } from '../lib/bytes.js';
import { formatEndpoint } from '../lib/endpoint.js';
import { EvioError, messageOf } from '../lib/errors.js';
import { formatIpv4 } from '../lib/ipv4.js';
import { Lifecycle, type Teardown } from '../lib/lifecycle.js';
import { Peers } from '../peer/peers.js';
import type { NodeEvent } from './events.js';
import type { Node, NodeOptions } from './node.js';
import type { PingReport } from './ping-report.js';
import type { PeerReport, StatusReport, WhyReport } from './reports.js';
import { StampSource } from '../noise/tai64n.js';
import type { LocalAddress } from '../surroundings/candidate.js';
import type { ActivePath, RelayChoice } from '../path/prober.js';
import { IndexTable } from '../peer/index-table.js';
import { Peer, type PeerPorts } from '../peer/peer.js';
import { rekeyAfterMs, type Session, type SessionContext } from '../peer/session.js';
import { OverlayHost } from '../overlay/overlay-host.js';
import { Pinger } from './pinger.js';
import { RelaySet } from '../relays/relay-set.js';
import { peerReport, statusReport, whyReport } from './report.js';
import { Surroundings } from '../surroundings/surroundings.js';
import { parseControl } from '../wire/control.js';
import { looksLikeStun, PacketType, Suite } from '../wire/packet.js';
import { encodeRing, parseRing } from '../wire/ring.js';
import type { Refusal, Welcome } from '../wire/signal.js';

/** The engine's pulse while something is under way, with peers, and alone. */
const busyTickMs = 50;
const calmTickMs = 250;
const idleTickMs = 500;
/** State goes to disk at most this often. */
const saveMs = 2_000;
/** A member that appears is left this long to begin by itself when its id is lower than ours. */
const politeMs = 700;
/** With more members than this, plane and overlay hear of new ones after so many ms: it costs work for each of all. */
const manyMembers = 64;
const manyMembersMs = 100;
const maxAddressAttempts = 16;

/** What a test or the simulator may replace. */
export interface EnginePorts {
  makePlane(options: PlaneOptions): DataPlane;
  /** Default: the real ones. */
  makeRelays?(...made: ConstructorParameters<typeof RelaySet>): RelaySet;
  /** Addresses of this machine. */
  addresses(): LocalAddress[];
  /** The suite of the sessions that this node begins, default AES-256-GCM. It answers with whatever the other chose. */
  suite?(): Suite;
}

/** What lives from start to stop. */
interface Running {
  readonly plane: DataPlane;
  readonly members: Peers;
  readonly door: HandshakeDoor;
  readonly relays: RelaySet;
  readonly carriers: Carriers;
  readonly surroundings: Surroundings;
  readonly overlay: OverlayHost;
  readonly startedAt: number;
}

export class Engine implements Node {
  readonly networkId: string;
  readonly networkName: string;
  readonly #options: NodeOptions;
  readonly #ports: EnginePorts;
  readonly #self: Self;
  readonly #pinger: Pinger;
  /** Members that may begin by themselves, and until when. */
  readonly #polite = new Map<string, number>();
  readonly #waiters = new Set<() => void>();
  readonly #life: Lifecycle;
  #running: Running | undefined;
  #credential: Uint8Array;
  #ip: number;
  #state: NodeState;
  #cancelTick: () => void = () => undefined;
  #nextTickAt = Infinity;
  #saveAt = Infinity;
  #readyTold = false;
  #addressAttempt = 0;
  #membersStale = false;
  #planeRestarts = 0;

  constructor(options: NodeOptions, ports: EnginePorts) {
    this.#options = options;
    this.#ports = ports;
    this.#state = options.state;
    const stored = options.state.credential;
    this.#self = selfOf(options.profile, stored === undefined ? undefined : fromBase64Url(stored));
    this.#credential = this.#self.credential;
    this.#ip = this.#self.certificate.ip;
    this.networkId = this.#self.networkId;
    this.networkName = this.#self.network.name;
    this.#life = new Lifecycle({
      begin: (teardown, wanted) => this.#begin(teardown, wanted),
      began: () => {
        this.#tellStarted();
      },
      ended: () => {
        this.#readyTold = false;
        this.#tell({ event: 'stopped', network: this.networkId });
      },
      failed: (part, thrown) => {
        this.#env.log.warn('could not stop', { part, reason: messageOf(thrown) });
      },
    });
    this.#pinger = new Pinger(options.env, (peer) => {
      peer.connect(this.#now);
      this.#running?.overlay.used(this.#now, peer);
      this.#schedule(busyTickMs);
    });
  }

  get #env() {
    return this.#options.env;
  }

  get #now(): number {
    return this.#env.clock.now();
  }

  /** Only for what runs between start and stop. */
  get #live(): Running {
    if (!this.#running)
      throw new EvioError('EVIO_NOT_RUNNING', `The network ${this.networkName} does not run.`);
    return this.#running;
  }

  /* ---- life ---- */

  start(): Promise<void> {
    return this.#life.start();
  }

  stop(): Promise<void> {
    const stopping = this.#life.stop();
    this.#wake();
    return stopping;
  }

  async #begin(teardown: Teardown, wanted: () => boolean): Promise<void> {
    const { env, profile } = this.#options;
    const { network } = this.#self;
    this.#ip = selfOf(profile, this.#credential).certificate.ip;
    const plane = await this.#startPlane();
    teardown.add('plane', () => plane.stop());
    if (!wanted()) return;
    const running = this.#compose(plane);
    teardown.add('peers', () => {
      running.overlay.stop();
      // Goodbyes are queued in the plane, which sends before it stops.
      running.members.close();
      this.#polite.clear();
    });
    teardown.add('relays', () => {
      running.relays.stop();
    });
    // First of all: from here on nothing that the parts say has any effect.
    teardown.add('run', () => {
      if (this.#saveAt !== Infinity) this.#save();
      this.#cancelTick();
      this.#nextTickAt = Infinity;
      this.#pinger.stop();
      this.#running = undefined;
    });
    this.#running = running;
    for (const text of this.#state.members) running.members.take(fromBase64Url(text) ?? new Uint8Array(0));
    running.overlay.start(this.#now, this.#options.links ?? []);
    running.relays.start();
    this.#schedule(0);
    if (this.#state.port !== plane.port) this.#change({ port: plane.port });
    const ip = formatIpv4(this.#ip);
    env.log.info('node started', { network: network.name, ip, device: plane.deviceName, port: plane.port });
  }

  /** Not at restarts: who started the node knows that it runs. */
  #tellStarted(): void {
    const { network, idText, mac } = this.#self;
    this.#tell({
      event: 'started',
      network: describeNetwork(network),
      node: { id: idText, name: this.#options.profile.name, ip: formatIpv4(this.#ip), mac },
      device: this.#live.plane.deviceName,
      pid: process.pid,
    });
  }

  waitConnected(timeoutMs: number): Promise<boolean> {
    if (this.#connected()) return Promise.resolve(true);
    if (!this.#life.wanted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const finish = (result: boolean): void => {
        cancel();
        this.#waiters.delete(look);
        resolve(result);
      };
      const look = (): void => {
        if (this.#connected()) finish(true);
        else if (!this.#life.wanted) finish(false);
      };
      const cancel = this.#env.clock.after(timeoutMs, () => {
        finish(false);
      });
      this.#waiters.add(look);
    });
  }

  /* ---- reports ---- */

  status(): StatusReport {
    const { plane, relays, surroundings, members, overlay, startedAt } = this.#live;
    return statusReport({
      self: this.#self,
      name: this.#options.profile.name,
      ip: this.#ip,
      version: this.#options.version,
      uptimeMs: this.#now - startedAt,
      device: { name: plane.deviceName, ...plane.deviceCounters(), restarts: this.#planeRestarts },
      relays: relays.report(),
      nat: {
        mapping: surroundings.mapping,
        udpBlocked: relays.udpBlocked,
        addresses: surroundings.reflexive.map(formatEndpoint),
      },
      peers: members.all(),
      ring: overlay.report(),
    });
  }

  peers(): PeerReport[] {
    const { plane, members, overlay } = this.#live;
    const roles = overlay.roles();
    return members
      .all()
      .map((peer) => {
        const role = roles.get(peer.member.idText) ?? null;
        return peerReport(peer, plane.peerCounters(peer.slot), role, this.#now);
      })
      .sort((a, b) => a.name.localeCompare(b.name) || a.id.localeCompare(b.id));
  }

  async why(text: string): Promise<WhyReport> {
    const peer = await this.#find(text);
    const { relays, surroundings } = this.#live;
    return whyReport(peer, {
      local: surroundings.candidates,
      mapping: surroundings.mapping,
      udpBlocked: relays.udpBlocked,
      relays: relays.report(),
      online: relays.isOnline(peer.member.idText),
    });
  }

  async ping(
    text: string,
    count: number,
    timeoutMs: number,
    intervalMs: number,
    signal?: AbortSignal,
  ): Promise<PingReport> {
    return this.#pinger.run(await this.#find(text), { count, timeoutMs, intervalMs }, signal);
  }

  /** The peer that a person names. Who is not known here may be known to a relay that does not list everybody. */
  async #find(text: string): Promise<Peer> {
    const { members, relays } = this.#live;
    if (!relays.complete && !members.knows(text)) await relays.find({ text: text.slice(0, 64) });
    return this.#live.members.find(text);
  }

  /* ---- composition ---- */

  async #startPlane(): Promise<DataPlane> {
    const { port, profile, threads } = this.#options;
    const { role, rights } = this.#self.certificate;
    const asked = port ?? (profile.port === 0 ? undefined : profile.port);
    const make = (udpPort: number): DataPlane =>
      this.#ports.makePlane({
        deviceName: profile.device,
        nodeId: this.#self.id,
        mac: macOf(this.#self.id),
        ip: this.#ip,
        prefix: this.#self.network.cidr.prefix,
        mtu: this.#self.network.mtu,
        port: udpPort,
        leaf: role === Role.leaf,
        bridge: (rights & Right.bridge) !== 0,
        ...(threads === undefined ? {} : { threads }),
      });
    const kept = this.#state.port ?? 0;
    const plane = make(asked ?? kept);
    try {
      await plane.start(this.#listener());
      return plane;
    } catch (thrown) {
      // The port of the last run may be taken now; one that was asked for must not change silently.
      const taken = thrown instanceof EvioError && thrown.code === 'EVIO_ADDRESS_IN_USE';
      if (asked !== undefined || kept === 0 || !taken) throw thrown;
      const other = make(0);
      await other.start(this.#listener());
      return other;
    }
  }

  #compose(plane: DataPlane): Running {
    const { env } = this.#options;
    const { network, keys, networkBytes, idText } = this.#self;
    const session: SessionContext = {
      env,
      localStatic: keys.dh,
      prologue: concatBytes(utf8('evio data 1'), network.rootKey),
      suite: this.#ports.suite?.() ?? Suite.aes256gcm,
      boot: Math.floor(env.random.unit() * 0xffff_ffff),
      stamps: new StampSource(env.clock),
      indexes: new IndexTable<Session>(env.random),
      rekeyAfterMs: this.#options.rekeyAfterMs ?? rekeyAfterMs,
      credential: () => this.#credential,
    };
    const carriers = new Carriers(plane);
    const peerPorts = this.#peerPorts(plane, session);
    const members = new Peers(network, idText, {
      env,
      makePeer: (slot, member) =>
        new Peer(peerPorts, slot, member, this.#state.endpoints[member.idText] ?? []),
      isOnline: (id) => this.#running?.relays.isOnline(id) ?? false,
      changed: (member) => {
        this.#memberChanged(member);
      },
      removed: (peer) => {
        this.#running?.overlay.lost(this.#now, peer);
      },
    });
    const makeRelays = this.#ports.makeRelays?.bind(this.#ports) ?? ((...made) => new RelaySet(...made));
    const relays = makeRelays(
      {
        relays: network.relays,
        keys,
        networkBytes,
        credential: () => this.#credential,
        agent: `evio/${this.#options.version}`,
        env,
        plane,
        carriers,
      },
      this.#relayListener(),
    );
    const surroundings = new Surroundings({
      env,
      addresses: () => this.#ports.addresses(),
      sendStun: (request, server) => {
        plane.sendPacket(request, { kind: 'direct', endpoint: server });
      },
      device: plane.deviceName,
      cidr: network.cidr,
      port: plane.port,
      discovered: () => {
        for (const peer of members.all()) if (peer.prober.active?.kind !== 'direct') peer.offer(this.#now);
        this.#schedule(0);
      },
      changed: () => {
        relays.nudge();
        for (const peer of members.all()) peer.prober.networkChanged(this.#now);
      },
    });
    const door = new HandshakeDoor({
      localStatic: keys.dh,
      prologue: session.prologue,
      random: env.random,
      members,
      indexes: session.indexes,
      send: (packet, path) => {
        carriers.sendPacket(packet, path);
      },
    });
    const overlay = new OverlayHost({
      env,
      self: { idText, role: this.#self.certificate.role === Role.leaf ? 'leaf' : 'switch' },
      members,
      relays,
      send: (peer, message) => {
        plane.sendControl(peer.slot, encodeRing(message));
      },
      setLinks: (links, complete) => {
        plane.setLinks(links, complete);
      },
      waysChanged: () => {
        for (const peer of members.all()) peer.waysChanged(this.#now);
      },
      candidates: () => surroundings.candidates,
      credential: () => this.#credential,
      wake: (at) => {
        this.#schedule(Math.max(0, (at <= this.#now ? overlay.tick(this.#now) : at) - this.#now));
      },
    });
    return { plane, members, door, relays, carriers, surroundings, overlay, startedAt: this.#now };
  }

  #peerPorts(plane: DataPlane, session: SessionContext): PeerPorts {
    return {
      env: this.#env,
      plane,
      session,
      // the kind byte not counted: Ethernet header, one VLAN tag, payload
      fullPing: 18 + this.#self.network.mtu,
      sendPacket: (packet, path) => {
        this.#running?.carriers.sendPacket(packet, path);
      },
      relays: (peer) => this.#ways(peer),
      candidates: () => this.#running?.surroundings.candidates ?? [],
      checkRelays: () => {
        this.#running?.relays.check();
        this.#schedule(busyTickMs);
      },
      relaySilent: () => {
        this.#running?.relays.nudge();
      },
      connected: (peer) => {
        this.#peerConnected(peer);
      },
      moved: (peer, from, to) => {
        this.#peerMoved(peer, from, to);
      },
      restarted: (peer) => {
        this.#running?.overlay.restarted(this.#now, peer);
      },
      disconnected: (peer) => {
        const { idText, name } = peer.member;
        this.#env.log.info('peer lost', { peer: name });
        this.#tell({ event: 'peer-lost', network: this.networkId, peer: idText, name });
        this.#running?.overlay.lost(this.#now, peer);
      },
      pong: (peer, transaction) => {
        this.#pinger.pong(peer, transaction);
      },
      used: (peer) => {
        this.#running?.overlay.used(this.#now, peer);
      },
      ring: (peer, message) => {
        this.#running?.overlay.ring(this.#now, peer, message);
      },
    };
  }

  /** Ways to a peer that need no probing: through relays, else through members. */
  #ways(peer: Peer): RelayChoice[] {
    if (!this.#running) return [];
    const { relays, overlay } = this.#running;
    const choices = relays.choices(peer.member.id, peer.member.idText);
    const through = choices.length === 0 ? overlay.choice(peer) : undefined;
    return through ? [through] : choices;
  }

  /* ---- the data plane speaks ---- */

  #listener(): PlaneListener {
    const peerAt = (slot: number): Peer | undefined => this.#running?.members.bySlot(slot);
    return {
      packet: (bytes, origin) => {
        this.#packet(bytes, origin);
      },
      control: (slot, bytes, origin) => {
        const peer = peerAt(slot);
        const message = parseControl(bytes) ?? parseRing(bytes);
        if (peer && message) peer.control(this.#now, message, origin);
        this.#advanced(peer, origin);
      },
      confirmed: (slot, index) => {
        peerAt(slot)?.session.confirm(this.#now, index);
      },
      wanted: (slot) => {
        const peer = peerAt(slot);
        if (!peer) return;
        peer.connect(this.#now);
        this.#running?.overlay.used(this.#now, peer);
        if (peer.busy) this.#schedule(busyTickMs);
      },
      stirred: () => undefined,
      unknown: (mac) => {
        this.#running?.overlay.unknownMac(this.#now, mac);
      },
      roamed: (slot, endpoint) => {
        const peer = peerAt(slot);
        peer?.roamed(this.#now, endpoint);
        this.#advanced(peer);
      },
      carry: (carrier, destination, batch) => {
        this.#running?.carriers.carry(carrier, destination, batch);
      },
      exhausted: (slot, index) => {
        peerAt(slot)?.session.exhausted(this.#now, index);
      },
      restarted: (restarts, reason) => {
        this.#planeRestarts = restarts;
        this.#env.log.error('packet worker restarted', { restarts, reason });
      },
      failed: (error) => {
        if (!this.#running) return;
        this.#env.log.error('data plane failed', { reason: error.message });
        this.#options.onFatal?.(error);
      },
    };
  }

  #packet(bytes: Uint8Array, origin: Origin): void {
    const running = this.#running;
    const first = bytes[0] ?? 0xff;
    if (!running) return;
    const { door, relays, surroundings } = running;
    if (origin.kind === 'direct') {
      if (looksLikeStun(first)) surroundings.receiveStun(this.#now, bytes, origin.endpoint);
      const aboutRelay = first === PacketType.relayBound || first === PacketType.relayUnbound;
      if (aboutRelay) relays.receive(this.#now, bytes, origin.endpoint);
    }
    if (first === PacketType.handshakeInit) this.#advanced(door.initiation(this.#now, bytes, origin), origin);
    if (first === PacketType.handshakeResponse)
      this.#advanced(door.response(this.#now, bytes, origin), origin);
    if (first === PacketType.cookieReply) door.cookie(this.#now, bytes);
  }

  /** Something moved a peer on: it may be connected now, and its timers are short. */
  #advanced(peer: Peer | undefined, origin?: Origin): void {
    if (!peer) return;
    if (origin && this.#isNews(origin, peer.member.idText)) peer.prober.relaysChanged(this.#now);
    if (peer.busy) this.#schedule(busyTickMs);
  }

  /** Whether a packet of a member from `origin` tells of a way to it. */
  #isNews(origin: Origin, idText: string): boolean {
    if (!this.#running) return false;
    const { relays, carriers } = this.#running;
    if (origin.kind === 'carrier') return carriers.heard(origin.carrier, idText);
    return origin.kind === 'relay' && relays.heard(origin.relay, idText);
  }

  /* ---- relays speak ---- */

  #relayListener(): ConstructorParameters<typeof RelaySet>[1] {
    return {
      welcome: (welcome, relay) => {
        this.#welcome(welcome, relay);
      },
      refused: (error, code) => {
        this.#refused(error, code);
      },
      member: (credential) => {
        this.#running?.members.take(credential);
      },
      presence: (idText, online) => {
        if (online) this.#appeared(idText);
        else this.#running?.overlay.offline(this.#now, idText);
        this.#relaysChanged();
      },
      named: (idTexts) => {
        this.#running?.overlay.named(this.#now, idTexts);
      },
      roster: (complete, size) => {
        this.#running?.overlay.roster(this.#now, complete, size);
      },
      changed: () => {
        this.#relaysChanged();
      },
      up: (url, transport) => {
        this.#tell({ event: 'relay-up', network: this.networkId, url, transport });
        this.#wake();
      },
      down: (url, reason) => {
        this.#tell({ event: 'relay-down', network: this.networkId, url, reason });
      },
      reflexive: (server, observed) => {
        this.#running?.surroundings.observed(server, observed);
      },
      stunServers: (servers) => {
        this.#running?.surroundings.ask(servers);
      },
    };
  }

  #welcome(welcome: Welcome, relay: RelayFact): void {
    const { members } = this.#live;
    const receipt = welcome.receipt === null ? undefined : fromBase64Url(welcome.receipt);
    if (receipt && receipt.length > 0) {
      const received = withGenuineReceipt(this.#credential, receipt, this.#self.network);
      if (received) this.#useCredential(received);
      else this.#env.log.warn('receipt is not genuine', { relay: relay.address });
    }
    const skewMs = Math.round(welcome.date - this.#env.clock.date());
    if (Math.abs(skewMs) > 60_000) {
      this.#env.log.warn('clock differs from the relay', { relay: relay.address, skewMs });
    }
    for (const text of welcome.members) members.take(fromBase64Url(text) ?? new Uint8Array(0));
  }

  #refused(error: EvioError, code: Refusal): void {
    const free = this.#options.profile.wantedIp === undefined;
    if (code === 'address-taken' && free && this.#addressAttempt < maxAddressAttempts) {
      this.#addressAttempt++;
      const change = { attempt: this.#addressAttempt, current: this.#credential };
      this.#env.log.warn('address was taken', { ip: formatIpv4(this.#ip), attempt: this.#addressAttempt });
      this.#useCredential(resign(this.#options.profile, change, this.#env.clock.date()));
      this.#save();
      void this.#startAgain();
      return;
    }
    const { members, relays } = this.#live;
    // Alone and refused: nothing can come of waiting. With peers connected, or endpoints where one may answer, the
    // node goes on without this relay; and a full one may have room in a minute.
    const hope = members.all().some((peer) => peer.session.established || peer.remembered.length > 0);
    if (!hope && !relays.anyUp && code !== 'full') this.#options.onFatal?.(error);
  }

  /** With another address everything begins anew, the interface too. */
  async #startAgain(): Promise<void> {
    try {
      await this.#life.restart();
    } catch (thrown) {
      this.#options.onFatal?.(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }

  #relaysChanged(): void {
    if (!this.#running) return;
    for (const peer of this.#running.members.all()) {
      peer.prober.relaysChanged(this.#now);
    }
    this.#schedule(0);
  }

  /** A member came online at a relay. */
  #appeared(idText: string): void {
    const peer = this.#running?.members.get(idText);
    if (!peer || peer.session.established) return;
    if (idText > this.#self.idText) this.#running?.overlay.named(this.#now, [idText]);
    else this.#polite.set(idText, this.#now + politeMs);
  }

  /* ---- members and peers ---- */

  #memberChanged(member: Member): void {
    const running = this.#live;
    const { relays } = running;
    if (relays.complete && relays.isOnline(member.idText)) this.#appeared(member.idText);
    this.#saveSoon();
    if (this.#membersStale) return;
    this.#membersStale = true;
    const later = (tell: () => void): void => {
      if (running.members.size > manyMembers) this.#env.clock.after(manyMembersMs, tell);
      else queueMicrotask(tell);
    };
    // A welcome brings many members at once: plane and overlay hear of them together.
    later(() => {
      this.#membersStale = false;
      if (this.#running !== running) return;
      const { plane, members, overlay } = running;
      plane.setNeighbours(members.all().map(({ member: { ip, mac } }) => ({ ip, mac })));
      overlay.membersChanged(this.#now);
    });
  }

  #peerConnected(peer: Peer): void {
    const { idText, name, ip } = peer.member;
    const path = peer.prober.active;
    this.#env.log.info('peer connected', { peer: name, path: path?.kind, endpoint: path?.endpoint });
    this.#tell({
      event: 'peer-connected',
      network: this.networkId,
      peer: idText,
      name,
      ip: formatIpv4(ip),
      path: path?.kind ?? 'relay',
    });
    this.#running?.overlay.connected(this.#now, peer);
    this.#wake();
  }

  #peerMoved(peer: Peer, from: ActivePath | null, to: ActivePath | null): void {
    if (from?.kind === to?.kind && from?.endpoint === to?.endpoint) return;
    if (peer.state === 'connected') this.#running?.overlay.moved(peer);
    const { idText, name } = peer.member;
    const move = { from: from?.kind ?? null, to: to?.kind ?? null, endpoint: to?.endpoint ?? null };
    this.#env.log.info('peer path', { peer: name, ...move });
    this.#tell({ event: 'peer-path', network: this.networkId, peer: idText, name, ...move });
    if (to?.kind === 'direct') {
      const known = Object.entries(this.#state.endpoints).filter(([id]) => this.#live.members.get(id));
      const endpoints = Object.fromEntries(known);
      this.#change({ endpoints: { ...endpoints, [idText]: peer.remembered.map(formatEndpoint) } });
    }
    // A direct path that fails may mean that our own address changed: relays are asked at once, not at their next heartbeat.
    if (from?.kind === 'direct' && to?.kind !== 'direct') this.#running?.relays.nudge();
  }

  /* ---- time ---- */

  /** Ticks in `ms` at the latest. */
  #schedule(ms: number): void {
    const at = this.#now + ms;
    if (!this.#running || at >= this.#nextTickAt) return;
    this.#cancelTick();
    this.#nextTickAt = at;
    this.#cancelTick = this.#env.clock.after(ms, () => {
      this.#nextTickAt = Infinity;
      this.#tick();
    });
  }

  #tick(): void {
    if (!this.#running) return;
    const { relays, surroundings, members, overlay } = this.#running;
    const now = this.#now;
    relays.tick(now);
    surroundings.tick(now);
    for (const [idText, at] of this.#polite) {
      if (now < at) continue;
      this.#polite.delete(idText);
      const peer = members.get(idText);
      if (peer && !peer.session.established && relays.isOnline(idText)) overlay.named(now, [idText]);
    }
    this.#schedule(Math.max(0, overlay.tick(now) - now));
    let busy = surroundings.busy;
    for (const peer of members.all()) {
      peer.tick(now);
      busy ||= peer.busy;
    }
    if (now >= this.#saveAt) this.#save();
    this.#wake();
    this.#schedule(busy ? busyTickMs : members.size > 0 ? calmTickMs : idleTickMs);
    this.#schedule(Math.max(0, relays.dueAt - now));
  }

  #connected(): boolean {
    if (!this.#running) return false;
    const { members, relays, overlay } = this.#running;
    const peers = members.all();
    if (relays.size === 0 || peers.some((peer) => peer.state === 'connected')) return true;
    // With members online, connected means that at least one of them answers.
    const awaited = peers.some((peer) => peer.state === 'connecting' && relays.isOnline(peer.member.idText));
    return relays.anyUp && overlay.settled && !awaited;
  }

  /** Connected, perhaps: tells so once a run, and lets go whoever waits for it. */
  #wake(): void {
    if (!this.#readyTold && this.#life.began && this.#connected()) {
      this.#readyTold = true;
      const peers = this.#live.members.all().filter((peer) => peer.state === 'connected').length;
      this.#tell({ event: 'ready', network: this.networkId, peers });
    }
    for (const look of [...this.#waiters]) look();
  }

  #tell(event: NodeEvent): void {
    this.#options.onEvent?.(event);
  }

  /* ---- state ---- */

  #useCredential(credential: Uint8Array): void {
    this.#credential = credential;
    this.#change({ credential: toBase64Url(credential) });
  }

  #change(change: Partial<NodeState>): void {
    this.#state = { ...this.#state, ...change };
    this.#saveSoon();
  }

  #saveSoon(): void {
    if (this.#saveAt === Infinity) this.#saveAt = this.#now + saveMs;
  }

  #save(): void {
    this.#saveAt = Infinity;
    const members = this.#running?.members.all().map((peer) => toBase64Url(peer.member.credential));
    if (members) this.#state = { ...this.#state, members };
    try {
      this.#options.saveState(this.#state);
    } catch (thrown) {
      this.#env.log.warn('state not saved', { reason: messageOf(thrown) });
    }
  }
}

/**
 * A running node: the composition root. It owns the ports (data plane, relays, interface list), the one timer, and
 * the members; the machines in `peer/`, `path/` and `noise/` decide. Starts in order, stops in reverse.
 *
 *   relays ──members, presence──▶ roster ──▶ peers (session + prober) ──keys, paths──▶ data plane
 *      ▲                                        ▲                                          │
 *      └──────── handshakes, offers, pings ─────┴───── packets, control messages ──────────┘
 */
import type {
  NodeEvent,
  PeerReport,
  PingReply,
  PingReport,
  StatusReport,
  WhyReport,
} from './control/schema.js';
import type { NodeState } from './config/schema.js';
import type { DataPlane, Origin, PlaneListener, PlaneOptions } from './dataplane/plane.js';
import { verifyCredential, type Member } from './identity/certificate.js';
import { resign } from './identity/enroll.js';
import { dhPublicKey } from './identity/keys.js';
import { describeNetwork, type RelayFact } from './identity/network.js';
import { macOf } from './identity/node-id.js';
import { Roster } from './identity/roster.js';
import { selfOf, withReceipt, type Self } from './identity/self.js';
import { concatBytes, equalBytes, fromBase64Url, toBase64Url, utf8 } from './lib/bytes.js';
import { formatEndpoint, type Endpoint } from './lib/endpoint.js';
import { EvioError, messageOf } from './lib/errors.js';
import { formatIpv4 } from './lib/ipv4.js';
import { Teardown } from './lib/lifecycle.js';
import type { Node, NodeOptions } from './node.js';
import { endpointSource } from './noise/cookie.js';
import { consumeInitiation } from './noise/ik.js';
import { HandshakeGate, limiterKey } from './noise/load.js';
import { StampSource } from './noise/tai64n.js';
import { gatherCandidates, usableAddresses, type LocalAddress } from './path/candidate.js';
import { NatObserver } from './path/nat.js';
import type { ActivePath } from './path/prober.js';
import { StunClient } from './path/stun-client.js';
import { IndexTable } from './peer/index-table.js';
import { pathBack, Peer, type PeerPorts } from './peer/peer.js';
import { rekeyAfterMs, type Session, type SessionContext } from './peer/session.js';
import { RelaySet } from './relay-set.js';
import { peerReport, whyReport } from './report.js';
import { parseControl } from './wire/control.js';
import { parseCookieReply, parseInitPayload, parseResponse, parseResponsePayload } from './wire/handshake.js';
import { looksLikeStun, PacketType, Suite } from './wire/packet.js';
import type { Refusal, Welcome } from './wire/signal.js';

/** The engine's pulse while something is under way, and while nothing is. */
const busyTickMs = 50;
const calmTickMs = 250;
const idleTickMs = 500;
/** How often interface addresses are compared; a jump of the calendar by more than this says that the machine slept. */
const watchMs = 1_000;
const sleepJumpMs = 10_000;
/** State goes to disk at most this often. */
const saveMs = 2_000;
/** With no relay after this time, members are sought at the endpoints remembered. */
const lonelyMs = 1_500;
/** A member that appears is left this long to begin by itself when its id is lower than ours. */
const politeMs = 700;
const maxAddressAttempts = 16;

export type PlaneFactory = (options: PlaneOptions) => DataPlane;

/** What a test or the simulator may replace. */
export interface EnginePorts {
  readonly makePlane: PlaneFactory;
  /** Addresses of this machine. */
  addresses(): LocalAddress[];
}

interface UserPing {
  readonly slot: number;
  resolve(path: 'direct' | 'relay'): void;
}

export class Engine implements Node {
  readonly networkId: string;
  readonly networkName: string;
  readonly #options: NodeOptions;
  readonly #ports: EnginePorts;
  readonly #self: Self;
  #credential: Uint8Array;
  #ip: number;
  #state: NodeState;
  #startedAt = 0;
  #teardown = new Teardown();
  #running = false;
  #plane!: DataPlane;
  #relays!: RelaySet;
  #stun!: StunClient;
  #gate!: HandshakeGate;
  #roster!: Roster;
  #session!: SessionContext;
  readonly #indexes: IndexTable<Session>;
  readonly #peers = new Map<string, Peer>();
  readonly #slots: (Peer | undefined)[] = [];
  readonly #sessions = new Map<Session, Peer>();
  readonly #polite = new Map<string, number>();
  readonly #nat = new NatObserver();
  #hosts: string[] = [];
  #watchAt = 0;
  #lastDate = 0;
  #cancelTick: () => void = () => undefined;
  #saveAt = Infinity;
  #readyTold = false;
  #addressAttempt = 0;
  #restarts = 0;
  readonly #userPings = new Map<number, UserPing>();
  readonly #waiters = new Set<() => void>();
  readonly #refusals = new Map<string, EvioError>();

  constructor(options: NodeOptions, ports: EnginePorts) {
    this.#options = options;
    this.#ports = ports;
    this.#state = options.state;
    const stored =
      options.state.credential === undefined ? undefined : fromBase64Url(options.state.credential);
    this.#self = selfOf(options.profile, stored);
    this.#credential = this.#self.credential;
    this.#ip = this.#self.certificate.ip;
    this.networkId = this.#self.networkId;
    this.networkName = this.#self.network.name;
    this.#indexes = new IndexTable(options.env.random);
  }

  get #env() {
    return this.#options.env;
  }

  get #now(): number {
    return this.#env.clock.now();
  }

  async start(): Promise<void> {
    if (this.#running) return;
    const { env, profile } = this.#options;
    const { network, keys } = this.#self;
    this.#teardown = new Teardown();
    this.#startedAt = this.#now;
    this.#plane = this.#ports.makePlane({
      deviceName: profile.device,
      mac: macOf(this.#self.id),
      ip: this.#ip,
      prefix: network.cidr.prefix,
      mtu: network.mtu,
      port: this.#options.port ?? (profile.port !== 0 ? profile.port : (this.#state.port ?? 0)),
    });
    await this.#startPlane();
    this.#teardown.add('plane', () => this.#plane.stop());
    this.#roster = new Roster(network, this.#self.idText);
    this.#gate = new HandshakeGate(keys.dh.publicKey, env.random);
    this.#session = {
      env,
      localStatic: keys.dh,
      prologue: concatBytes(utf8('evio data 1'), network.rootKey),
      suite: process.arch === 'x64' || process.arch === 'arm64' ? Suite.aes256gcm : Suite.chacha20poly1305,
      boot: Math.floor(env.random.unit() * 0xffff_ffff),
      stamps: new StampSource(env.clock),
      indexes: this.#indexes,
      rekeyAfterMs: this.#options.rekeyAfterMs ?? rekeyAfterMs,
      credential: () => this.#credential,
    };
    this.#stun = new StunClient(
      env.random,
      (request, server) => {
        this.#plane.sendPacket(request, { kind: 'direct', endpoint: server });
      },
      (server, mapped) => {
        this.#reflexive(server, mapped);
      },
    );
    this.#relays = this.#makeRelays();
    this.#running = true;
    this.#teardown.add('peers', async () => {
      for (const peer of this.#peers.values()) peer.goodbye();
      // The goodbyes are queued behind this in the plane, which sends before it stops.
      for (const peer of [...this.#peers.values()]) this.#removePeer(peer);
    });
    this.#hosts = this.#localHosts();
    this.#lastDate = env.clock.date();
    this.#watchAt = this.#now + watchMs;
    for (const text of this.#state.members) {
      const bytes = fromBase64Url(text);
      if (bytes) this.#takeMember(bytes);
    }
    this.#relays.start();
    this.#teardown.add('relays', () => {
      this.#relays.stop();
    });
    this.#schedule(0);
    this.#teardown.add('timer', () => {
      this.#running = false;
      this.#cancelTick();
    });
    if (this.#state.port !== this.#plane.port) {
      this.#state = { ...this.#state, port: this.#plane.port };
      this.#saveSoon();
    }
    env.log.info('node started', {
      network: network.name,
      ip: formatIpv4(this.#ip),
      device: this.#plane.deviceName,
      port: this.#plane.port,
    });
    this.#tell({
      event: 'started',
      network: describeNetwork(network),
      node: { id: this.#self.idText, name: profile.name, ip: formatIpv4(this.#ip), mac: this.#self.mac },
      device: this.#plane.deviceName,
      pid: process.pid,
    });
  }

  async stop(): Promise<void> {
    const wasRunning = this.#running;
    if (wasRunning && this.#saveAt !== Infinity) this.#save();
    await this.#teardown.run((name, thrown) => {
      this.#env.log.warn('could not stop', { part: name, reason: messageOf(thrown) });
    });
    this.#running = false;
    this.#wake();
    if (wasRunning) this.#tell({ event: 'stopped', network: this.networkId });
  }

  waitConnected(timeoutMs: number): Promise<boolean> {
    if (this.#connected()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = (): void => {
        if (!this.#connected() && this.#running) return;
        finish(this.#running);
      };
      const finish = (result: boolean): void => {
        cancel();
        this.#waiters.delete(done);
        resolve(result);
      };
      const cancel = this.#env.clock.after(timeoutMs, () => {
        finish(false);
      });
      this.#waiters.add(done);
    });
  }

  status(): StatusReport {
    const { profile, version } = this.#options;
    const device = this.#plane.deviceCounters();
    const peers = [...this.#peers.values()];
    return {
      node: {
        id: this.#self.idText,
        name: profile.name,
        ip: formatIpv4(this.#ip),
        mac: this.#self.mac,
        pid: process.pid,
        version,
        uptimeMs: Math.round(this.#now - this.#startedAt),
      },
      network: describeNetwork(this.#self.network),
      device: {
        name: this.#plane.deviceName,
        mtu: this.#self.network.mtu,
        ...device,
        restarts: this.#restarts,
      },
      relays: this.#relays.report(),
      nat: {
        mapping: this.#nat.mapping(this.#hosts),
        udpBlocked: this.#relays.udpBlocked,
        addresses: this.#nat.reflexive.map(formatEndpoint),
      },
      ring: {
        sizeEstimate: this.#roster.size + 1,
        predecessor: null,
        successors: [],
        longLinks: [],
        onDemand: [],
      },
      peerCount: peers.filter((peer) => peer.state === 'connected').length,
    };
  }

  peers(): PeerReport[] {
    return [...this.#peers.values()]
      .map((peer) => peerReport(peer, this.#plane.peerCounters(peer.slot), this.#now))
      .sort((a, b) => a.name.localeCompare(b.name) || a.id.localeCompare(b.id));
  }

  why(text: string): WhyReport {
    const peer = this.#find(text);
    return whyReport(peer, {
      local: this.#candidates(),
      mapping: this.#nat.mapping(this.#hosts),
      udpBlocked: this.#relays.udpBlocked,
      relays: this.#relays.report(),
      online: this.#relays.isOnline(peer.member.idText),
    });
  }

  async ping(
    text: string,
    count: number,
    timeoutMs: number,
    intervalMs: number,
    signal?: AbortSignal,
  ): Promise<PingReport> {
    const peer = this.#find(text);
    const replies: PingReply[] = [];
    let sent = 0;
    for (let seq = 1; seq <= count && !signal?.aborted; seq++) {
      if (seq > 1) await this.#sleep(intervalMs, signal);
      if (!this.#running || signal?.aborted) break;
      sent++;
      const begun = this.#now;
      const path = await this.#pingOnce(peer, timeoutMs, signal);
      if (path) replies.push({ seq, rttMs: Math.round((this.#now - begun) * 1000) / 1000, path });
    }
    const times = replies.map((reply) => reply.rttMs);
    const average = times.reduce((sum, ms) => sum + ms, 0) / times.length;
    return {
      peer: peer.member.idText,
      sent,
      received: replies.length,
      minMs: times.length > 0 ? Math.min(...times) : null,
      avgMs: times.length > 0 ? Math.round(average * 1000) / 1000 : null,
      maxMs: times.length > 0 ? Math.max(...times) : null,
      replies,
    };
  }

  /* ---- ports in ---- */

  async #startPlane(): Promise<void> {
    try {
      await this.#plane.start(this.#planeListener());
    } catch (thrown) {
      // A port that was chosen by itself last time may be taken now; one that was asked for must not change silently.
      const chosen = this.#options.port === undefined && this.#options.profile.port === 0;
      const taken = thrown instanceof EvioError && thrown.code === 'EVIO_ADDRESS_IN_USE';
      if (!chosen || !taken || this.#state.port === undefined) throw thrown;
      this.#state = { ...this.#state, port: 0 };
      this.#plane = this.#ports.makePlane({
        deviceName: this.#options.profile.device,
        mac: macOf(this.#self.id),
        ip: this.#ip,
        prefix: this.#self.network.cidr.prefix,
        mtu: this.#self.network.mtu,
        port: 0,
      });
      await this.#plane.start(this.#planeListener());
    }
  }

  #planeListener(): PlaneListener {
    return {
      packet: (bytes, origin) => {
        this.#packet(bytes, origin);
      },
      control: (slot, bytes, origin) => {
        const peer = this.#slots[slot];
        const message = parseControl(bytes);
        if (!peer || !message) return;
        peer.control(this.#now, message, origin);
        this.#pulse(peer);
      },
      confirmed: (slot, index) => {
        this.#slots[slot]?.session.confirm(this.#now, index);
      },
      wanted: (slot) => {
        this.#slots[slot]?.connect(this.#now);
      },
      roamed: (slot, endpoint) => {
        const peer = this.#slots[slot];
        peer?.roamed(this.#now, endpoint);
        if (peer) this.#pulse(peer);
      },
      carry: (carrier, destination, batch) => {
        this.#relays.carry(carrier, destination, batch);
      },
      exhausted: (slot, index) => {
        this.#slots[slot]?.session.exhausted(this.#now, index);
      },
      restarted: (restarts, reason) => {
        this.#restarts = restarts;
        this.#env.log.error('packet worker restarted', { restarts, reason });
      },
      failed: (error) => {
        this.#env.log.error('data plane failed', { reason: error.message });
        this.#options.onFatal?.(error);
      },
    };
  }

  #packet(bytes: Uint8Array, origin: Origin): void {
    const first = bytes[0] ?? 0xff;
    const now = this.#now;
    if (looksLikeStun(first)) {
      if (origin.kind === 'direct') this.#stun.receive(now, bytes, origin.endpoint);
      return;
    }
    switch (first) {
      case PacketType.relayBound:
      case PacketType.relayUnbound:
        if (origin.kind === 'direct') this.#relays.receive(now, bytes, origin.endpoint);
        return;
      case PacketType.handshakeInit:
        this.#initiation(now, bytes, origin);
        return;
      case PacketType.handshakeResponse:
        this.#response(now, bytes, origin);
        return;
      case PacketType.cookieReply: {
        const cookie = parseCookieReply(bytes);
        if (cookie) this.#indexes.get(cookie.receiverIndex)?.takeCookie(now, bytes);
        return;
      }
    }
  }

  /** The gate stands before any Diffie-Hellman: a stranger's packet costs two hashes. */
  #admitted(now: number, bytes: Uint8Array, origin: Origin): boolean {
    const source = origin.kind === 'direct' ? endpointSource(origin.endpoint) : origin.source;
    const key = limiterKey(origin.kind === 'direct' ? origin.endpoint : origin.source);
    const verdict = this.#gate.judge(bytes, source, key, now);
    if (verdict.kind === 'reply') {
      const back = pathBack(origin, origin.kind === 'direct' ? new Uint8Array(16) : origin.source);
      this.#relays.sendPacket(verdict.packet, back);
    }
    return verdict.kind === 'pass';
  }

  #initiation(now: number, bytes: Uint8Array, origin: Origin): void {
    if (!this.#admitted(now, bytes, origin)) return;
    const initiation = consumeInitiation(bytes, {
      localStatic: this.#session.localStatic,
      prologue: this.#session.prologue,
      suites: [Suite.aes256gcm, Suite.chacha20poly1305],
    });
    const payload = initiation && parseInitPayload(initiation.payload);
    if (!initiation || !payload) return;
    const peer = this.#prove(payload.certificate, initiation.remoteStatic);
    if (!peer) {
      initiation.destroy();
      return;
    }
    const taken = peer.session.acceptInitiation(now, initiation, payload, pathBack(origin, peer.member.id));
    if (!taken) {
      initiation.destroy();
      return;
    }
    peer.heardFrom(origin);
    this.#pulse(peer);
  }

  #response(now: number, bytes: Uint8Array, origin: Origin): void {
    const response = parseResponse(bytes);
    const session = response && this.#indexes.get(response.receiverIndex);
    const peer = session && this.#sessions.get(session);
    if (!session || !peer || !this.#admitted(now, bytes, origin)) return;
    const established = session.openResponse(bytes, response.receiverIndex);
    const payload = established && parseResponsePayload(established.payload);
    if (!established || !payload || this.#prove(payload.certificate, established.remoteStatic) !== peer)
      return;
    peer.heardFrom(origin);
    session.complete(now, established, response.receiverIndex, payload.boot);
    peer.pathAppeared();
    this.#pulse(peer);
  }

  /** The peer whose certificate this is, when it belongs to the key that the handshake proved. */
  #prove(credential: Uint8Array, remoteStatic: Uint8Array): Peer | undefined {
    const verdict = verifyCredential(credential, this.#self.network, this.#env.clock.date());
    if (!verdict.ok) {
      this.#env.log.debug('handshake refused', { reason: verdict.fault });
      return undefined;
    }
    const key = dhPublicKey(verdict.member.key);
    if (!key || !equalBytes(key, remoteStatic)) return undefined;
    this.#takeMember(credential);
    return this.#peers.get(verdict.member.idText);
  }

  /* ---- relays ---- */

  #makeRelays(): RelaySet {
    const { env, version } = this.#options;
    return new RelaySet(
      {
        relays: this.#self.network.relays,
        keys: this.#self.keys,
        networkBytes: this.#self.networkBytes,
        credential: () => this.#credential,
        agent: `evio/${version}`,
        env,
        plane: this.#plane,
      },
      {
        welcome: (welcome, relay) => {
          this.#welcome(welcome, relay);
        },
        refused: (error, code) => {
          this.#refused(error, code);
        },
        member: (credential) => {
          this.#takeMember(credential);
        },
        presence: (idText, online) => {
          if (online) this.#appeared(idText);
          this.#relaysChanged();
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
          this.#reflexive(server, observed);
        },
        stunServers: (servers) => {
          if (!this.#running) return;
          for (const server of servers) this.#stun.ask(this.#now, server);
        },
      },
    );
  }

  #welcome(welcome: Welcome, relay: RelayFact): void {
    this.#refusals.clear();
    const receipt = welcome.receipt === null ? undefined : fromBase64Url(welcome.receipt);
    if (receipt && receipt.length > 0) {
      this.#useCredential(withReceipt(this.#credential, receipt));
    }
    const skew = welcome.date - this.#env.clock.date();
    if (Math.abs(skew) > 60_000) {
      this.#env.log.warn('clock differs from the relay', { relay: relay.address, skewMs: Math.round(skew) });
    }
    for (const text of welcome.members) {
      const bytes = fromBase64Url(text);
      if (bytes) this.#takeMember(bytes);
    }
    // The newcomer begins: the others learn of it only now.
    for (const idText of welcome.online) this.#peers.get(idText)?.connect(this.#now);
  }

  #refused(error: EvioError, code: Refusal): void {
    if (
      code === 'address-taken' &&
      this.#options.profile.wantedIp === undefined &&
      this.#addressAttempt < maxAddressAttempts
    ) {
      this.#addressAttempt++;
      const credential = resign(
        this.#options.profile,
        { attempt: this.#addressAttempt, current: this.#credential },
        this.#env.clock.date(),
      );
      this.#useCredential(credential);
      this.#env.log.warn('address was taken', { tried: formatIpv4(this.#ip), attempt: this.#addressAttempt });
      this.#save();
      void this.#restart();
      return;
    }
    this.#refusals.set(code, error);
    // Alone and refused: nothing can come of waiting. With peers connected the node goes on without this relay.
    if (![...this.#peers.values()].some((peer) => peer.session.established) && !this.#relays.anyUp) {
      this.#options.onFatal?.(error);
    }
  }

  /** With another address everything begins anew, the interface too. */
  async #restart(): Promise<void> {
    await this.stop();
    this.#ip = selfOf(this.#options.profile, this.#credential).certificate.ip;
    try {
      await this.start();
    } catch (thrown) {
      this.#options.onFatal?.(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }

  #useCredential(credential: Uint8Array): void {
    this.#credential = credential;
    this.#state = { ...this.#state, credential: toBase64Url(credential) };
    this.#saveSoon();
  }

  #relaysChanged(): void {
    if (!this.#running) return;
    for (const peer of this.#peers.values()) {
      peer.prober.relaysChanged(this.#now);
      peer.pathAppeared();
    }
    this.#schedule(0);
  }

  #reflexive(server: Endpoint, observed: Endpoint): void {
    if (!this.#nat.add(this.#now, server, observed) || !this.#running) return;
    this.#env.log.debug('reflexive address', {
      server: formatEndpoint(server),
      observed: formatEndpoint(observed),
    });
    for (const peer of this.#peers.values()) if (peer.prober.active?.kind !== 'direct') peer.offer(this.#now);
    this.#schedule(0);
  }

  /* ---- members and peers ---- */

  #takeMember(credential: Uint8Array): void {
    const verdict = this.#roster.take(credential, this.#env.clock.date());
    if (verdict.kind === 'refused') {
      if (verdict.fault !== 'self') this.#env.log.debug('member refused', { reason: verdict.fault });
      return;
    }
    if (verdict.kind === 'known') return;
    const peer = this.#peers.get(verdict.member.idText);
    if (peer && !peer.update(verdict.member)) this.#removePeer(peer);
    if (!this.#peers.has(verdict.member.idText)) this.#addPeer(verdict.member);
    this.#plane.setNeighbours([...this.#roster.all()].map(({ ip, mac }) => ({ ip, mac })));
    this.#saveSoon();
  }

  #addPeer(member: Member): void {
    let slot = this.#slots.findIndex((peer) => peer === undefined);
    if (slot < 0) slot = this.#slots.length;
    const peer = new Peer(this.#peerPorts(), slot, member, this.#state.endpoints[member.idText] ?? []);
    this.#slots[slot] = peer;
    this.#peers.set(member.idText, peer);
    this.#sessions.set(peer.session, peer);
    if (this.#relays.isOnline(member.idText)) this.#appeared(member.idText);
  }

  #removePeer(peer: Peer): void {
    peer.close();
    this.#slots[peer.slot] = undefined;
    this.#peers.delete(peer.member.idText);
    this.#sessions.delete(peer.session);
    this.#polite.delete(peer.member.idText);
  }

  #peerPorts(): PeerPorts {
    return {
      env: this.#env,
      plane: this.#plane,
      sendPacket: (packet, path) => {
        this.#relays.sendPacket(packet, path);
      },
      session: this.#session,
      // kind byte not counted: Ethernet header, one VLAN tag, payload
      fullPing: 18 + this.#self.network.mtu,
      relays: (peer) => this.#relays.choices(peer.member.id, peer.member.idText),
      candidates: () => this.#candidates(),
      checkRelays: () => {
        this.#relays.check();
        this.#schedule(busyTickMs);
      },
      relaySilent: () => {
        this.#relays.nudge();
      },
      connected: (peer) => {
        const path = peer.prober.active;
        this.#env.log.info('peer connected', {
          peer: peer.member.name,
          path: path?.kind,
          endpoint: path?.endpoint,
        });
        this.#tell({
          event: 'peer-connected',
          network: this.networkId,
          peer: peer.member.idText,
          name: peer.member.name,
          ip: formatIpv4(peer.member.ip),
          path: path?.kind ?? 'relay',
        });
        this.#wake();
      },
      moved: (peer, from, to) => {
        this.#moved(peer, from, to);
      },
      disconnected: (peer) => {
        this.#env.log.info('peer lost', { peer: peer.member.name });
        this.#tell({
          event: 'peer-lost',
          network: this.networkId,
          peer: peer.member.idText,
          name: peer.member.name,
        });
      },
      pong: (peer, transaction) => {
        const ping = this.#userPings.get(transaction);
        if (ping?.slot === peer.slot) ping.resolve(peer.prober.active?.kind ?? 'relay');
      },
    };
  }

  #moved(peer: Peer, from: ActivePath | null, to: ActivePath | null): void {
    if (from?.kind === to?.kind && from?.endpoint === to?.endpoint) return;
    this.#env.log.info('peer path', {
      peer: peer.member.name,
      from: from?.kind ?? null,
      to: to?.kind ?? null,
      endpoint: to?.endpoint,
    });
    this.#tell({
      event: 'peer-path',
      network: this.networkId,
      peer: peer.member.idText,
      name: peer.member.name,
      from: from?.kind ?? null,
      to: to?.kind ?? null,
      endpoint: to?.endpoint ?? null,
    });
    if (to?.kind === 'direct') {
      const endpoints = peer.remembered.map(formatEndpoint);
      this.#state = {
        ...this.#state,
        endpoints: { ...this.#state.endpoints, [peer.member.idText]: endpoints },
      };
      this.#saveSoon();
    }
    // A direct path that fails may mean that our own address changed: relays are asked at once, not at their next heartbeat.
    if (from?.kind === 'direct' && to?.kind !== 'direct') this.#relays.nudge();
  }

  /** A member came online at a relay. */
  #appeared(idText: string): void {
    const peer = this.#peers.get(idText);
    if (!peer || peer.session.established) return;
    if (idText > this.#self.idText) peer.connect(this.#now);
    else this.#polite.set(idText, this.#now + politeMs);
  }

  #candidates() {
    return gatherCandidates(this.#hosts, this.#plane.port, this.#nat.reflexive);
  }

  #localHosts(): string[] {
    return usableAddresses(this.#ports.addresses(), {
      devices: [this.#plane.deviceName],
      cidrs: [this.#self.network.cidr],
    });
  }

  /* ---- time ---- */

  #pulse(peer: Peer): void {
    peer.pathAppeared();
    if (peer.busy) this.#schedule(busyTickMs);
  }

  #nextTickAt = Infinity;

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
    const now = this.#now;
    this.#relays.tick(now);
    this.#stun.tick(now);
    for (const [idText, at] of this.#polite) {
      if (now < at) continue;
      this.#polite.delete(idText);
      const peer = this.#peers.get(idText);
      if (peer && !peer.session.established) peer.connect(now);
    }
    let busy = this.#relays.busy || this.#stun.busy;
    for (const peer of this.#peers.values()) {
      peer.tick(now);
      busy ||= peer.busy;
    }
    if (!this.#relays.anyUp && now - this.#startedAt > lonelyMs) this.#seekRemembered(now);
    if (now >= this.#watchAt) this.#watch(now);
    if (now >= this.#saveAt) this.#save();
    this.#tellReady(now);
    this.#wake();
    this.#schedule(busy ? busyTickMs : this.#peers.size > 0 ? calmTickMs : idleTickMs);
  }

  #seekRemembered(now: number): void {
    for (const peer of this.#peers.values()) {
      if (!peer.session.established && !peer.session.connecting && peer.remembered.length > 0)
        peer.connect(now);
    }
  }

  /** Compares interfaces and calendar: after a change everything that was learnt about the way out is in doubt. */
  #watch(now: number): void {
    this.#watchAt = now + watchMs;
    const date = this.#env.clock.date();
    const slept = date - this.#lastDate > sleepJumpMs;
    this.#lastDate = date;
    const hosts = this.#localHosts();
    if (!slept && hosts.length === this.#hosts.length && hosts.every((host, i) => host === this.#hosts[i]))
      return;
    this.#env.log.info(slept ? 'machine resumed' : 'addresses changed', { addresses: hosts });
    this.#hosts = hosts;
    this.#nat.clear();
    this.#stun.refresh(now);
    this.#relays.nudge();
    for (const peer of this.#peers.values()) peer.prober.networkChanged(now);
  }

  #connected(): boolean {
    if (!this.#running) return false;
    const peers = [...this.#peers.values()];
    if (peers.some((peer) => peer.state === 'connected')) return true;
    if (this.#relays.size === 0) return true;
    if (!this.#relays.anyUp) return false;
    // With members online, connected means that at least one of them answers.
    return !peers.some((peer) => this.#relays.isOnline(peer.member.idText) && peer.state === 'connecting');
  }

  #tellReady(now: number): void {
    if (this.#readyTold || !this.#connected()) return;
    const peers = [...this.#peers.values()];
    const waiting = peers.some((peer) => peer.state === 'connecting');
    if (waiting && now - this.#startedAt < 5_000) return;
    this.#readyTold = true;
    this.#tell({
      event: 'ready',
      network: this.networkId,
      peers: peers.filter((p) => p.state === 'connected').length,
    });
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  #tell(event: NodeEvent): void {
    this.#options.onEvent?.(event);
  }

  /* ---- state ---- */

  #saveSoon(): void {
    if (this.#saveAt === Infinity) this.#saveAt = this.#now + saveMs;
  }

  #save(): void {
    this.#saveAt = Infinity;
    this.#state = {
      ...this.#state,
      members: [...this.#roster.all()].map((member) => toBase64Url(member.credential)),
    };
    try {
      this.#options.saveState(this.#state);
    } catch (thrown) {
      this.#env.log.warn('state not saved', { reason: messageOf(thrown) });
    }
  }

  /* ---- ping and names ---- */

  #find(text: string): Peer {
    const found = this.#roster.find(text, formatIpv4);
    const member = found[0];
    if (found.length > 1) {
      throw new EvioError(
        'EVIO_UNKNOWN_PEER',
        `"${text}" may mean ${found.map((m) => `${m.name} (${m.idText})`).join(' or ')}.`,
        ['Give the whole node id.'],
      );
    }
    const peer = member && this.#peers.get(member.idText);
    if (!peer) {
      throw new EvioError('EVIO_UNKNOWN_PEER', `No member of ${this.networkName} is called "${text}".`, [
        'See the names, addresses and ids with: evio peers',
      ]);
    }
    return peer;
  }

  #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#env.clock.after(ms, done);
      function done(): void {
        cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      }
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  /** Sends a ping, connecting first where needed; undefined when nothing came back in time. */
  #pingOnce(
    peer: Peer,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<'direct' | 'relay' | undefined> {
    const transaction = Math.floor(this.#env.random.unit() * Number.MAX_SAFE_INTEGER);
    return new Promise((resolve) => {
      let cancelRetry = (): void => undefined;
      const finish = (path: 'direct' | 'relay' | undefined): void => {
        cancel();
        cancelRetry();
        signal?.removeEventListener('abort', abort);
        this.#userPings.delete(transaction);
        resolve(path);
      };
      const abort = (): void => {
        finish(undefined);
      };
      const cancel = this.#env.clock.after(timeoutMs, abort);
      signal?.addEventListener('abort', abort, { once: true });
      this.#userPings.set(transaction, { slot: peer.slot, resolve: finish });
      const send = (): void => {
        if (peer.session.established && peer.prober.path) {
          peer.ping(transaction);
          return;
        }
        peer.connect(this.#now);
        this.#schedule(busyTickMs);
        cancelRetry = this.#env.clock.after(100, send);
      };
      send();
    });
  }
}

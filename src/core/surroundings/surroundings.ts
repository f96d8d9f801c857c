/**
 * How this machine is placed: its own addresses, its way out, what the outside sees of it, and when any of them changes.
 * Addresses and ways are ports; STUN packets leave by the data plane's socket. The kernel's notices have it look at once;
 * where there are none, and for what a notice was lost of, it looks by itself.
 */
import { isDeepStrictEqual } from 'node:util';
import { formatEndpoint, type Endpoint } from '../lib/endpoint.js';
import type { Env } from '../lib/env.js';
import type { Cidr } from '../lib/ipv4.js';
import { TokenBucket } from '../lib/token-bucket.js';
import { Beacons, type BeaconsPorts } from './beacons.js';
import {
  gatherCandidates,
  onLinkOf,
  lanInterfaces,
  usableAddresses,
  type Excluded,
  type LocalAddress,
} from './candidate.js';
import { NatObserver } from './nat.js';
import { NatProbe, type NatProbePorts } from './nat-probe.js';
import { RouterPort, type GatewayNews, type GatewayWay } from './router-port.js';
import { StunClient, type StunServer } from './stun-client.js';
import { Uplinks } from './uplinks.js';
import { describeWay, sameWays, type Exit, type WayOut, type WaysOut } from './ways-out.js';
import type { Candidate } from '../wire/candidate.js';
import type { MappingProtocol } from '../wire/port-mapping.js';
import type { NatMapping, NatNews, NatPorts } from '../wire/nat.js';
import { parseCard, type Card } from '../wire/ring.js';

/** How often the calendar is looked at, ms; a jump of it by more than this says that the machine slept. */
const watchMs = 1_000;
const sleepJumpMs = 10_000;
/** How often addresses and ways are compared, ms: where the kernel gives notice, and where it does not. */
const noticedLookMs = 30_000;
const blindLookMs = 1_000;
/** All peers are offered another outside address, so often at once and a second: a relay or a router may name one after the other. */
const newsAtOnce = 8;
const newsPerS = 0.2;
/** Addresses of which is remembered where packets to them leave. */
const exitLimit = 4_096;

/** Why what was learnt about the way out is in doubt; `uplink`: by our own choice packets leave by another interface. */
export type Change = 'moved' | 'slept' | 'uplink';

/** Packets leave by another interface than the kernel would have them. */
export interface UplinkReport {
  readonly device: string;
  /** The preferred one, by which nothing is heard. */
  readonly instead: string;
}

/** Of IPv4, where both families go another way. */
function uplinkOf(ways: WaysOut, preferred: WaysOut): UplinkReport | undefined {
  for (const family of ['v4', 'v6'] as const) {
    const { [family]: way } = ways;
    const { [family]: best } = preferred;
    if (way && best && way.device !== best.device) return { device: way.name, instead: best.name };
  }
  return undefined;
}

export interface SurroundingsPorts {
  readonly env: Env;
  addresses(): LocalAddress[];
  /** The ways out of this machine. @param over so many of the best are passed over, as `wayOut` has it */
  ways(over: number): WaysOut;
  /** When anything was heard from outside last, by any relay or member: ms of the clock; default: just now. */
  heardAt?(): number;
  /** Asks relays by these interfaces; `proven` hears whether any answers. Default: nobody is asked. */
  prove?(ways: WaysOut, proven: (alive: boolean) => void): void;
  /** Packets leave by another interface than the kernel would have them, or do no more. */
  uplink?(report: UplinkReport | undefined): void;
  /** Where packets to an address leave; default: that is not known. */
  exit?(host: string): Exit | null;
  /** Interfaces that stand on that of the network; default: none. */
  stacked?(): readonly string[];
  /** The ways out are others: sockets are to be pinned, or not any more. Told before `changed`. */
  pin(ways: WaysOut): void;
  sendStun(request: Uint8Array, server: Endpoint): void;
  /** Own interface and network, which are no candidates. */
  readonly device: string;
  readonly cidr: Cidr;
  /** UDP port of the data socket. */
  readonly port: number;
  /** Asks the default gateway; default: it is not asked for a port. */
  readonly gateway?: GatewayWay | undefined;
  /** Of this node, 32 bytes: by it the gateway knows the process after this one. */
  readonly secret: Uint8Array;
  /** Multicast to the LANs; default: nothing is said there. */
  readonly lan?: Omit<BeaconsPorts, 'random' | 'found'> | undefined;
  /** Sockets to see by what the NAT does; default: it is not looked at closer. */
  readonly probe?: Pick<NatProbePorts, 'send' | 'close'> | undefined;
  /** We know better what the NAT does, and which ports it gives us: peers should hear of it. */
  forecast(): void;
  /** A member is on one of our LANs now, at these addresses of it. Its credential is not verified. */
  nearby(card: Card): void;
  /** A reflexive address that was not known. */
  discovered(): void;
  /** Routes may have changed, and there are interfaces that stand on ours. */
  rerouted(): void;
  /** Everything that was learnt about the way out is in doubt. */
  changed(change: Change): void;
}

export class Surroundings {
  readonly #ports: SurroundingsPorts;
  readonly #nat = new NatObserver();
  readonly #stun: StunClient;
  readonly #routerPort: RouterPort | undefined;
  readonly #beacons: Beacons | undefined;
  readonly #probe: NatProbe | undefined;
  readonly #uplinks: Uplinks;
  #hosts: string[];
  /** As the kernel would have them, and as they are: others only where the best is dead. */
  #preferred: WaysOut = { v4: null, v6: null };
  #ways: WaysOut = { v4: null, v6: null };
  #uplink: UplinkReport | undefined;
  /** Interfaces that stand on ours: what leaves there is carried by the network itself. */
  #stacked: readonly string[] = [];
  /** Where packets to addresses leave that were asked about since routes changed last. */
  readonly #exits = new Map<string, Exit | null>();
  readonly #news: TokenBucket;
  /** When what was not told is told; Infinity: everything was. */
  #newsAt = Infinity;
  #watchAt: number;
  #lookAt: number;
  #lookEveryMs = blindLookMs;
  #lastDate: number;

  constructor(ports: SurroundingsPorts) {
    this.#ports = ports;
    const { env } = ports;
    this.#hosts = usableAddresses(ports.addresses(), this.#excluded);
    this.#watchAt = this.#lookAt = env.clock.now() + watchMs;
    this.#lastDate = env.clock.date();
    this.#news = new TokenBucket(newsPerS, newsAtOnce, env.clock.now());
    this.#uplinks = new Uplinks(env.clock.now(), {
      take: (over) => this.#passOver(over),
      probe: () => {
        ports.prove?.(this.#preferred, (alive) => {
          this.#uplinks.proven(env.clock.now(), alive);
        });
      },
    });
    const { gateway, lan, probe } = ports;
    this.#routerPort =
      gateway &&
      new RouterPort({
        random: env.random,
        secret: ports.secret,
        open: (host, source) => {
          gateway.open(host, source);
        },
        send: (question) => {
          gateway.send(question);
        },
        search: (question) => {
          gateway.search(question);
        },
        request: (request) => {
          gateway.request(request);
        },
        close: () => gateway.close(),
        changed: (endpoint, how) => {
          env.log.info('port of the router', { endpoint: endpoint && formatEndpoint(endpoint), reason: how });
          if (endpoint) this.#discovered(env.clock.now());
        },
      });
    this.#beacons =
      lan &&
      new Beacons(env.clock.now(), {
        ...lan,
        random: env.random,
        found: (bytes) => {
          this.#found(bytes);
        },
      });
    this.#probe =
      probe &&
      new NatProbe({
        ...probe,
        random: env.random,
        changed: () => {
          ports.forecast();
        },
      });
    this.#stun = new StunClient(
      env.random,
      (request, server) => {
        ports.sendStun(request, server);
      },
      (server, mapped) => {
        if (server.main) this.observed(server, mapped);
        else this.#saw(server, mapped);
      },
    );
  }

  /** Where the router takes packets for us, if it opened a port. */
  get mapped(): Endpoint | undefined {
    return this.#routerPort?.endpoint;
  }

  /** By which protocol it opened it. */
  get mappedBy(): MappingProtocol | undefined {
    return this.#routerPort?.protocol;
  }

  get mapping(): NatMapping {
    return this.#nat.mapping(this.#hosts);
  }

  /** What peers should know of our NAT. */
  get nat(): NatNews {
    const { mapping } = this;
    const { filtering = 'unknown' } = this.#probe ?? {};
    return {
      mapping,
      filtering,
      ports: this.#natPorts,
      range: this.#probe?.range(this.#ports.env.clock.now()),
    };
  }

  get #natPorts(): NatPorts {
    const { reflexive } = this.#nat;
    const preserved = reflexive.length > 0 && reflexive.every(({ port }) => port === this.#ports.port);
    return preserved ? 'preserved' : (this.#probe?.ports ?? 'unknown');
  }

  /** Tells of addresses whether they are on one of our links as they are now: packets to them pass no router. */
  get onLink(): (host: string) => boolean {
    return onLinkOf(this.#ports.addresses(), this.#excluded);
  }

  get reflexive(): readonly Endpoint[] {
    return this.#nat.reflexive;
  }

  /** Packets to this address would be carried by the network itself, as the routes are now. */
  readonly loops = (host: string): boolean => {
    // A socket that is pinned does not follow such routes.
    return this.#wayTo(host)?.pinned !== true && this.#exit(host)?.ours === true;
  };

  /**
   * They leave by an interface of which nobody sees on what it stands, and not by the way out: relays are reached without it.
   */
  readonly veiled = (host: string): boolean => {
    const way = this.#wayTo(host);
    if (way?.pinned === true) return false;
    const exit = this.#exit(host);
    return exit?.veiled === true && exit.device !== way?.name;
  };

  #wayTo(host: string): WayOut | null {
    return host.includes(':') ? this.#ways.v6 : this.#ways.v4;
  }

  #exit(host: string): Exit | null {
    const known = this.#exits.get(host);
    if (known !== undefined) return known;
    const exit = this.#ports.exit?.(host) ?? null;
    if (this.#exits.size < exitLimit) this.#exits.set(host, exit);
    return exit;
  }

  /** The interface by which one of these addresses is reached, or else the internet; undefined: none is known. */
  exitTo(hosts: readonly string[]): string | undefined {
    if (this.#uplink) return this.#uplink.device;
    for (const host of hosts) {
      const exit = this.#ports.exit?.(host);
      if (exit?.ours === false) return exit.device;
    }
    return (this.#ways.v4 ?? this.#ways.v6)?.name;
  }

  /** As they were when they were looked at last. */
  get ways(): WaysOut {
    return this.#ways;
  }

  /** Undefined where packets leave by the preferred way out. */
  get uplink(): UplinkReport | undefined {
    return this.#uplink;
  }

  /** Where peers may try to reach us. */
  get candidates(): Candidate[] {
    const { mapped } = this;
    const outside = mapped ? [mapped, ...this.#nat.reflexive] : this.#nat.reflexive;
    return gatherCandidates(this.#hosts, this.#ports.port, outside);
  }

  /** When `tick` has something to do: ms of the clock. */
  get dueAt(): number {
    const parts = [this.#stun, this.#routerPort, this.#beacons, this.#probe];
    return parts.reduce(
      (at, part) => Math.min(at, part?.dueAt ?? Infinity),
      Math.min(this.#watchAt, this.#newsAt),
    );
  }

  /** A relay sees our data socket as `mapped`. */
  observed(server: Endpoint, mapped: Endpoint): void {
    this.#saw(server, mapped);
    this.#probe?.reached(this.#ports.env.clock.now(), server);
  }

  /** A peer was reached directly, and is not any more. */
  parted(now: number): void {
    this.#routerPort?.doubt(now);
  }

  /** Packets go out to a peer that is being reached: which ports does the NAT give to such, and is that of the router still open? */
  punching(now: number): void {
    this.#routerPort?.missed(now);
    const { mapping } = this;
    if (mapping !== 'none' && mapping !== 'endpoint-independent') this.#probe?.sample(now);
  }

  /** Something came to a socket of `probe`. */
  receiveProbe(now: number, socket: number, packet: Uint8Array, from: Endpoint): void {
    this.#probe?.receive(now, socket, packet, from);
  }

  #saw(server: Endpoint, mapped: Endpoint): void {
    const { env } = this.#ports;
    const now = env.clock.now();
    if (this.#nat.moved(server, mapped)) this.#routerPort?.doubt(now);
    if (!this.#nat.add(now, server, mapped)) return;
    env.log.debug('reflexive address', { server: formatEndpoint(server), observed: formatEndpoint(mapped) });
    this.#discovered(now);
  }

  /** Tells of it, unless that was too often of late: then later, once. */
  #discovered(now: number): void {
    if (this.#news.take(1, now)) {
      this.#newsAt = Infinity;
      this.#ports.discovered();
    } else if (this.#newsAt <= now || this.#newsAt === Infinity) this.#newsAt = now + 1_000 / newsPerS;
  }

  ask(servers: readonly StunServer[]): void {
    for (const server of servers) this.#stun.ask(this.#ports.env.clock.now(), server);
  }

  receiveStun(now: number, packet: Uint8Array, from: Endpoint): void {
    this.#stun.receive(now, packet, from);
  }

  tick(now: number): void {
    this.#stun.tick(now);
    this.#routerPort?.tick(now);
    this.#beacons?.tick(now);
    this.#probe?.tick(now);
    if (now >= this.#newsAt) this.#discovered(now);
    if (now >= this.#watchAt) this.#watch(now);
  }

  /**
   * The interface of the network is there: from now on the ways out are known.
   *
   * @param noticed the kernel tells of changes, and `look` is called then
   */
  start(noticed: boolean): void {
    this.#lookEveryMs = noticed ? noticedLookMs : blindLookMs;
    this.#stacked = this.#ports.stacked?.() ?? [];
    this.#ways = this.#preferred = this.#ports.ways(0);
    this.#ports.pin(this.#ways);
    const now = this.#ports.env.clock.now();
    this.#uplinks.reset(now);
    this.#mapPort(now);
    this.#lookAtLans(now, this.#ports.addresses());
  }

  /** The node stops: the router may close its port. Settles when it has been told, in a few seconds at most. */
  stop(): Promise<void> {
    const told = this.#routerPort?.stop() ?? Promise.resolve();
    this.#beacons?.stop();
    this.#probe?.clear();
    return told;
  }

  /** Something came to the multicast group of the LANs. */
  receiveBeacon(now: number, packet: Uint8Array): void {
    this.#beacons?.receive(now, packet);
  }

  /** Something came from the default gateway. */
  receiveGateway(now: number, news: GatewayNews): void {
    this.#routerPort?.receive(now, news);
  }

  /** The kernel says that something changed. */
  look(now: number): void {
    this.#compare(now, false);
  }

  #watch(now: number): void {
    this.#watchAt = now + watchMs;
    const date = this.#ports.env.clock.date();
    const slept = date - this.#lastDate > sleepJumpMs;
    this.#lastDate = date;
    if (slept || now >= this.#lookAt) this.#compare(now, slept);
    this.#uplinks.tick(now, this.#ports.heardAt?.() ?? now);
  }

  /** False where that leads nowhere else. */
  #passOver(over: number): boolean {
    const ways = over === 0 ? this.#preferred : this.#ports.ways(over);
    if (sameWays(ways, over === 0 ? this.#ways : this.#preferred)) return false;
    this.#leaveBy(ways);
    this.#doubt(this.#ports.env.clock.now(), 'uplink');
    return true;
  }

  /** The ways by which packets are to leave, as the kernel's are now. */
  #follow(now: number, preferred: WaysOut, slept: boolean): WaysOut {
    const same = sameWays(preferred, this.#preferred);
    this.#preferred = preferred;
    const { over } = this.#uplinks;
    const ways = over > 0 && same && !slept ? this.#ports.ways(over) : preferred;
    if (!same || slept || (over > 0 && sameWays(ways, preferred))) this.#uplinks.reset(now);
    return ways;
  }

  #leaveBy(ways: WaysOut): void {
    this.#ways = ways;
    this.#ports.pin(ways);
    const before = this.#uplink;
    this.#uplink = uplinkOf(ways, this.#preferred);
    if (isDeepStrictEqual(before, this.#uplink)) return;
    const { log } = this.#ports.env;
    if (this.#uplink)
      log.warn('nothing is heard by the preferred way out: another is taken', { ...this.#uplink });
    else log.info('packets leave by the preferred way out again', { device: (ways.v4 ?? ways.v6)?.name });
    this.#ports.uplink?.(this.#uplink);
  }

  #compare(now: number, slept: boolean): void {
    const { env } = this.#ports;
    this.#lookAt = now + this.#lookEveryMs;
    const addresses = this.#ports.addresses();
    this.#stacked = this.#ports.stacked?.() ?? [];
    this.#exits.clear();
    const hosts = usableAddresses(addresses, this.#excluded);
    const preferred = this.#ports.ways(0);
    const ways = this.#follow(now, preferred, slept);
    this.#lookAtLans(now, addresses);
    const same = hosts.length === this.#hosts.length && hosts.every((host, i) => host === this.#hosts[i]);
    const sameOut = sameWays(ways, this.#ways);
    this.#hosts = hosts;
    if (!same) this.#uplinks.look();
    if (!sameOut) this.#leaveBy(ways);
    if (same && sameOut && !slept) {
      // The network's own interface is one of them.
      if (this.#stacked.length > 1) this.#ports.rerouted();
      return;
    }
    env.log.info(slept ? 'machine resumed' : same ? 'way out changed' : 'addresses changed', {
      addresses: hosts,
      v4: ways.v4 ? describeWay(ways.v4) : undefined,
      v6: ways.v6 ? describeWay(ways.v6) : undefined,
    });
    this.#doubt(now, slept ? 'slept' : 'moved');
  }

  #doubt(now: number, change: Change): void {
    this.#nat.clear();
    this.#probe?.clear();
    this.#stun.refresh(now);
    this.#mapPort(now);
    this.#ports.changed(change);
  }

  #mapPort(now: number): void {
    this.#routerPort?.moved(now, this.#ways.v4, this.#ports.port);
  }

  #lookAtLans(now: number, addresses: readonly LocalAddress[]): void {
    this.#beacons?.look(now, lanInterfaces(addresses, this.#excluded));
  }

  /** Whoever may seal a beacon must not have us send packets elsewhere than to the LAN. */
  #found(bytes: Uint8Array): void {
    const card = parseCard(bytes);
    if (!card) return;
    const { onLink } = this;
    const candidates = card.candidates.filter(({ endpoint }) => onLink(endpoint.host));
    if (candidates.length > 0) this.#ports.nearby({ credential: card.credential, candidates });
  }

  get #excluded(): Excluded {
    const { device, cidr } = this.#ports;
    return { devices: [device, ...this.#stacked], cidrs: [cidr] };
  }
}

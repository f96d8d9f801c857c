/** One site of the lab: the machines on a LAN, the router or routers in front of them, and their uplink. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EvioError } from '../core/lib/errors.js';
import { findProgram, LabProcess, requirePrograms, run, shell } from './exec.js';
import type { LaunchOptions, RunOptions, RunResult } from './exec.js';
import { clearLink, insideDevice, linkRules, outsideDevice, routerRules } from './rules.js';
import type { LinkRules, PortForward, SiteKind } from './rules.js';

/** What a site needs from the lab around it. */
export interface PublicSegment {
  readonly prefix: string;
  /** Namespace of the public segment. */
  readonly ns: string;
  /** Ends this process, at the latest, when the lab is destroyed. */
  adopt(process: LabProcess): void;
  /** Makes another namespace of the lab. */
  addNamespace(ns: string): Promise<void>;
  nextV4(): string;
  nextV6(): string;
  /** A /64 of the site's own, without its `::`, such as `2001:db8:7`. */
  nextPrefix(): string;
  /** Configures the public end of this site's uplink. */
  plug(site: Site): Promise<void>;
  /** Installs what the public end of a link does to packets arriving from the site. */
  filterPort(port: string, rules: LinkRules): Promise<void>;
}

export interface SiteOptions {
  readonly nat: SiteKind;
  /** Machines on the LAN, default 1. More than one share a bridge in the router. */
  readonly hosts?: number;
  /** UDP from inside to a mapping of our own outside address is turned back (RFC 4787 §6). */
  readonly hairpin?: boolean;
  /** Adds routed IPv6 behind a stateful firewall to a site with IPv4. */
  readonly ipv6?: boolean;
  /** First three numbers of the LAN's /24, default `192.168.N`; two sites may use the same, as homes do. */
  readonly lan?: string;
  /** Seconds a UDP mapping lives without traffic (conntrack's own: 30 unanswered, 120 once both ways). */
  readonly udpTimeoutS?: number;
  /** For kind `public`: explicit or absent addresses. */
  readonly v4?: boolean | string;
  readonly v6?: boolean | string;
}

/** A machine in the lab: a namespace with one interface, `eth0`. */
export class LabHost {
  readonly name: string;
  readonly ns: string;
  readonly site: Site;
  /** Address of its own interface (inside address behind a NAT). Changes with `site.changeAddress()`. */
  v4: string | undefined;
  v6: string | undefined;
  readonly #segment: PublicSegment;

  constructor(segment: PublicSegment, site: Site, name: string, ns: string) {
    this.#segment = segment;
    this.site = site;
    this.name = name;
    this.ns = ns;
  }

  /** Runs a program here to its end. */
  run(argv: readonly string[], options: Omit<RunOptions, 'ns'> = {}): Promise<RunResult> {
    return run(argv, { ...options, ns: this.ns });
  }

  /** Starts a program here; the lab ends it at the latest when it is destroyed. */
  launch(argv: readonly string[], options: Omit<LaunchOptions, 'ns'> = {}): LabProcess {
    const process = new LabProcess(argv, { ...options, ns: this.ns });
    this.#segment.adopt(process);
    return process;
  }
}

/**
 * Turned off while packets are lost or delayed one by one: one drop must not take a 64 kB burst along, and what
 * a program forwards must carry its checksum.
 */
const offloads = ['tx', 'tso', 'gso', 'tx-udp-segmentation'];

/** The program that holds frames back; it is plain Node's, so it runs from the build. */
const delayProgram = fileURLToPath(new URL('../../dist/lab/delay.js', import.meta.url));

/** Link-local addresses of the two ends of every uplink. */
export const coreLinkLocal = 'fe80::1';
export const siteLinkLocal = 'fe80::2';
/** Next hop of every uplink; the public segment answers ARP for it on each port. */
export const coreV4 = '192.0.2.1';

export class Site {
  readonly name: string;
  readonly kind: SiteKind;
  readonly hosts: LabHost[] = [];
  /** Namespaces of the routers, inner one first; empty for kind `public`. */
  readonly routers: string[] = [];
  /** Interface of the public segment this site hangs on. */
  readonly port: string;
  readonly #segment: PublicSegment;
  readonly #options: SiteOptions;
  readonly #lan: string;
  readonly #cgn: string;
  readonly #forwards: { protocol: PortForward['protocol']; port: number; to: LabHost }[] = [];
  #outsideV4: string | undefined;
  #outsideV6: string | undefined;
  #inside6: string | undefined;
  #link: LinkRules = clearLink;
  #wire: LabProcess | undefined;
  #wantSingle = false;

  constructor(segment: PublicSegment, number: number, name: string, options: SiteOptions) {
    this.#segment = segment;
    this.#options = options;
    this.name = name;
    this.kind = options.nat;
    this.port = `p${number}`;
    this.#lan = options.lan ?? `192.168.${number}`;
    this.#cgn = `100.64.${number}`;
    const base = `${segment.prefix}-${name}`;
    const isPublic = this.kind === 'public';
    for (let i = 0; i < (isPublic ? 1 : (options.hosts ?? 1)); i++) {
      const suffix = i === 0 ? '' : `-${i + 1}`;
      const host = new LabHost(segment, this, `${name}${suffix}`, `${base}${suffix}`);
      if (!isPublic && this.hasV4) host.v4 = `${this.#lan}.${i + 2}`;
      this.hosts.push(host);
    }
    if (!isPublic) this.routers.push(`${base}-gw`);
    if (this.kind === 'double-nat') this.routers.push(`${base}-cgn`);
    const wanted = (given: boolean | string | undefined, next: () => string): string | undefined =>
      given === false ? undefined : typeof given === 'string' ? given : next();
    if (isPublic) {
      this.#outsideV4 = wanted(options.v4, () => segment.nextV4());
      this.#outsideV6 = wanted(options.v6, () => segment.nextV6());
      this.host.v4 = this.#outsideV4;
      this.host.v6 = this.#outsideV6;
    } else {
      if (this.hasV4) this.#outsideV4 = segment.nextV4();
      if (this.hasV6) {
        this.#outsideV6 = segment.nextV6();
        this.#renumber(segment.nextPrefix());
      }
    }
  }

  /** The first (often only) machine. */
  get host(): LabHost {
    return this.hosts[0] as LabHost;
  }

  get hasV4(): boolean {
    return this.kind === 'public' ? this.#options.v4 !== false : this.kind !== 'ipv6-only';
  }

  get hasV6(): boolean {
    if (this.kind === 'public') return this.#options.v6 !== false;
    return this.kind === 'ipv6-only' || this.#options.ipv6 === true;
  }

  /** What the rest of the world sees: the NAT's outside address, and the router's own IPv6 address. */
  get outside(): { readonly v4: string | undefined; readonly v6: string | undefined } {
    return { v4: this.#outsideV4, v6: this.#outsideV6 };
  }

  get namespaces(): string[] {
    return [...this.hosts.map((host) => host.ns), ...this.routers];
  }

  /** The site's end of the uplink. */
  get uplink(): { readonly ns: string; readonly device: string } {
    const router = this.routers.at(-1);
    return router === undefined
      ? { ns: this.host.ns, device: 'eth0' }
      : { ns: router, device: outsideDevice };
  }

  #renumber(prefix: string): void {
    this.#inside6 = prefix;
    this.hosts.forEach((host, i) => (host.v6 = `${prefix}::${(i + 2).toString(16)}`));
  }

  /** `ip -batch` lines, for the root namespace, that make namespaces and cables. */
  cabling(): string[] {
    const lines = this.namespaces.map((ns) => `netns add ${ns}`);
    const cable = (nsA: string, deviceA: string, nsB: string, deviceB: string): void => {
      lines.push(`link add ${deviceA} netns ${nsA} type veth peer name ${deviceB} netns ${nsB}`);
    };
    cable(this.uplink.ns, this.uplink.device, this.#segment.ns, this.port);
    const [gateway, carrier] = this.routers;
    if (gateway === undefined) return lines;
    if (carrier !== undefined) cable(gateway, outsideDevice, carrier, insideDevice);
    if (this.hosts.length === 1) cable(gateway, insideDevice, this.host.ns, 'eth0');
    else
      this.hosts.forEach((host, i) => {
        cable(gateway, `port${i + 1}`, host.ns, 'eth0');
      });
    return lines;
  }

  /** `ip -batch` lines for each namespace: addresses, routes, interfaces up. */
  addressing(): Map<string, string[]> {
    const plan = new Map<string, string[]>();
    const isRouted = this.routers.length > 0;
    for (const host of this.hosts) {
      const lines = ['link set lo up', 'link set eth0 up'];
      if (host.v4 !== undefined) lines.push(`addr add ${host.v4}/${isRouted ? 24 : 32} dev eth0`);
      if (host.v6 !== undefined) lines.push(`addr add ${host.v6}/${isRouted ? 64 : 128} dev eth0 nodad`);
      if (!isRouted) lines.push(`addr add ${siteLinkLocal}/64 dev eth0 nodad`);
      if (host.v4 !== undefined) {
        lines.push(
          isRouted
            ? `route add default via ${this.#lan}.1`
            : `route add default via ${coreV4} dev eth0 onlink`,
        );
      }
      if (host.v6 !== undefined) lines.push(`route add default via fe80::1 dev eth0`);
      plan.set(host.ns, lines);
    }
    this.routers.forEach((ns, i) => {
      const inner = i === 0;
      const outer = i === this.routers.length - 1;
      const lines = ['link set lo up'];
      if (inner && this.hosts.length > 1) {
        lines.push(`link add ${insideDevice} type bridge mcast_snooping 0 forward_delay 0`);
        this.hosts.forEach((_, n) => lines.push(`link set port${n + 1} master ${insideDevice} up`));
      }
      lines.push(`link set ${insideDevice} up`, `link set ${outsideDevice} up`);
      if (this.hasV4) {
        lines.push(`addr add ${inner ? this.#lan : this.#cgn}.1/24 dev ${insideDevice}`);
        if (outer) {
          lines.push(
            `addr add ${this.#outsideV4}/32 dev ${outsideDevice}`,
            `route add default via ${coreV4} dev ${outsideDevice} onlink`,
          );
        } else {
          lines.push(
            `addr add ${this.#cgn}.2/24 dev ${outsideDevice}`,
            `route add default via ${this.#cgn}.1`,
          );
        }
      }
      if (this.hasV6) {
        lines.push(
          `addr add ${this.#outsideV6}/128 dev ${outsideDevice} nodad`,
          `addr add ${siteLinkLocal}/64 dev ${outsideDevice} nodad`,
          `addr add fe80::1/64 dev ${insideDevice} nodad`,
          `addr add ${this.#inside6}::1/64 dev ${insideDevice} nodad`,
          `route add default via ${coreLinkLocal} dev ${outsideDevice}`,
        );
      }
      plan.set(ns, lines);
    });
    return plan;
  }

  /** `ip -batch` lines for the public segment: the port, and the routes to what this site owns. */
  coreLines(): string[] {
    const lines = [`link set ${this.port} up`, `addr add ${coreLinkLocal}/64 dev ${this.port} nodad`];
    return [...lines, ...this.#coreRoutes('replace')];
  }

  #coreRoutes(verb: 'replace' | 'del'): string[] {
    const lines: string[] = [];
    if (this.#outsideV4 !== undefined) lines.push(`route ${verb} ${this.#outsideV4}/32 dev ${this.port}`);
    if (this.#outsideV6 !== undefined) lines.push(`route ${verb} ${this.#outsideV6}/128 dev ${this.port}`);
    if (this.#inside6 !== undefined)
      lines.push(`route ${verb} ${this.#inside6}::/64 via ${siteLinkLocal} dev ${this.port}`);
    return lines;
  }

  /** nftables text for each router, and how long its UDP mappings live. */
  routerScript(index: number): string {
    const inner = index === 0;
    const outer = index === this.routers.length - 1;
    const next = index + 1 < this.routers.length;
    const outside = !this.hasV4 ? undefined : outer ? this.#outsideV4 : `${this.#cgn}.2`;
    const forwards: PortForward[] = this.#forwards.map((f) => ({
      protocol: f.protocol,
      port: f.port,
      to: inner ? (f.to.v4 ?? '') : `${this.#cgn}.2`,
    }));
    const kind = this.kind === 'double-nat' || next ? 'endpoint-independent' : this.kind;
    const rules = routerRules({
      kind,
      outside,
      inside: `${inner ? this.#lan : this.#cgn}.0/24`,
      hairpin: this.#options.hairpin === true,
      forwards,
    });
    const lines = [`nft -f - <<'EOF'`, rules, 'EOF'];
    const timeout = this.#options.udpTimeoutS;
    if (timeout !== undefined) {
      for (const knob of ['nf_conntrack_udp_timeout', 'nf_conntrack_udp_timeout_stream'])
        lines.push(`echo ${timeout} > /proc/sys/net/netfilter/${knob}`);
    }
    return `${lines.join('\n')}\n`;
  }

  async #installRouterRules(): Promise<void> {
    for (const [i, ns] of this.routers.entries()) await shell(ns, this.routerScript(i));
  }

  /**
   * The provider hands out another address (and another IPv6 prefix): every mapping is void, nothing is told.
   * For kind `public` the host's own address changes.
   */
  async changeAddress(): Promise<void> {
    const old = { v4: this.#outsideV4, v6: this.#outsideV6, inside6: this.#inside6 };
    const oldHosts = this.hosts.map((host) => host.v6);
    const oldRoutes = this.#coreRoutes('del');
    if (old.v4 !== undefined) this.#outsideV4 = this.#segment.nextV4();
    if (old.v6 !== undefined) this.#outsideV6 = this.#segment.nextV6();
    const isPublic = this.routers.length === 0;
    if (isPublic) [this.host.v4, this.host.v6] = [this.#outsideV4, this.#outsideV6];
    else if (old.inside6 !== undefined) this.#renumber(this.#segment.nextPrefix());
    const batch = (ns: string, lines: readonly string[]): Promise<string> =>
      shell(ns, `ip -batch - <<'EOF'\n${lines.join('\n')}\nEOF\n`);
    const { ns, device } = this.uplink;
    // The new address goes in before the old one leaves: a device without any loses its routes.
    const lines: string[] = [];
    if (old.v4 !== undefined)
      lines.push(`addr add ${this.#outsideV4}/32 dev ${device}`, `addr del ${old.v4}/32 dev ${device}`);
    if (old.v6 !== undefined)
      lines.push(
        `addr add ${this.#outsideV6}/128 dev ${device} nodad`,
        `addr del ${old.v6}/128 dev ${device}`,
      );
    if (old.inside6 !== undefined) {
      lines.push(
        `addr add ${this.#inside6}::1/64 dev ${insideDevice} nodad`,
        `addr del ${old.inside6}::1/64 dev ${insideDevice}`,
      );
    }
    await batch(ns, lines);
    await batch(this.#segment.ns, [...oldRoutes, ...this.#coreRoutes('replace')]);
    if (old.inside6 !== undefined) {
      for (const [i, host] of this.hosts.entries())
        await batch(host.ns, [
          `addr add ${host.v6}/64 dev eth0 nodad`,
          `addr del ${oldHosts[i]}/64 dev eth0`,
        ]);
    }
    await this.#installRouterRules();
    await this.flushNat();
  }

  /** Every mapping is forgotten, as when the router restarts. */
  async flushNat(): Promise<void> {
    for (const ns of this.routers) {
      await run(['conntrack', '-F'], { ns });
      if (this.#options.hairpin === true) await shell(ns, `nft flush map inet evlab mapping\n`);
    }
  }

  /** Forwards a port (or echo requests) of the outside address to a machine inside, through every router. */
  async forward(protocol: PortForward['protocol'], port: number, to: LabHost = this.host): Promise<void> {
    if (to.v4 === undefined || this.routers.length === 0) {
      throw new EvioError('EVIO_LAB', `site ${this.name} has no IPv4 translation to forward a port through`);
    }
    this.#forwards.push({ protocol, port, to });
    await this.#installRouterRules();
  }

  async #setLink(change: Partial<LinkRules>): Promise<void> {
    this.#link = { ...this.#link, ...change };
    const { ns, device } = this.uplink;
    await shell(ns, `nft -f - <<'EOF'\n${linkRules(device, this.#link)}EOF\n`);
    await this.#segment.filterPort(this.port, this.#link);
  }

  /**
   * Loses this share of the packets crossing the uplink, in each direction. Segmentation offload is off
   * meanwhile, so that packets are lost singly.
   */
  async setLoss(fraction: number): Promise<void> {
    await this.#setLink({ loss: fraction });
    await this.#setOffloads();
  }

  /** Drops every UDP packet on the uplink, both ways (kind `udp-blocked` begins like this). */
  async blockUdp(blocked: boolean): Promise<void> {
    await this.#setLink({ udpBlocked: blocked });
  }

  /** Nothing passes the uplink while unplugged; no interface goes down. */
  async unplug(unplugged: boolean): Promise<void> {
    await this.#setLink({ unplugged });
  }

  /** Limits the uplink to `mbps` in each direction (token bucket, 50 ms of queue); undefined lifts it. */
  async setRate(mbps: number | undefined): Promise<void> {
    requirePrograms('tc');
    const { ns, device } = this.uplink;
    for (const [where, name] of [
      [ns, device],
      [this.#segment.ns, this.port],
    ] as const) {
      const burst = Math.max(16_000, Math.round(((mbps ?? 0) * 1e6) / 8 / 250));
      await (mbps === undefined
        ? run(['tc', 'qdisc', 'del', 'dev', name, 'root'], { ns: where, allowFailure: true })
        : run(
            [
              'tc',
              'qdisc',
              'replace',
              'dev',
              name,
              'root',
              'tbf',
              'rate',
              `${mbps}mbit`,
              'burst',
              `${burst}`,
              'latency',
              '50ms',
            ],
            { ns: where },
          ));
    }
  }

  /** True: packets cross the uplink one by one (no TSO, GSO, UDP segmentation). False: as veth has it. */
  async setSegmentation(single: boolean): Promise<void> {
    this.#wantSingle = single;
    await this.#setOffloads();
  }

  async #setOffloads(): Promise<void> {
    const single = this.#wantSingle || this.#link.loss > 0 || this.#wire !== undefined;
    if (!single && findProgram('ethtool') === undefined) return;
    requirePrograms('ethtool');
    const { ns, device } = this.uplink;
    const features = offloads.flatMap((feature) => [feature, single ? 'off' : 'on']);
    await run(['ethtool', '-K', device, ...features], { ns });
    await run(['ethtool', '-K', this.port, ...features], { ns: this.#segment.ns });
  }

  /**
   * Holds every packet on the uplink for `ms` (and up to `jitterMs` more) in each direction, so the round trip
   * grows by twice that. 0 and 0 give the plain cable back. Takes the link down for some milliseconds when it
   * begins and ends, and one processor's share while it lasts: keep to some hundred Mbit/s. Needs dist/.
   */
  async setDelay(ms: number, jitterMs = 0): Promise<void> {
    const wanted = ms > 0 || jitterMs > 0;
    if (this.#wire?.running === true && wanted) {
      this.#wire.write(`${ms} ${jitterMs}`);
      return;
    }
    if (wanted === (this.#wire !== undefined)) return;
    const wireNs = `${this.#segment.prefix}-${this.name}-wire`;
    if (wanted) {
      if (!existsSync(delayProgram))
        throw new EvioError('EVIO_LAB', 'delays need the build', ['npm run build']);
      await this.#segment.addNamespace(wireNs);
      await shell(wireNs, 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6\n');
      // The site's end stays as it is. Its peer moves into the wire, and the public segment gets another port.
      await run(['ip', 'link', 'set', this.port, 'netns', wireNs, 'name', 'near'], { ns: this.#segment.ns });
      const cable = ['link', 'add', 'far', 'netns', wireNs, 'type', 'veth'];
      await run(['ip', ...cable, 'peer', 'name', this.port, 'netns', this.#segment.ns]);
      await shell(
        wireNs,
        'for i in near far; do echo 1 > /proc/sys/net/ipv6/conf/$i/disable_ipv6; ip link set $i up; done\n',
      );
      const index = async (device: string): Promise<string> =>
        (await run(['cat', `/sys/class/net/${device}/ifindex`], { ns: wireNs })).stdout.trim();
      const ends = [await index('near'), await index('far')];
      const argv = [process.execPath, delayProgram, ...ends, `${ms}`, `${jitterMs}`];
      this.#wire = new LabProcess(argv, { ns: wireNs });
      this.#segment.adopt(this.#wire);
      await this.#wire.line(/^up$/, 10_000);
    } else {
      await this.#wire?.stop(500);
      this.#wire = undefined;
      await run(['ip', 'link', 'del', 'far'], { ns: wireNs });
      await run(['ip', 'link', 'set', 'near', 'netns', this.#segment.ns, 'name', this.port], { ns: wireNs });
    }
    await this.#segment.plug(this);
    await this.#setLink({});
    await this.#setOffloads();
  }
}

/** One site of the lab: the machines on a LAN, the router or routers in front of them, and their uplink. */
import { EvioError } from '../core/lib/errors.js';
import { LabProcess, run, shell } from './exec.js';
import type { LaunchOptions, RunOptions, RunResult } from './exec.js';
import { insideDevice, outsideDevice, routerRules } from './rules.js';
import type { PortForward, PortSpan, SiteKind } from './rules.js';
import type { PublicSegment } from './segment.js';
import { Uplink } from './uplink.js';

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
  /** For kind `public`: explicit or absent addresses. Of a router an explicit IPv4 address is its outer one. */
  readonly v4?: boolean | string;
  readonly v6?: boolean | string;
}

/** Link-local addresses of the two ends of every uplink. */
export const coreLinkLocal = 'fe80::1';
export const siteLinkLocal = 'fe80::2';
/** Next hop of every uplink; the public segment answers ARP for it on each port. */
export const coreV4 = '192.0.2.1';
/** Outside ports after they moved: this many, and then the next as many, above those that the kernel gives programs. */
const movedPorts = { first: 61_000, count: 500, spans: 8 };

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
  #moves = 0;
  #ports: PortSpan | undefined;
  readonly #cable: Uplink;

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
      if (this.hasV4) this.#outsideV4 = typeof options.v4 === 'string' ? options.v4 : segment.nextV4();
      if (this.hasV6) {
        this.#outsideV6 = segment.nextV6();
        this.#renumber(segment.nextPrefix());
      }
    }
    const configure = (): Promise<void> => segment.plug(this.coreLines());
    this.#cable = new Uplink(segment, name, { ...this.uplink, port: this.port, configure });
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
      ports: outer ? this.#ports : undefined,
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

  /**
   * Every mapping is forgotten, and the next ones have other outside ports, as of a router that restarts without its table. What
   * kept its port before (`masquerade` of Linux, as long as it is free) does not from now on.
   */
  async movePorts(): Promise<void> {
    const first = movedPorts.first + (this.#moves++ % movedPorts.spans) * movedPorts.count;
    this.#ports = { first, last: first + movedPorts.count - 1 };
    await this.#installRouterRules();
    await this.flushNat();
  }

  /** Forwards a port (or echo requests) of the outside address to a machine inside, through every router. */
  async forward(protocol: PortForward['protocol'], port: number, to: LabHost = this.host): Promise<void> {
    if (to.v4 === undefined || this.routers.length === 0) {
      throw new EvioError('EVIO_LAB', `site ${this.name} has no IPv4 translation to forward a port through`);
    }
    this.#forwards.push({ protocol, port, to });
    await this.#installRouterRules();
  }

  /** Loses this share of the packets on the uplink, in each direction (see `Uplink` for this and what follows). */
  setLoss(fraction: number): Promise<void> {
    return this.#cable.setLoss(fraction);
  }

  /** Drops all UDP on the uplink. */
  blockUdp(blocked: boolean): Promise<void> {
    return this.#cable.blockUdp(blocked);
  }

  /** Drops everything on the uplink. */
  unplug(unplugged: boolean): Promise<void> {
    return this.#cable.unplug(unplugged);
  }

  /** Limits the uplink to `mbps` each way; undefined lifts it. */
  setRate(mbps: number | undefined, queueBytes?: number): Promise<void> {
    return this.#cable.setRate(mbps, queueBytes);
  }

  /** Adds `ms` (up to `jitterMs` more) to the uplink each way; 0 ends it. */
  setDelay(ms: number, jitterMs = 0): Promise<void> {
    return this.#cable.setDelay(ms, jitterMs);
  }

  /** True: no segmentation offload on the uplink. */
  setSegmentation(single: boolean): Promise<void> {
    return this.#cable.setSegmentation(single);
  }
}

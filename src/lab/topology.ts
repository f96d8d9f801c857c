/**
 * A small internet in network namespaces. It knows nothing of evio: any program can be run in it.
 *
 *     host ── router(s) ──┐                     ┌── public host
 *     192.168.N.x  NAT    │  public segment     │   192.0.2.x, 2001:db8::x
 *     host ── router(s) ──┼── 192.0.2.0/24 ─────┤
 *                         │   2001:db8::/32     └── public host
 *     host(IPv6 only) ── router
 *
 * The public segment is one namespace that routes between its ports, so sites do not share a broadcast
 * domain and meet only by address, as on the real one. Everything lives in namespaces called PREFIX-…;
 * interface names need be unique only inside each.
 */
import { EvioError } from '../core/lib/errors.js';
import { atExit } from '../core/process/signals.js';
import { shell } from './exec.js';
import type { LabProcess } from './exec.js';
import { leftOvers, removeNamespaces, requireLab, writeNames } from './namespaces.js';
import { coreLinkRules, partitionRules } from './rules.js';
import type { LinkRules } from './rules.js';
import type { PublicSegment } from './segment.js';
import { coreV4, LabHost, Site } from './site.js';
import type { SiteOptions } from './site.js';

/** Beginning of the default prefix; the process id follows. */
export const defaultPrefix = 'evlab';

/** Before the first interface comes up: no duplicate address detection (it costs a second), no surprises. */
const sysctls = `
cd /proc/sys/net
put() { value=$1; shift; for knob; do if [ -e "$knob" ]; then echo "$value" > "$knob"; fi; done; }
put 0 ipv6/conf/*/disable_ipv6 ipv6/conf/*/accept_dad ipv6/conf/*/dad_transmits ipv6/conf/*/accept_ra
put 0 ipv4/conf/*/rp_filter ipv4/conf/*/send_redirects ipv4/conf/*/accept_redirects ipv6/conf/*/accept_redirects
put 0 bridge/bridge-nf-call-iptables bridge/bridge-nf-call-ip6tables bridge/bridge-nf-call-arptables
`;
const routing = `
put 1 ipv4/ip_forward ipv6/conf/all/forwarding
`;

function batch(lines: readonly string[]): string {
  return `ip -batch - <<'EOF'\n${lines.join('\n')}\nEOF\n`;
}

export interface LabOptions {
  /** Beginning of every namespace's name, default `evlab` + process id. Left-overs of the same name are removed. */
  readonly prefix?: string;
}

export interface NameTarget {
  readonly v4?: string | undefined;
  readonly v6?: string | undefined;
}

let labCount = 0;

export class Lab {
  readonly prefix: string;
  readonly #core: string;
  readonly #namespaces: string[] = [];
  #forget: () => void = () => undefined;
  readonly #processes = new Set<LabProcess>();
  readonly #names = new Map<string, readonly string[]>();
  readonly #sites = new Map<string, Site>();
  readonly #links = new Map<string, LinkRules>();
  #lastAddress = 9;
  #lastPrefix = 0;
  #siteCount = 0;
  /** Changes to the public segment's rules happen one after the other. */
  #ruleQueue: Promise<unknown> = Promise.resolve();
  #destroyed = false;

  private constructor(prefix: string) {
    this.prefix = prefix;
    this.#core = `${prefix}-net`;
  }

  /** Makes the public segment. Throws EVIO_LAB or EVIO_NO_PRIVILEGE, with advice, where that is impossible. */
  static async create(options: LabOptions = {}): Promise<Lab> {
    await requireLab();
    labCount++;
    const suffix = labCount === 1 ? '' : `x${labCount}`;
    const prefix = options.prefix ?? `${defaultPrefix}${process.pid}${suffix}`;
    if (!/^[a-z][a-z0-9.]{0,39}$/i.test(prefix))
      throw new EvioError('EVIO_LAB', `"${prefix}" cannot begin a namespace's name`);
    removeNamespaces(leftOvers(prefix).filter((name) => name.startsWith(`${prefix}-`)));
    const lab = new Lab(prefix);
    lab.#forget = atExit(() => {
      lab.destroySync();
    });
    try {
      lab.#adopt(lab.#core);
      await shell(undefined, batch([`netns add ${lab.#core}`]));
      const lines = [
        'link set lo up',
        `addr add ${coreV4}/32 dev lo`,
        'addr add 2001:db8::1/128 dev lo nodad',
      ];
      await shell(lab.#core, `${sysctls}${routing}${batch(lines)}`);
      return lab;
    } catch (thrown) {
      await lab.destroy();
      throw thrown;
    }
  }

  /** Removes what dead runs left: namespaces PREFIX-… and PREFIX<pid of no living process>-…. Returns their names. */
  static sweep(prefix: string = defaultPrefix): string[] {
    const names = leftOvers(prefix);
    removeNamespaces(names);
    return names;
  }

  #adopt(ns: string): void {
    this.#namespaces.push(ns);
    writeNames(ns, this.#names);
  }

  get #segment(): PublicSegment {
    return {
      prefix: this.prefix,
      ns: this.#core,
      adopt: (process) => {
        this.#processes.add(process);
        void process.exited.then(() => this.#processes.delete(process));
      },
      addNamespace: async (ns) => {
        if (this.#namespaces.includes(ns)) return;
        this.#adopt(ns);
        await shell(undefined, batch([`netns add ${ns}`]));
      },
      plug: async (lines) => {
        await shell(this.#core, `${sysctls}${batch(lines)}`);
      },
      nextV4: () => `192.0.2.${this.#nextAddress()}`,
      nextV6: () => `2001:db8::${this.#nextAddress().toString(16)}`,
      nextPrefix: () => `2001:db8:${(++this.#lastPrefix).toString(16)}`,
      filterPort: (port, rules) =>
        this.#inTurn(async () => {
          this.#links.set(port, rules);
          await shell(this.#core, `nft -f - <<'EOF'\n${coreLinkRules(this.#links)}EOF\n`);
        }),
    };
  }

  #nextAddress(): number {
    if (this.#lastAddress >= 254)
      throw new EvioError('EVIO_LAB', 'the lab has used its 245 public addresses');
    return ++this.#lastAddress;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#ruleQueue.then(work);
    this.#ruleQueue = result.catch(() => undefined);
    return result;
  }

  /** A machine on the public segment, reachable by everyone. Addresses are chosen unless given or refused. */
  async publicHost(
    name: string,
    addresses: { readonly v4?: boolean | string; readonly v6?: boolean | string } = {},
  ): Promise<LabHost> {
    return (await this.site(name, { nat: 'public', ...addresses })).host;
  }

  /** A site of the given kind. Calls may run at the same time. */
  async site(name: string, options: SiteOptions): Promise<Site> {
    if (this.#destroyed) throw new EvioError('EVIO_LAB', 'the lab was destroyed');
    if (!/^[a-z0-9][a-z0-9.]{0,39}$/i.test(name) || name === 'net')
      throw new EvioError('EVIO_LAB', `"${name}" cannot name a site`);
    if (this.#sites.has(name)) throw new EvioError('EVIO_LAB', `the lab already has a site called ${name}`);
    const site = new Site(this.#segment, ++this.#siteCount, name, options);
    this.#sites.set(name, site);
    site.namespaces.forEach((ns) => {
      this.#adopt(ns);
    });
    await shell(undefined, batch(site.cabling()));
    const plan = site.addressing();
    await Promise.all([
      this.#segment.plug(site.coreLines()),
      ...[...plan].map(([ns, lines]) => {
        const router = site.routers.indexOf(ns);
        const rules = router < 0 ? '' : site.routerScript(router);
        return shell(ns, `${sysctls}${router < 0 ? '' : routing}${batch(lines)}${rules}`);
      }),
    ]);
    if (site.kind === 'udp-blocked') await site.blockUdp(true);
    return site;
  }

  get sites(): readonly Site[] {
    return [...this.#sites.values()];
  }

  get namespaces(): readonly string[] {
    return [...this.#namespaces];
  }

  /** Names every machine of the lab resolves (through /etc/hosts), with both families where there are both. */
  names(map: Readonly<Record<string, NameTarget | LabHost>>): void {
    for (const [name, target] of Object.entries(map)) {
      this.#names.set(
        name,
        [target.v4, target.v6].filter((address) => address !== undefined),
      );
    }
    for (const ns of this.#namespaces) writeNames(ns, this.#names);
  }

  /** Sites of different groups cannot reach each other; sites in no group reach all. `[]` heals. */
  async partition(groups: readonly (readonly Site[])[]): Promise<void> {
    const ports = groups.map((group) => group.map((site) => site.port));
    await this.#inTurn(() => shell(this.#core, `nft -f - <<'EOF'\n${partitionRules(ports)}EOF\n`));
  }

  /** Ends the processes and removes every namespace and file. Can be called again. */
  async destroy(): Promise<void> {
    if (this.#destroyed) return;
    this.#destroyed = true;
    await Promise.all([...this.#processes].map((process) => process.stop(1_000)));
    this.destroySync();
  }

  /** The same without waiting politely; for exit handlers. Never throws. */
  destroySync(): void {
    this.#destroyed = true;
    this.#forget();
    removeNamespaces(this.#namespaces);
  }
}

export { LabHost, Site };
export type { SiteKind } from './rules.js';

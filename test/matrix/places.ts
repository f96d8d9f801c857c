/** Sites that need more than a router: daemons that open ports, and a proxy that is the only way out. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabProcess, shell } from '../../src/lab/exec.js';
import { insideDevice, outsideDevice } from '../../src/lab/rules.js';
import type { Site } from '../../src/lab/site.js';
import type { TestNet, TestNode } from '../lab/support.js';
import type { Kind } from './kinds.js';

const proxyPort = 3128;

export class Places {
  readonly #net: TestNet;
  readonly #daemons: LabProcess[] = [];
  #proxy: string | undefined;

  constructor(net: TestNet) {
    this.#net = net;
  }

  /** A machine at a new site of this kind. */
  async place(kind: Kind): Promise<TestNode> {
    const number = this.#net.nodes.length;
    // The daemon works with an address that the internet has only. No packet leaves the lab.
    const v4 = kind.opens && `11.22.33.${number + 1}`;
    const placed = await this.#net.place({ nat: kind.nat, ...(v4 !== undefined && { v4 }) });
    if (kind.opens) await this.#openRouter(placed.site, kind.opens);
    if (kind.only === 'proxy') await this.#onlyProxy(placed.site);
    return placed;
  }

  /** What `evio join` is told at such a site. */
  joinWords(kind: Kind): readonly string[] {
    return kind.only === 'proxy' ? ['--relay-proxy', `http://${this.#proxy}:${proxyPort}`] : [];
  }

  async stop(): Promise<void> {
    for (const daemon of this.#daemons.splice(0)) await daemon.stop(1_000);
  }

  /** The site's router opens ports when it is asked. */
  async #openRouter(site: Site, speaks: 'pcp' | 'upnp'): Promise<void> {
    const ns = site.routers[0] as string;
    const chain = (name: string, hook: string): string =>
      `chain ${name} { type ${hook}; jump UPNP_${name}; }`;
    const tables = [
      'table inet upnp {',
      'chain UPNP_forward { }',
      'chain UPNP_pre { }',
      'chain UPNP_post { }',
      chain('forward', 'filter hook forward priority -10'),
      chain('pre', 'nat hook prerouting priority -110'),
      chain('post', 'nat hook postrouting priority 90'),
      '}',
    ];
    await shell(ns, ["nft -f - <<'END'", ...tables, 'END', ''].join('\n'));
    const pcp = speaks === 'pcp';
    const config = this.#file(`miniupnpd-${site.name}.conf`, [
      `ext_ifname=${outsideDevice}`,
      `listening_ip=${insideDevice}`,
      `enable_natpmp=${pcp ? 'yes' : 'no'}`,
      `enable_upnp=${pcp ? 'no' : 'yes'}`,
      'uuid=428a723d-d202-4e0c-811b-64ec5baee76c',
      'upnp_table_name=upnp',
      'upnp_nat_table_name=upnp',
      'upnp_forward_chain=UPNP_forward',
      'upnp_nat_chain=UPNP_pre',
      'upnp_nat_postrouting_chain=UPNP_post',
      'min_lifetime=120',
      'allow 1024-65535 192.168.0.0/16 1024-65535',
      'deny 0-65535 0.0.0.0/0 0-65535',
    ]);
    const daemon = new LabProcess(['miniupnpd', '-d', '-f', config, '-P', `${config}.pid`], { ns });
    this.#daemons.push(daemon);
    await daemon.line(pcp ? /Listening for NAT-PMP/ : /HTTP listening on port/, 10_000);
  }

  /** The site's router lets TCP pass to the proxy, and nothing else. */
  async #onlyProxy(site: Site): Promise<void> {
    const address = (this.#proxy ??= await this.#startProxy());
    const rules = [
      'table inet strict {',
      'chain forward {',
      'type filter hook forward priority -20; policy drop;',
      `ip daddr ${address} tcp dport ${proxyPort} accept`,
      `ip saddr ${address} tcp sport ${proxyPort} accept`,
      '}',
      '}',
    ];
    await shell(site.routers[0], ["nft -f - <<'END'", ...rules, 'END', ''].join('\n'));
  }

  /** A public machine with the proxy on it; its address. */
  async #startProxy(): Promise<string> {
    const { host } = await this.#net.rig.lab.site('proxy', { nat: 'public' });
    const address = host.v4 as string;
    const config = this.#file('tinyproxy.conf', [
      `Port ${proxyPort}`,
      `Listen ${address}`,
      'Timeout 600',
      'ConnectPort 443',
    ]);
    const daemon = new LabProcess(['tinyproxy', '-d', '-c', config], { ns: host.ns });
    this.#daemons.push(daemon);
    await daemon.line(/Accepting connections|Starting main loop/, 10_000);
    return address;
  }

  #file(name: string, lines: readonly string[]): string {
    const path = join(this.#net.rig.folder, name);
    writeFileSync(path, `${lines.join('\n')}\n`);
    return path;
  }
}

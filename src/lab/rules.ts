/** The nftables text of each part of the lab. Pure: strings in, strings out. Behaviour names from RFC 4787. */

/** How a site reaches the public segment. */
export type SiteKind =
  /** The host stands on the public segment itself. */
  | 'public'
  /** Port-preserving masquerade: endpoint-independent mapping, port-restricted filtering. */
  | 'endpoint-independent'
  /** The same, but the router takes stray packets on its outside interface as its own (conntrack remembers them). */
  | 'endpoint-independent-open'
  /** Port-preserving, and whoever sends to a mapped port comes in ("full cone"). */
  | 'endpoint-independent-filtering'
  /** Port-preserving, and whoever was sent to comes in, from any port of his ("restricted cone"). */
  | 'address-dependent-filtering'
  /** Every destination gets another random port ("symmetric"). */
  | 'address-and-port-dependent'
  /** Every destination gets another port, the next one. */
  | 'sequential-ports'
  /** Endpoint-independent, and every UDP packet is dropped both ways. */
  | 'udp-blocked'
  /** Only TCP to port 443 gets out. */
  | 'tcp-443-only'
  /** Two endpoint-independent routers in a row, the outer one with 100.64.0.0/10 inside (RFC 6598). */
  | 'double-nat'
  /** No IPv4 at all; routed IPv6 behind a stateful firewall. */
  | 'ipv6-only';

/** Name of every table the lab makes, so that it is replaced whole and nothing else is touched. */
export const tableName = 'evlab';

/** Outside and inside interface of a router. */
export const outsideDevice = 'wan0';
export const insideDevice = 'lan0';

/** Declares the table if absent, deletes it, and opens it anew: an atomic replacement in one `nft -f`. */
function replaceTable(family: string, body: readonly string[]): string {
  const name = `table ${family} ${tableName}`;
  return [name, `delete ${name}`, `${name} {`, ...body, '}', ''].join('\n');
}

function chain(name: string, hook: string, rules: readonly string[]): string[] {
  return rules.length === 0 ? [] : [`chain ${name} {`, `type ${hook}`, ...rules, '}'];
}

export interface PortForward {
  /** `icmp` forwards echo requests; its port means nothing. */
  readonly protocol: 'udp' | 'tcp' | 'icmp';
  readonly port: number;
  /** Inside address the port is sent to (same port). */
  readonly to: string;
}

export interface RouterRules {
  readonly kind: SiteKind;
  /** Outside IPv4 address; absent when the router does not translate (IPv6 only). */
  readonly outside?: string | undefined;
  /** Inside IPv4 prefix, such as `192.168.7.0/24`. */
  readonly inside?: string | undefined;
  readonly hairpin?: boolean;
  readonly forwards?: readonly PortForward[];
  /** Outside ports are of this range, instead of those that the inside has. Nothing for kinds that draw their own. */
  readonly ports?: PortSpan | undefined;
}

/** Ports from first to last, both included. */
export interface PortSpan {
  readonly first: number;
  readonly last: number;
}

/** ICMPv6 errors a firewall must let through for the path MTU and unreachability to work (RFC 4890 §4.3.1). */
const icmp6Errors =
  'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept';
const neighbourDiscovery =
  'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept';

/** Ports of `sequential-ports`, each new flow the next one. */
const sequence = { first: 24_000, count: 4_096 };
const nextPort = `numgen inc mod ${sequence.count} map { ${Array.from(
  { length: sequence.count },
  (_, i) => `${i} : ${sequence.first + i}`,
).join(', ')} }`;

function forwardRule(outside: string, forward: PortForward): string {
  const { protocol, port, to } = forward;
  return protocol === 'icmp'
    ? `ip daddr ${outside} icmp type echo-request dnat ip to ${to}`
    : `ip daddr ${outside} ${protocol} dport ${port} dnat ip to ${to}:${port}`;
}

/**
 * A home router.
 *
 * Filtering is conntrack's: only what answers, or what was forwarded by hand, comes in. Hairpin (RFC 4787 §6)
 * is not something conntrack does for dynamic mappings, so the `mapping` map remembers, after translation,
 * which inside endpoint owns which outside port, and packets from inside to our outside address are sent there
 * with the outside address as their source (REQ-9a).
 */
export function routerRules(spec: RouterRules): string {
  const { kind, outside, inside, hairpin = false, forwards = [], ports } = spec;
  const draws = kind === 'address-and-port-dependent' || kind === 'sequential-ports';
  const nat = outside !== undefined;
  const byAddress = kind === 'address-dependent-filtering';
  const cone = byAddress || kind === 'endpoint-independent-filtering';
  const body: string[] = [];
  const fromOutside = `iifname "${outsideDevice}"`;
  const toOutside = `oifname "${outsideDevice}"`;
  if (nat && byAddress) {
    body.push(
      'set contacted {',
      'type ipv4_addr . inet_service',
      'flags dynamic,timeout',
      'timeout 120s',
      'size 65535',
      '}',
    );
  }
  if (nat && (hairpin || cone)) {
    body.push(
      'map mapping {',
      'type inet_service : ipv4_addr . inet_service',
      'flags dynamic,timeout',
      'timeout 120s',
      'size 65535',
      '}',
    );
  }
  if (nat) {
    body.push(
      ...chain('prerouting', 'nat hook prerouting priority dstnat;', [
        ...forwards.map((f) => forwardRule(outside, f)),
        ...(hairpin
          ? [`iifname "${insideDevice}" ip daddr ${outside} dnat ip to udp dport map @mapping`]
          : []),
        ...(cone
          ? [
              `${fromOutside} ip daddr ${outside} ${byAddress ? 'ip saddr . udp dport @contacted ' : ''}dnat ip to udp dport map @mapping`,
            ]
          : []),
      ]),
      ...chain('postrouting', 'nat hook postrouting priority srcnat;', [
        ...(kind === 'sequential-ports'
          ? [`${toOutside} meta l4proto { tcp, udp } snat ip to ${outside} : ${nextPort}`]
          : []),
        ...(ports && !draws
          ? [
              `${toOutside} meta nfproto ipv4 meta l4proto { tcp, udp } masquerade to :${ports.first}-${ports.last}`,
            ]
          : []),
        `${toOutside} meta nfproto ipv4 masquerade${kind === 'address-and-port-dependent' ? ' random,fully-random' : ''}`,
        `oifname "${insideDevice}" ip saddr ${inside} ct status dnat snat ip to ${outside}`,
      ]),
      ...chain('learn', 'filter hook postrouting priority 110;', [
        ...(hairpin || cone
          ? [
              `${toOutside} meta nfproto ipv4 ct direction original update @mapping { udp sport : ct original ip saddr . ct original proto-src }`,
            ]
          : []),
        ...(byAddress
          ? [
              `${toOutside} meta nfproto ipv4 ct direction original update @contacted { ip daddr . udp sport }`,
            ]
          : []),
      ]),
    );
  }
  if (kind !== 'endpoint-independent-open') {
    body.push(
      ...chain('input', 'filter hook input priority filter;', [
        `${fromOutside} ct state established,related accept`,
        `${fromOutside} ${neighbourDiscovery}`,
        `${fromOutside} drop`,
      ]),
    );
  }
  body.push(
    ...chain('forward', 'filter hook forward priority filter;', [
      ...(kind === 'tcp-443-only'
        ? [`${toOutside} tcp dport != 443 drop`, `${toOutside} meta l4proto != tcp drop`]
        : []),
      'ct state established,related accept',
      'ct status dnat accept',
      `${fromOutside} ${icmp6Errors}`,
      `${fromOutside} drop`,
    ]),
  );
  return replaceTable('inet', body);
}

export interface LinkRules {
  /** Probability in [0, 1] that a packet entering by this device is dropped. */
  readonly loss: number;
  readonly udpBlocked: boolean;
  /** Every packet is lost, as when the cable is out (but the interface stays up, as behind a switch). */
  readonly unplugged: boolean;
}

export const clearLink: LinkRules = { loss: 0, udpBlocked: false, unplugged: false };

/** What one end of a link does to the packets that arrive at it, ahead of everything else in that namespace. */
export function linkRules(device: string, rules: LinkRules): string {
  const share = Math.round(Math.min(1, Math.max(0, rules.loss)) * 1_000_000);
  return replaceTable(
    'netdev',
    chain('arrive', `filter hook ingress device "${device}" priority 0;`, [
      ...(rules.unplugged ? ['drop'] : []),
      ...(rules.udpBlocked ? ['meta l4proto udp drop'] : []),
      ...(share > 0 ? [`numgen random mod 1000000 < ${share} drop`] : []),
    ]),
  );
}

/** The same for many devices of one namespace: nftables wants one table, with one chain for each. */
export function coreLinkRules(links: ReadonlyMap<string, LinkRules>): string {
  const body: string[] = [];
  for (const [device, rules] of links) {
    const one = linkRules(device, rules).split('\n').slice(3, -2);
    body.push(...one.map((line) => line.replace('chain arrive', `chain arrive_${device}`)));
  }
  return replaceTable('netdev', body);
}

/** The public segment: packets between different groups of ports are lost. Ports in no group reach everyone. */
export function partitionRules(groups: readonly (readonly string[])[]): string {
  const quoted = (ports: readonly string[]): string => `{ ${ports.map((p) => `"${p}"`).join(', ')} }`;
  const rules: string[] = [];
  groups.forEach((group, i) => {
    const others = groups.filter((_, j) => j !== i).flat();
    if (group.length > 0 && others.length > 0)
      rules.push(`iifname ${quoted(group)} oifname ${quoted(others)} drop`);
  });
  return replaceTable('inet', chain('forward', 'filter hook forward priority filter;', rules));
}

/**
 * What a network's names mean: pure. One zone of names, one of addresses of each family.
 *
 *   web.home.evio              A, AAAA                    the member that is shown as `web`
 *   _http._tcp.web.home.evio   SRV, TXT                   a program that it announces
 *   _http._tcp.home.evio       SRV; PTR                   all that announce it; as DNS-SD (RFC 6763) has it: their names, which are
 *   web._http._tcp.home.evio   SRV, TXT
 *   _services._dns-sd._udp.home.evio   PTR                what is announced by anybody
 *   home.evio                  SOA, NS
 *   9.0.144.10.in-addr.arpa    PTR web.home.evio
 *   …ip6.arpa                  PTR
 *
 * What is not there is denied with the zone's SOA (RFC 2308); what is none of ours is refused.
 */
import { isNodeName } from '../identity/names.js';
import { containsCidr, type Cidr } from '../lib/ipv4.js';
import type { Service } from '../wire/services.js';
import { DnsCode, DnsType, type DnsAnswer, type DnsQuery, type DnsRecord } from '../wire/dns.js';

/** For how long an answer may be believed, s: members come, go and get other addresses. */
const ttl = 10;
const denialTtl = 5;
/** Records of one answer. */
const answerLimit = 256;
const suffix = 'evio';
const browse = '_services._dns-sd._udp';
const longestDomain = 200;

/** A member as names show it. */
export interface NamedMember {
  /** One DNS label. */
  readonly name: string;
  /** Its IPv4 address; null: another has it. */
  readonly ip: number | null;
  /** 16 bytes. */
  readonly ip6: Uint8Array;
  /** Programs that it announces. */
  readonly services?: readonly Service[];
}

/** The domain of a network: its name where that makes one, else its id. Names that people take for one are one. */
export function domainOf(network: string, id: string): string {
  const labels = network.toLowerCase().replaceAll('_', '-').split('.');
  const good = labels.every(isNodeName) && network.length <= longestDomain;
  return `${good ? labels.join('.') : id}.${suffix}`;
}

export interface ZoneFacts {
  readonly domain: string;
  readonly cidr: Cidr;
  /** The upper 8 bytes of the members' IPv6 addresses. */
  readonly prefix6: Uint8Array;
  /** The name of this member. */
  readonly self: string;
}

/** Zones of addresses that hold the range, at the borders of names; none where that would be many. */
export function reverseZones({ base, prefix }: Cidr): string[] {
  const octets = Math.ceil(prefix / 8);
  const count = 2 ** (octets * 8 - prefix);
  if (octets === 0 || count > 16) return [];
  return Array.from({ length: count }, (_, i) => {
    const first = (base + i * 2 ** (32 - octets * 8)) >>> 0;
    const bytes = [first >>> 24, (first >>> 16) & 255, (first >>> 8) & 255, first & 255].slice(0, octets);
    return `${bytes.reverse().join('.')}.in-addr.arpa`;
  });
}

/** The zone of the IPv6 addresses with these upper bytes. */
export function reverseZone6(prefix6: Uint8Array): string {
  return `${nibbles(prefix6)}.ip6.arpa`;
}

/** `b.a.…`: half a byte a label, the last first. */
function nibbles(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `${(byte & 15).toString(16)}.${(byte >> 4).toString(16)}`)
    .reverse()
    .join('.');
}

const betweenZoneAndHost = /^(\d{1,3}\.){1,3}in-addr\.arpa$/;
const reverse4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/;

export class Zone {
  readonly #facts: ZoneFacts;
  readonly #byName = new Map<string, NamedMember>();
  readonly #byIp = new Map<number, NamedMember>();
  readonly #byIp6 = new Map<string, NamedMember>();
  readonly #zone6: string;
  readonly #zones4: readonly string[];

  constructor(facts: ZoneFacts, members: readonly NamedMember[]) {
    this.#facts = facts;
    this.#zone6 = reverseZone6(facts.prefix6);
    this.#zones4 = reverseZones(facts.cidr);
    for (const member of members) {
      this.#byName.set(member.name, member);
      if (member.ip !== null) this.#byIp.set(member.ip, member);
      this.#byIp6.set(nibbles(member.ip6), member);
    }
  }

  /** The member's label in a name of the zone that is not known here, but may be to others; undefined for all else. */
  unknown(name: string): string | undefined {
    const { domain } = this.#facts;
    if (!name.endsWith(`.${domain}`)) return undefined;
    const label = name.slice(0, -domain.length - 1);
    return isNodeName(label) && !this.#byName.has(label) ? label : undefined;
  }

  /** The same with one member more. */
  with(member: NamedMember): Zone {
    return new Zone(this.#facts, [...this.#byName.values(), member]);
  }

  answer(query: DnsQuery): DnsAnswer {
    if (query.edns !== null && query.edns !== 0) return refusal(DnsCode.badVersion);
    const { domain, cidr } = this.#facts;
    const { name } = query;
    if (name === domain || name.endsWith(`.${domain}`)) return this.#forward(query);
    if (name === this.#zone6 || name.endsWith(`.${this.#zone6}`)) {
      const rest = name === this.#zone6 ? '' : name.slice(0, -this.#zone6.length - 1);
      const digits = rest.split('.').length;
      const between = rest === '' || (digits < 16 && /^[0-9a-f](\.[0-9a-f])*$/.test(rest));
      return this.#pointer(query, this.#byIp6.get(name.slice(0, -'.ip6.arpa'.length)), this.#zone6, between);
    }
    const [, d, c, b, a] = reverse4.exec(name) ?? [];
    const ip = a === undefined ? -1 : [a, b, c, d].reduce((sum, byte) => sum * 256 + Number(byte), 0);
    const inside = ip >= 0 && ip < 2 ** 32 && containsCidr(cidr, { base: ip, prefix: 32 });
    const zone = this.#zones4.find((one) => name === one || name.endsWith(`.${one}`));
    if (inside) return this.#pointer(query, this.#byIp.get(ip), zone ?? name, false);
    if (zone === undefined) return refusal(DnsCode.refused);
    return this.#pointer(query, undefined, zone, betweenZoneAndHost.test(name));
  }

  #forward(query: DnsQuery): DnsAnswer {
    const { domain } = this.#facts;
    const { name, type } = query;
    if (name === domain) return this.#apex(query, domain);
    const label = name.slice(0, -domain.length - 1);
    if (label.includes('_')) return this.#services(label, type);
    const member = this.#byName.get(label);
    if (!member) return this.#denial(domain, DnsCode.noName);
    const answers: DnsRecord[] = [];
    if (member.ip !== null && (type === DnsType.a || type === DnsType.any))
      answers.push({ type: DnsType.a, ttl, address: ipBytes(member.ip) });
    if (type === DnsType.aaaa || type === DnsType.any)
      answers.push({ type: DnsType.aaaa, ttl, address: member.ip6 });
    return answers.length === 0 ? this.#denial(domain, DnsCode.ok) : found(answers);
  }

  /** What is announced. @param label the name without the domain */
  #services(label: string, type: number): DnsAnswer {
    const { domain } = this.#facts;
    if (label === browse) {
      const kinds = new Set(this.#offers().map(({ service }) => kindOf(service)));
      return this.#found(
        kinds.size > 0,
        type,
        [...kinds].sort().map((kind) => ({ type: DnsType.ptr, ttl, target: `${kind}.${domain}` })),
      );
    }
    const [, kind = '', after] = /^(_[^.]+\._(?:tcp|udp))(?:\.([^._]+))?$/.exec(label) ?? [];
    const [, before, instance = ''] = /^([^._]+)\.(_[^.]+\._(?:tcp|udp))$/.exec(label) ?? [];
    const member = after ?? before;
    const offers = this.#offers().filter(
      (offer) =>
        kindOf(offer.service) === (kind || instance) && (member === undefined || offer.name === member),
    );
    const records = offers.flatMap(({ name, service: { port, text } }): DnsRecord[] => {
      const server = `${name}.${domain}`;
      const target: DnsRecord = { type: DnsType.srv, ttl, port, server };
      return member === undefined
        ? [target, { type: DnsType.ptr, ttl, target: `${name}.${kind}.${domain}` }]
        : [target, { type: DnsType.txt, ttl, text }];
    });
    return this.#found(offers.length > 0, type, records);
  }

  /** By the order of names. */
  #offers(): { readonly name: string; readonly service: Service }[] {
    return [...this.#byName.values()]
      .flatMap(({ name, services = [] }) => services.map((service) => ({ name, service })))
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  /** Those of the records that are asked for; without any that there is no such name, or none of that type. */
  #found(exists: boolean, type: number, records: readonly DnsRecord[]): DnsAnswer {
    const answers = records
      .filter((record) => type === DnsType.any || record.type === type)
      .slice(0, answerLimit);
    if (answers.length > 0) return found(answers);
    return this.#denial(this.#facts.domain, exists ? DnsCode.ok : DnsCode.noName);
  }

  /** The name of an address. @param between the name holds others, though it is nobody's */
  #pointer(query: DnsQuery, member: NamedMember | undefined, zone: string, between: boolean): DnsAnswer {
    if (query.name === zone && between) return this.#apex(query, zone);
    if (!member) return this.#denial(zone, between ? DnsCode.ok : DnsCode.noName);
    if (query.type !== DnsType.ptr && query.type !== DnsType.any) return this.#denial(zone, DnsCode.ok);
    return found([{ type: DnsType.ptr, ttl, target: `${member.name}.${this.#facts.domain}` }]);
  }

  #apex({ type }: DnsQuery, zone: string): DnsAnswer {
    if (type === DnsType.soa || type === DnsType.any) return found([this.#start(zone)]);
    if (type === DnsType.ns) return found([{ type: DnsType.ns, ttl, target: this.#server }]);
    return this.#denial(zone, DnsCode.ok);
  }

  #denial(zone: string, code: number): DnsAnswer {
    return { code, authoritative: true, answers: [], authority: [this.#start(zone)] };
  }

  #start(zone: string): DnsRecord {
    const start = {
      server: this.#server,
      mailbox: `nobody.${this.#facts.domain}`,
      serial: 1,
      minimum: denialTtl,
    };
    return { name: zone, type: DnsType.soa, ttl: denialTtl, start };
  }

  get #server(): string {
    return `${this.#facts.self}.${this.#facts.domain}`;
  }
}

/** `_http._tcp`. */
function kindOf({ name, protocol }: Service): string {
  return `_${name}._${protocol}`;
}

function found(answers: readonly DnsRecord[]): DnsAnswer {
  return { code: DnsCode.ok, authoritative: true, answers, authority: [] };
}

function refusal(code: number): DnsAnswer {
  return { code, authoritative: false, answers: [], authority: [] };
}

function ipBytes(ip: number): Uint8Array {
  return Uint8Array.of(ip >>> 24, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255);
}

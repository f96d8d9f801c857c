/** Results of ADD (CNI specification, section 5), and how they look in each version. */
import { Code, CniError } from './errors.js';
import { atLeast, type Version } from './version.js';

export interface Interface {
  readonly name: string;
  readonly mac: string;
  readonly mtu?: number;
  readonly sandbox?: string;
}

export interface Ip {
  /** With prefix length. */
  readonly address: string;
  readonly gateway?: string;
  readonly interface?: number;
}

export interface Route {
  readonly dst: string;
  readonly gw?: string;
}

export interface Result {
  readonly interfaces: readonly Interface[];
  readonly ips: readonly Ip[];
  readonly routes: readonly Route[];
  readonly dns: Readonly<Record<string, unknown>>;
}

/** What an IPAM plugin answers: no interfaces. */
export type Addresses = Pick<Result, 'ips' | 'routes' | 'dns'>;

const v4Pattern = /^\d+\.\d+\.\d+\.\d+(\/\d+)?$/;
const v6Pattern = /^[0-9a-f:]*:[0-9a-f:.]*(\/\d+)?$/i;

export function isV6(address: string): boolean {
  return address.includes(':');
}

/** An address or range, with or without length, that may be written into a batch for `ip` or nft. */
function isAddress(value: unknown): value is string {
  return typeof value === 'string' && (v4Pattern.test(value) || v6Pattern.test(value));
}

/** Reads what an IPAM plugin printed. Throws CniError (6) where it is of no use. */
export function readAddresses(printed: unknown, plugin: string): Addresses {
  const useless = (what: string): CniError =>
    new CniError(Code.decode, `the IPAM plugin ${plugin} answered ${what}`);
  const { ips, routes, dns } = (printed ?? {}) as Partial<Record<'ips' | 'routes' | 'dns', unknown>>;
  if (!Array.isArray(ips) || ips.length === 0) throw useless('no address');
  return {
    ips: ips.map((entry: Partial<Ip>) => {
      const { address, gateway } = entry;
      if (!isAddress(address) || !address.includes('/'))
        throw useless(`the address ${JSON.stringify(address)}`);
      if (gateway !== undefined && !isAddress(gateway))
        throw useless(`the gateway ${JSON.stringify(gateway)}`);
      return { address, ...(gateway === undefined ? {} : { gateway }) };
    }),
    routes: (Array.isArray(routes) ? routes : []).map((entry: Route) => {
      if (!isAddress(entry.dst) || (entry.gw !== undefined && !isAddress(entry.gw)))
        throw useless(`the route ${JSON.stringify(entry)}`);
      return entry;
    }),
    dns: (dns ?? {}) as Result['dns'],
  };
}

/** Reads what a runtime hands over as the result of ADD; it may leave out lists that are empty. Throws CniError (7). */
export function readResult(given: Readonly<Record<string, unknown>>): Result {
  const list = <T>(key: string, good: (entry: Partial<T>) => boolean): T[] => {
    const entries: unknown = given[key] ?? [];
    const fits = (entry: unknown): boolean => typeof entry === 'object' && entry !== null && good(entry);
    if (!Array.isArray(entries) || !entries.every(fits))
      throw new CniError(Code.config, `prevResult of the network configuration: its "${key}" cannot be read`);
    return entries as T[];
  };
  return {
    interfaces: list<Interface>('interfaces', ({ name }) => typeof name === 'string'),
    ips: list<Ip>(
      'ips',
      ({ address, gateway }) => isAddress(address) && (gateway === undefined || isAddress(gateway)),
    ),
    routes: list<Route>('routes', ({ dst, gw }) => isAddress(dst) && (gw === undefined || isAddress(gw))),
    dns: (given['dns'] ?? {}) as Result['dns'],
  };
}

/** The result as a runtime of this version expects it. */
export function writeResult(result: Result, version: Version): Record<string, unknown> {
  const families = !atLeast(version, '1.0.0');
  const lengths = atLeast(version, '1.1.0');
  return {
    cniVersion: version,
    interfaces: result.interfaces.map(({ mtu, ...rest }) => (lengths ? { ...rest, mtu } : rest)),
    ips: result.ips.map((ip) => (families ? { version: isV6(ip.address) ? '6' : '4', ...ip } : ip)),
    routes: result.routes,
    dns: result.dns,
  };
}

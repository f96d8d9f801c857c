/**
 * Which address of the network belongs to which pod of this machine: one file for each, called like the address. Read and
 * written under the lock (lock.ts). A lease is written before anything else of a pod is made, and removed after everything
 * else of it is gone: whoever cleans up after a plugin that was killed finds all of it.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../core/lib/errors.js';
import { formatIpv4, hostCount, parseIpv4, type Cidr } from '../../core/lib/ipv4.js';
import { Code, CniError } from '../errors.js';

export interface Lease {
  readonly ip: string;
  /** The host's end of the pod's veth (names.ts); empty where the plugin was killed while it wrote. */
  readonly link: string;
  /** Evio's interface. */
  readonly device: string;
  /** Its IPv6 address. */
  readonly ip6: string;
}

/** Of an address that somebody else was found to use. */
const elsewhere = '!';
/** It is tried again after this, ms. */
const elsewhereMs = 600_000;

export class Leases {
  readonly #folder: string;

  /** @param home path of the home */
  constructor(home: string) {
    this.#folder = join(home, 'pods');
  }

  list(): readonly Lease[] {
    return this.#all().filter(({ link }) => link !== elsewhere);
  }

  /** The addresses of a pod. */
  of(link: string): readonly Lease[] {
    return this.list().filter((lease) => lease.link === link);
  }

  /** Free addresses of these ranges. `network`: range that they lie in. */
  free(ranges: readonly Cidr[], network: Cidr): string[] {
    const taken = new Set(this.#all().map(({ ip }) => ip));
    return ranges.flatMap((range) => hostsOf(range, network).filter((ip) => !taken.has(ip)));
  }

  /** Gives an address, which is free, to a pod. */
  take(lease: Lease): void {
    this.#write(lease);
  }

  /** Somebody else uses it: nobody gets it for a while. */
  avoid(ip: string): void {
    this.#write({ ip, link: elsewhere, device: '', ip6: '' });
  }

  release(ip: string): void {
    rmSync(join(this.#folder, ip), { force: true });
  }

  #write({ ip, link, device, ip6 }: Lease): void {
    const path = join(this.#folder, ip);
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      writeFileSync(path, `${link} ${device} ${ip6}\n`, { mode: 0o600 });
    } catch (thrown) {
      // A disk that is full has the file, and nothing in it: an address that nobody would give back.
      rmSync(path, { force: true });
      throw new CniError(Code.failed, `the lease of ${ip} cannot be written: ${messageOf(thrown)}`, path);
    }
  }

  /** With those that are avoided. */
  #all(): Lease[] {
    let names: string[];
    try {
      names = readdirSync(this.#folder);
    } catch {
      return [];
    }
    return names.flatMap((ip) => {
      if (parseIpv4(ip) === undefined) return [];
      const path = join(this.#folder, ip);
      const [link = '', device = '', ip6 = ''] = readFileSync(path, 'utf8').trim().split(' ');
      if (link === elsewhere && Date.now() - statSync(path).mtimeMs > elsewhereMs) return [];
      return [{ ip, link, device, ip6 }];
    });
  }
}

/** The addresses of a range that a host may have, in the network that it lies in. */
export function hostsOf(range: Cidr, network: Cidr): string[] {
  const out: string[] = [];
  const last = network.base + hostCount(network);
  for (let ip = range.base; ip < range.base + 2 ** (32 - range.prefix); ip++)
    if (ip > network.base && ip <= last) out.push(formatIpv4(ip));
  return out;
}

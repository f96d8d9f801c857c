/**
 * Ranges of pods beside the networks of the machine: where they overlap, the bridge would take over what the machine reaches by an
 * interface of its own. No I/O.
 */
import { hostPrefix, prefixesOverlap, prefixOf, type Prefix } from '../core/lib/prefix.js';
import { Code, CniError } from './errors.js';
import type { Link } from './kernel/kernel.js';
import { isV6, type Addresses } from './result.js';

/** A network that the machine has an address in. */
interface Used {
  readonly device: string;
  readonly cidr: string;
  readonly range: Prefix;
}

/** The range in which an address with its length lies. */
export function rangeOf(cidr: string): Prefix | undefined {
  const [address = '', length] = cidr.split('/');
  const host = hostPrefix(address);
  return host && prefixOf(host.words, isV6(address) ? Number(length) : 96 + Number(length));
}

/** Networks of the machine, but for what lies on `bridge`, and what every link has. */
export function machineNetworks(links: readonly Link[], bridge: string): readonly Used[] {
  return links
    .filter(({ ifname }) => ifname !== bridge && ifname !== 'lo')
    .flatMap(({ ifname, addr_info }) =>
      addr_info.flatMap(({ local, prefixlen }) => {
        const cidr = `${local}/${prefixlen}`;
        const range = /^fe[89ab]/i.test(local) ? undefined : rangeOf(cidr);
        return range ? [{ device: ifname, cidr, range }] : [];
      }),
    );
}

/** Throws CniError (7) that names the interface. */
export function checkOverlap({ ips }: Addresses, links: readonly Link[], bridge: string): void {
  const used = machineNetworks(links, bridge);
  for (const { address } of ips) {
    const range = rangeOf(address);
    const other = range && used.find((candidate) => prefixesOverlap(candidate.range, range));
    if (other)
      throw new CniError(
        Code.config,
        `the range of the pods, that of ${address}, overlaps ${other.cidr} of this machine's interface ${other.device}`,
        'give the pods another range, or take that address away; a bridge that another pod network left behind is removed by: ip link delete NAME',
      );
  }
}

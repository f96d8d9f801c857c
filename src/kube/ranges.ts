/** Ranges of pods: which of this node's may be used, and why not. No I/O. */
import { EvioError } from '../core/lib/errors.js';
import { formatPrefix, parsePrefix, prefixesOverlap, prefixOf, type Prefix } from '../core/lib/prefix.js';
import { isPrivatePrefix } from '../core/subnets/acceptance.js';

/** A network that the machine has an address in. */
export interface MachineRange {
  readonly device: string;
  /** Address and length, as the kernel says: `192.168.1.7/24`. */
  readonly cidr: string;
}

/** The range in which an address with its length lies. */
function rangeOf(cidr: string): Prefix | undefined {
  const [address = '', length = ''] = cidr.split('/');
  const host = parsePrefix(`${address}/${address.includes(':') ? 128 : 32}`);
  const bits = Number(length) + (address.includes(':') ? 0 : 96);
  if (host === undefined || !Number.isInteger(bits)) return undefined;
  return prefixOf(host.words, bits);
}

/**
 * The ranges in their canonical form.
 *
 * @param network range of the evio network
 * @param machine networks of the machine, but for evio's interface and the bridge of the pods
 * @throws EvioError EVIO_POD_RANGE
 */
export function checkRanges(
  ranges: readonly string[],
  network: string,
  machine: readonly MachineRange[],
): readonly string[] {
  const members = parsePrefix(network);
  return ranges.map((text) => {
    const prefix = parsePrefix(text);
    if (prefix === undefined)
      throw new EvioError('EVIO_POD_RANGE', `The PodCIDR of this node is no range of addresses: ${text}.`);
    if (members && prefixesOverlap(members, prefix))
      throw new EvioError(
        'EVIO_POD_RANGE',
        `The PodCIDR ${text} of this node overlaps the range of the network, ${network}.`,
        [
          'Give the cluster another range: kube-controller-manager --cluster-cidr, kubeadm init --pod-network-cidr.',
        ],
      );
    for (const { device, cidr } of machine) {
      const used = rangeOf(cidr);
      if (used && prefixesOverlap(used, prefix))
        throw new EvioError(
          'EVIO_POD_RANGE',
          `The PodCIDR ${text} of this node overlaps ${cidr} of its interface ${device}.`,
          [
            'Give the cluster another range (kube-controller-manager --cluster-cidr), or take the address away.',
            'A bridge that another pod network left behind is removed by: ip link delete NAME',
          ],
        );
    }
    return formatPrefix(prefix);
  });
}

/**
 * Ranges of other nodes that this machine may send to their members. A Node object is written by its kubelet at first: one
 * that names the Internet, the network of this machine, or its pods, must not draw packets away.
 */
export function acceptableRanges(
  ranges: readonly string[],
  network: string,
  own: readonly string[],
  machine: readonly MachineRange[],
): readonly string[] {
  const kept = [network, ...own].flatMap((text) => parsePrefix(text) ?? []);
  const used = [...kept, ...machine.flatMap(({ cidr }) => rangeOf(cidr) ?? [])];
  return ranges.flatMap((text) => {
    const prefix = parsePrefix(text);
    const good = prefix && isPrivatePrefix(prefix) && !used.some((other) => prefixesOverlap(other, prefix));
    return good ? [formatPrefix(prefix)] : [];
  });
}

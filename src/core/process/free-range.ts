/** Whether the addresses of a network are free on this machine when it starts: the kernel cannot tell two networks of one range apart. */
import { clashError } from '../enroll/range-rule.js';
import type { LedgerKeeper } from '../ledger/keeper.js';
import type { NodeState, Profile } from '../membership/profile.js';
import { selfWith } from '../membership/self.js';
import { formatCidr } from '../lib/ipv4.js';
import { cidrsOf, clashOf, isAllowed, type LocalRange } from '../surroundings/local-ranges.js';

interface StoredFiles {
  readonly profile: Profile;
  readonly state: Pick<NodeState, 'credential'>;
  readonly ledger?: LedgerKeeper | undefined;
}

/**
 * An interface may have come by an address of the network since it was joined.
 *
 * @param machine what this machine has beside its networks
 * @param networks addresses of the networks that run on it; our own counts for nothing
 * @throws EvioError EVIO_ADDRESS_RANGE; of selfWith
 */
export function checkFree(
  { profile, state, ledger }: StoredFiles,
  machine: readonly LocalRange[],
  networks: readonly LocalRange[],
): void {
  const { network, certificate } = selfWith(profile, state, ledger?.ledger.standing.facts);
  const { cidr, name } = network;
  if (isAllowed(cidr, cidrsOf(profile.allowedRanges))) return;
  const allow = `If you mean it, join again: sudo evio join TOKEN --allow-range ${formatCidr(cidr)}`;
  const leave = `leave the network: evio leave --network ${name}`;
  const own = clashOf(
    cidr,
    machine.filter(({ kind }) => kind === 'address'),
  );
  if (own) throw clashError(cidr, own, [`Give ${own.device} another address, or ${leave}`, allow]);
  const other = clashOf(
    cidr,
    networks.filter((range) => range.cidr.base !== certificate.ip),
  );
  if (!other) return;
  throw clashError(cidr, other, [
    `Another network of evio runs on ${other.device}: run this one without an interface, evio node --network ${name} --userspace, or ${leave}`,
    allow,
  ]);
}

/** `evio set`: another name or address for a machine that is a member, whether its node runs or not. */
import { fromBase64Url, toBase64Url } from '../lib/bytes.js';
import { EvioError } from '../lib/errors.js';
import { resign } from '../membership/certify.js';
import { membershipOf, type Membership } from '../membership/membership.js';
import { selfOf, withGenuineReceipt } from '../membership/self.js';
import type { EnrollPorts } from './init.js';

export interface MemberChange {
  /** A DNS label. */
  readonly name?: string | undefined;
  /** Dotted quad. */
  readonly ip?: string | undefined;
}

export interface ChangeResult extends Membership {
  /** False when the machine had that name and address before: nothing was done then. */
  readonly changed: boolean;
}

/**
 * Signs the certificate again, has a relay witness it, stores it, and hands it to the running node.
 *
 * @param adopt gives the credential to the running node, which keeps it; false when none runs
 * @throws EvioError EVIO_BAD_VALUE, EVIO_ADDRESS_OUTSIDE, EVIO_ADDRESS_TAKEN, EVIO_RELAY_UNREACHABLE, EVIO_RELAY_REFUSED,
 * EVIO_STORAGE, or what `adopt` threw. Nothing is changed then.
 */
export async function changeMember(
  networkId: string,
  change: MemberChange,
  { store, env, errands }: Pick<EnrollPorts, 'store' | 'env' | 'errands'>,
  adopt: (credential: Uint8Array) => Promise<boolean>,
): Promise<ChangeResult> {
  const profile = store.profile(networkId);
  const held = store.state(networkId).credential;
  const current = fromBase64Url(held ?? profile.credential) ?? new Uint8Array(0);
  const before = selfOf(profile, current);
  const bare = resign(profile, { ...change, current }, env.clock.date());
  const wanted = selfOf(profile, bare);
  const { ip, name } = before.certificate;
  if (wanted.certificate.ip === ip && wanted.certificate.name === name)
    return { ...membershipOf(before), changed: false };
  const { network } = wanted;
  const receipt = network.relays.length > 0 ? await errands.register(network.relays, wanted) : undefined;
  const credential = receipt ? withGenuineReceipt(bare, receipt, network) : bare;
  if (!credential) {
    throw new EvioError(
      'EVIO_RELAY_REFUSED',
      'The relay gave a receipt that the other members would not take.',
      ['Check the clock of this machine and of the relay.', 'Update evio on the relay.'],
    );
  }
  await store.changeProfile(networkId, (now) => ({
    ...now,
    name: wanted.certificate.name,
    ...(change.ip === undefined ? {} : { wantedIp: change.ip }),
  }));
  if (!(await adopt(credential)))
    store.saveState(networkId, { ...store.state(networkId), credential: toBase64Url(credential) });
  return { ...membershipOf(selfOf(profile, credential)), changed: true };
}

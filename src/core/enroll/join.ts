/** `evio join`: from a token to a stored membership. */
import { emptyState, type Profile } from '../membership/profile.js';
import { alreadyJoined } from '../config/store.js';
import { parseInvite, type MemberRole } from '../identity/invite.js';
import { makeMember } from '../membership/certify.js';
import { badValue, checkPeer } from '../identity/names.js';
import { networkIdOf } from '../identity/node-id.js';
import { OwnCredential } from '../membership/own-credential.js';
import { selfOf } from '../membership/self.js';
import { decodeToken, type Token } from '../identity/token.js';
import { fromBase64Url, toBase64Url } from '../lib/bytes.js';
import { EvioError } from '../lib/errors.js';
import { cidrsOverlap, formatCidr, parseCidr } from '../lib/ipv4.js';
import type { Patience } from './errands.js';
import type { EnrollPorts } from './init.js';
import { membershipOf, type Membership } from '../membership/membership.js';
import { checkRange } from './range-rule.js';
import { rangesOf } from './ranges.js';
import { cidrsOf, isAllowed } from '../surroundings/local-ranges.js';
import { storedSelf } from './stored-self.js';

export interface JoinOptions {
  readonly token: string;
  /** A DNS label. */
  readonly name: string;
  readonly ip?: string | undefined;
  readonly role?: MemberRole | undefined;
  /** Peers to stay linked with: names, addresses or ids. */
  readonly links?: readonly string[] | undefined;
  /** Ranges that the network may have although they are public, or this machine uses a part of them. CIDR; stored. */
  readonly allowRanges?: readonly string[] | undefined;
  /** False stores the membership without asking a relay; the node asks when it first runs. */
  readonly contact: boolean;
  /** For who has to be let in by admins. Default: it is not waited for them. */
  readonly patience?: Patience | undefined;
}

export interface JoinResult extends Membership {
  readonly networkId: string;
  /** True when this machine was a member before; nothing but `links` and `allowRanges` was changed then. */
  readonly already: boolean;
  /** Names of other networks here whose addresses are also addresses of this one. */
  readonly overlapping: readonly string[];
}

/**
 * Checks the token, makes identity and certificate, has a relay count the use, and stores the profile. The identity is on disk
 * before a relay hears of it: when this ends in between, joining again by the same token goes on with it.
 *
 * @throws EvioError EVIO_TOKEN_DAMAGED, EVIO_TOKEN_FOREIGN, EVIO_TOKEN_EXPIRED, EVIO_TOKEN_USED_UP,
 * EVIO_TOKEN_REVOKED, EVIO_BAD_VALUE, EVIO_ADDRESS_OUTSIDE, EVIO_ADDRESS_RANGE, EVIO_ADDRESS_TAKEN,
 * EVIO_RELAY_UNREACHABLE, EVIO_RELAY_KEY_MISMATCH, EVIO_RELAY_REFUSED, EVIO_REVOKED, EVIO_WAITING, EVIO_STORAGE. This machine is no member then.
 */
export async function joinNetwork(options: JoinOptions, deps: EnrollPorts): Promise<JoinResult> {
  const { store, env, machine } = deps;
  const token = decodeToken(options.token);
  const networkId = networkIdOf(token.network.rootKey);
  const links = [...new Set((options.links ?? []).map(checkPeer))];
  const allowedRanges = (options.allowRanges ?? []).map(checkAllowed);
  const kept = {
    ...(links.length === 0 ? {} : { links }),
    ...(allowedRanges.length === 0 ? {} : { allowedRanges }),
  };
  const { cidr } = token.network;
  const overlapping = rangesOf(store)
    .filter((range) => range.id !== networkId && cidrsOverlap(range.cidr, cidr))
    .map(({ name }) => name);
  const again = async (): Promise<JoinResult> => {
    store.pending.drop(networkId);
    if (Object.keys(kept).length > 0) await store.changeProfile(networkId, (now) => ({ ...now, ...kept }));
    const self = storedSelf(store, networkId);
    return { ...membershipOf(self), networkId, already: true, overlapping };
  };
  if (store.has(networkId)) return again();
  if (!isAllowed(cidr, cidrsOf(allowedRanges))) {
    checkRange(cidr, machine(), [
      'Ask who gave you the token whether the network can have another range.',
      'Or take part without an interface, so that nothing of this machine changes: evio join TOKEN --userspace',
      `If you mean it: sudo evio join TOKEN --allow-range ${formatCidr(cidr)}`,
    ]);
  }
  const contact = options.contact && token.network.relays.length > 0;
  const make = (begun?: Profile): Profile => ({ ...makeMember(token, options, env, begun), ...kept });
  let joined: Profile;
  try {
    joined = contact ? await register(await begin(token, make, deps), deps, options.patience) : make();
  } catch (thrown) {
    if (isAlreadyJoined(thrown)) return again();
    if (thrown instanceof EvioError && isTokenOver.has(thrown.code)) store.pending.drop(networkId);
    throw thrown;
  }
  try {
    store.create(networkId, joined, { ...emptyState, credential: joined.credential });
  } catch (thrown) {
    // Another join was faster: this machine is who that one made.
    if (isAlreadyJoined(thrown)) return again();
    throw thrown;
  }
  store.pending.drop(networkId);
  return { ...membershipOf(selfOf(joined)), networkId, already: false, overlapping };
}

const isAlreadyJoined = (thrown: unknown): boolean =>
  thrown instanceof EvioError && thrown.code === 'EVIO_ALREADY_JOINED';

/** What says that no later try by the same token can succeed. */
const isTokenOver: ReadonlySet<string> = new Set([
  'EVIO_TOKEN_EXPIRED',
  'EVIO_TOKEN_USED_UP',
  'EVIO_TOKEN_REVOKED',
]);

/**
 * The member that a join by this token has made before and did not end with, or a new one: on disk. Throws EvioError
 * EVIO_ALREADY_JOINED when another join has ended since this one looked: a new member would be another use of the token.
 */
async function begin(
  token: Token,
  make: (begun?: Profile) => Profile,
  { store, env }: EnrollPorts,
): Promise<Profile> {
  const networkId = networkIdOf(token.network.rootKey);
  const invite = toBase64Url(token.inviteBytes);
  const now = env.clock.date();
  const profile = await store.pending.keep(
    networkId,
    (before) => {
      if (store.has(networkId)) throw alreadyJoined(networkId);
      return make(before?.invite === invite ? before : undefined);
    },
    (old) => (parseInvite(fromBase64Url(old.invite ?? '') ?? new Uint8Array(0))?.notAfter ?? 0) <= now,
  );
  store.rehearse(networkId, profile);
  return profile;
}

/** Passes a range. Throws EvioError EVIO_BAD_VALUE. */
function checkAllowed(text: string): string {
  if (parseCidr(text)) return text;
  throw badValue(
    `"${text}" is not an IPv4 range; the bits after the prefix must be zero.`,
    'For example: --allow-range 10.20.0.0/16',
  );
}

/** The profile with a relay's receipt, and with another address when the derived one was taken. */
async function register(
  profile: Profile,
  { env, errands }: EnrollPorts,
  patience: Patience | undefined,
): Promise<Profile> {
  const credential = new OwnCredential(profile);
  let waits = false;
  const waiting = patience && {
    until: patience.until,
    tell: (now: Parameters<Patience['tell']>[0]): void => {
      waits = true;
      patience.tell(now);
    },
  };
  for (;;) {
    try {
      const receipt = await errands.register(credential.self.network.relays, credential.self, waiting);
      if (receipt && !credential.receive(receipt)) {
        throw new EvioError(
          'EVIO_RELAY_REFUSED',
          'The relay gave a receipt that the other members would not take.',
          ['Check the clock of this machine and of the relay.', 'Update evio on the relay.'],
        );
      }
      return { ...profile, credential: toBase64Url(credential.bytes) };
    } catch (thrown) {
      const code = thrown instanceof EvioError ? thrown.code : undefined;
      // Relays come and go while a machine waits for people.
      if (waits && patience && code === 'EVIO_RELAY_UNREACHABLE') {
        await pause(env, patience.until);
        continue;
      }
      const taken = code === 'EVIO_ADDRESS_TAKEN';
      if (!taken || !credential.readdress(env.clock.date())) throw thrown;
    }
  }
}

/** Between two tries to reach a relay, ms. */
const againMs = 2_000;

function pause({ clock }: Pick<EnrollPorts['env'], 'clock'>, until: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      until.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(againMs, done);
    if (until.aborted) done();
    else until.addEventListener('abort', done, { once: true });
  });
}

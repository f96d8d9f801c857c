/** A profile read: who this machine is, and in which network. */
import { fromBase64Url } from '../lib/bytes.js';
import { EvioError } from '../lib/errors.js';
import {
  claimsOf,
  encodeCredential,
  ownerOf,
  parseCertificate,
  parseCredential,
  verifyCredential,
  type Certificate,
  type CredentialParts,
} from '../identity/certificate.js';
import { anyAuthority, foundingAuthority, type Authority } from '../identity/authority.js';
import type { Claimant, Claims } from '../identity/claims.js';
import { parseInvite } from '../identity/invite.js';
import { keysFromSeed, type Keys } from '../identity/keys.js';
import { openNetwork, type NetworkFacts } from '../identity/network.js';
import { macOf, macText, networkIdOf, nodeIdOf, nodeIdText } from '../identity/node-id.js';
import { parseReceipt, signedDate } from '../identity/receipt.js';
import { factsNow } from '../ledger/facts.js';
import type { ChangedFacts } from '../ledger/statement.js';
import type { NodeState, Profile } from './profile.js';

/** A credential with a witness's receipt put into it. Throws EvioError EVIO_PROFILE_CORRUPT when it is none. */
export function withReceipt(credential: Uint8Array, receipt: Uint8Array): Uint8Array {
  const parts = parseCredential(credential);
  if (!parts) throw corrupt('its credential is malformed');
  return encodeCredential({ ...parts, receipt });
}

/**
 * The same, or undefined when the receipt is not one that the other members would take: a relay's mistake must not
 * stand in our state.
 *
 * @param authority says which keys are roots. Default: the network's first
 */
export function withGenuineReceipt(
  credential: Uint8Array,
  receipt: Uint8Array,
  network: NetworkFacts,
  authority: Authority = foundingAuthority(network.rootKey),
): Uint8Array | undefined {
  const certificate = parseCertificate(parseCredential(credential)?.certificate ?? new Uint8Array(0));
  if (!certificate) return undefined;
  const dated = parseReceipt(receipt);
  if (!dated) return undefined;
  const received = withReceipt(credential, receipt);
  // At the dates that stand in it: whether our clock is right is another question. So is who may invite.
  const dateMs = Math.max(certificate.notBefore, signedDate(dated));
  const anyIssuer = {
    ...anyAuthority,
    isRoot: (key: Uint8Array) => authority.isRoot(key),
    wasRelay: (key: Uint8Array) => authority.wasRelay(key),
  };
  return verifyCredential(received, network, dateMs, true, anyIssuer).ok ? received : undefined;
}

/** This machine as a member. */
export interface Self {
  readonly network: NetworkFacts;
  readonly networkBytes: Uint8Array;
  readonly networkId: string;
  readonly keys: Keys;
  readonly id: Uint8Array;
  readonly idText: string;
  /** Node id of the key that this machine had before, while its credential still says so. */
  readonly before: string | undefined;
  readonly mac: string;
  /** The credential in use, its parts and the certificate in it. */
  readonly credential: Uint8Array;
  readonly parts: CredentialParts;
  readonly certificate: Certificate;
  /** Since when it has what the certificate claims; none while no witness has said so. */
  readonly claims: Claims;
}

/** Reads a profile with the later credential that the node's state may have; else as {@link selfOf}. */
export function selfWith(
  profile: Profile,
  { credential }: Pick<NodeState, 'credential'>,
  facts?: ChangedFacts,
): Self {
  return selfOf(profile, credential === undefined ? undefined : fromBase64Url(credential), facts);
}

/**
 * Reads a profile.
 *
 * @param credential a later one than the profile's, from the node's state.
 * @param facts what an admin has changed of the token's facts since, from the ledger.
 * @throws EvioError EVIO_PROFILE_CORRUPT when its parts are not genuine.
 */
export function selfOf(profile: Profile, credential?: Uint8Array, facts?: ChangedFacts): Self {
  const networkBytes = secretBytes(profile.network);
  const signed = openNetwork(networkBytes);
  if (!signed) throw corrupt('its network facts are not signed by their root key');
  const network = factsNow(signed, facts);
  const keys = keysFromSeed(secretBytes(profile.nodeSeed));
  const id = nodeIdOf(keys.publicKey);
  const idText = nodeIdText(id);
  // A state that is older than a change of keys has a credential of the key of before.
  const bytes = credential && ownerOf(credential) === idText ? credential : secretBytes(profile.credential);
  const parts = parseCredential(bytes);
  const certificate = parts && parseCertificate(parts.certificate);
  if (!parts || !certificate) throw corrupt('its credential is malformed');
  const follows = parts.invite.length > 0 ? parseInvite(parts.invite)?.follows : undefined;
  return {
    network,
    networkBytes,
    networkId: networkIdOf(network.rootKey),
    keys,
    id,
    idText,
    before: follows && nodeIdText(nodeIdOf(follows.key)),
    mac: macText(macOf(id)),
    credential: bytes,
    parts,
    certificate,
    claims: claimsOf(parts, certificate),
  };
}

/** This machine as one of those that claim addresses and names. */
export function claimantOf({ idText, id, before, certificate, claims }: Self): Claimant {
  return { idText, mac: macOf(id), ip: certificate.ip, name: certificate.name, claims, before };
}

/** Bytes of a base64url field of a profile. Throws EvioError EVIO_PROFILE_CORRUPT. */
export function secretBytes(text: string): Uint8Array {
  const bytes = fromBase64Url(text);
  if (!bytes) throw corrupt('a key in it is not base64url');
  return bytes;
}

/** The operator error of a profile that stands in its file but makes no sense. */
export function corrupt(why: string): EvioError {
  return new EvioError('EVIO_PROFILE_CORRUPT', `The profile of this network cannot be used: ${why}.`, [
    'Forget the network with: evio leave, then join again with a new token.',
  ]);
}

/**
 * A join token: network facts, an invite and the invite's secret, with a checksum.
 *
 *   "evio1" base64url( network (2+n) | invite (2+n) | invite seed 32 | checksum 4 )
 *
 * It is never the network's secret: it expires, counts its uses and can be revoked by id.
 */
import { blake2s } from '@noble/hashes/blake2.js';
import {
  ByteReader,
  ByteWriter,
  concatBytes,
  equalBytes,
  fromBase64Url,
  toBase64Url,
  utf8,
} from '../lib/bytes.js';
import { EvioError } from '../lib/errors.js';
import { verifyInvite, type Invite } from './invite.js';
import { keysFromSeed, seedLength, type Keys } from './keys.js';
import { openNetwork, type NetworkFacts } from './network.js';

export const tokenPrefix = 'evio1';
const checksumLength = 4;
const maxTokenLength = 8192;

export interface Token {
  readonly network: NetworkFacts;
  /** The signed bytes of `network`. */
  readonly networkBytes: Uint8Array;
  readonly invite: Invite;
  readonly inviteBytes: Uint8Array;
  readonly inviteKeys: Keys;
}

function checksum(body: Uint8Array): Uint8Array {
  return blake2s(concatBytes(utf8('evio token'), body), { dkLen: 32 }).slice(0, checksumLength);
}

export function encodeToken(
  networkBytes: Uint8Array,
  inviteBytes: Uint8Array,
  inviteSeed: Uint8Array,
): string {
  const body = new ByteWriter(512).block(networkBytes).block(inviteBytes).bytes(inviteSeed).finish();
  return tokenPrefix + toBase64Url(concatBytes(body, checksum(body)));
}

/**
 * Reads a token that a person pasted: white space around and inside is forgiven.
 *
 * @throws EvioError EVIO_TOKEN_DAMAGED when it is not a whole token, EVIO_TOKEN_FOREIGN when it is whole but its network
 * did not make it.
 */
export function decodeToken(text: string): Token {
  const damaged = (why: string): EvioError =>
    new EvioError('EVIO_TOKEN_DAMAGED', `This is not a whole evio token: ${why}.`, [
      'Copy the token again, from "evio1" to its last character.',
      'Make a new one with: "evio token create"',
    ]);
  const foreign = (why: string): EvioError =>
    new EvioError('EVIO_TOKEN_FOREIGN', `This token was not made by its network: ${why}.`, [
      'Ask the owner of the network for a new one: "evio token create"',
    ]);
  const compact = text.replace(/\s+/g, '');
  if (!compact.startsWith(tokenPrefix)) throw damaged(`it does not begin with "${tokenPrefix}"`);
  if (compact.length > maxTokenLength) throw damaged('it is too long');
  const bytes = fromBase64Url(compact.slice(tokenPrefix.length));
  if (!bytes || bytes.length < checksumLength + seedLength)
    throw damaged('characters are missing or changed');
  const body = bytes.subarray(0, bytes.length - checksumLength);
  if (!equalBytes(checksum(body), bytes.subarray(body.length)))
    throw damaged('characters are missing or changed');
  const reader = new ByteReader(body);
  const networkBytes = reader.block();
  const inviteBytes = reader.block();
  const seed = reader.bytes(seedLength);
  if (!reader.done) throw damaged('it has parts that do not belong there');
  const network = openNetwork(networkBytes);
  if (!network) throw foreign('the network in it is not signed by its root key');
  const invite = verifyInvite(inviteBytes, network.rootKey);
  if (!invite) throw foreign('the invite in it is not signed by its network');
  const inviteKeys = keysFromSeed(seed);
  if (!equalBytes(inviteKeys.publicKey, invite.key))
    throw foreign('its secret does not belong to its invite');
  return { network, networkBytes, invite, inviteBytes, inviteKeys };
}

/**
 * How a machine comes to a network: makes one, invites to it, joins it, and signs again for another address.
 *
 * Pure but for randomness and the date: nothing is stored and nothing is asked of a relay here.
 */
import type { InviteRecord, Profile } from '../config/schema.js';
import { fromBase64Url, toBase64Url } from '../lib/bytes.js';
import type { Env } from '../lib/env.js';
import { EvioError } from '../lib/errors.js';
import {
  containsCidr,
  formatCidr,
  formatIpv4,
  isHostAddress,
  parseCidr,
  parseIpv4,
  type Cidr,
} from '../lib/ipv4.js';
import {
  certificateLifeMs,
  encodeCredential,
  maxCredentialLength,
  parseCertificate,
  parseCredential,
  parseInvite,
  Right,
  Role,
  signCertificate,
  signInvite,
  type Certificate,
  type RoleName,
} from './certificate.js';
import { generateKeys, keysFromSeed, type Keys } from './keys.js';
import {
  maxMtu,
  maxRelays,
  minMtu,
  openNetwork,
  signNetwork,
  type NetworkFacts,
  type RelayFact,
} from './network.js';
import { derivedIp, inviteIdOf, macOf, macText, networkIdOf, nodeIdOf, nodeIdText } from './node-id.js';
import { encodeToken, type Token } from './token.js';

/** The room that a relay's receipt takes in a credential, bytes (certificate.ts). */
const receiptLength = 169;
const empty = new Uint8Array(0);
const maxTagLength = 32;
export const defaultCidr = '10.144.0.0/16';
export const defaultMtu = 1350;

/** What an operator asks for with `evio init`. */
export interface NetworkPlan {
  readonly name: string;
  /** `10.144.0.0/16`. */
  readonly cidr: string;
  readonly relays: readonly RelayFact[];
  /** MTU of the interface, bytes. */
  readonly mtu: number;
  /** Address of this machine; derived from its node id when left out. */
  readonly ip?: string | undefined;
  readonly nodeName: string;
}

/** What an operator asks for with `evio token create`. */
export interface InvitePlan {
  readonly expiresMs: number;
  /** 0 is no limit. */
  readonly uses: number;
  /** A `switch` invite also admits leaves; a `leaf` invite admits leaves only. */
  readonly role: RoleName;
  readonly tags: readonly string[];
}

/** What a joiner asks for. */
export interface JoinWish {
  readonly name: string;
  /** Default: switch where the invite permits it, else leaf. */
  readonly role?: RoleName | undefined;
  readonly ip?: string | undefined;
}

/** A certificate signed again: for the address `ip`, or for the derived address number `attempt`. */
export interface AddressChange {
  readonly ip?: string | number | undefined;
  readonly attempt?: number | undefined;
  /** The credential in use, whose receipt is kept. Default: the profile's. */
  readonly current?: Uint8Array | undefined;
}

function badValue(message: string, ...suggestions: string[]): EvioError {
  return new EvioError('EVIO_BAD_VALUE', message, suggestions);
}

/** A host name made into one DNS label (RFC 1123 section 2.1); never empty. */
export function nodeNameFrom(hostName: string): string {
  const label = (hostName.split('.')[0] ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63)
    .replace(/-+$/, '');
  return label === '' ? 'node' : label;
}

/** Passes a name that is a DNS label. Throws EvioError EVIO_BAD_VALUE. */
export function checkNodeName(name: string): string {
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return name;
  throw badValue(
    `"${name}" cannot be a node name: it takes lower-case letters, digits and hyphens, at most 63.`,
    `For example: ${nodeNameFrom(name)}`,
  );
}

/** Passes a network name that people can type. Throws EvioError EVIO_BAD_VALUE. */
export function checkNetworkName(name: string): string {
  if (/^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/.test(name)) return name;
  throw badValue(
    `"${name}" cannot be a network name: it takes letters, digits, dots, hyphens and underscores, at most 64.`,
    'For example: evio init home',
  );
}

function checkCidr(text: string): Cidr {
  const cidr = parseCidr(text);
  if (!cidr) {
    throw badValue(
      `"${text}" is not an IPv4 range; the bits after the prefix must be zero.`,
      `For example: --cidr ${defaultCidr}`,
    );
  }
  if (cidr.prefix < 8 || cidr.prefix > 30) {
    throw badValue(
      `The range ${text} must have a prefix from /8 to /30.`,
      `For example: --cidr ${defaultCidr}`,
    );
  }
  const first = cidr.base >>> 24;
  if (first === 0 || first === 127 || first >= 224) {
    throw badValue(`The range ${text} is not for hosts (RFC 6890).`, `For example: --cidr ${defaultCidr}`);
  }
  return cidr;
}

/** The address as a number. Throws EvioError EVIO_BAD_VALUE, or EVIO_ADDRESS_OUTSIDE when no host in `range` may have it. */
export function checkAddress(text: string, range: Cidr): number {
  const ip = parseIpv4(text);
  if (ip === undefined)
    throw badValue(`"${text}" is not an IPv4 address.`, 'Write it as four numbers: --ip 10.144.0.7');
  if (!isHostAddress(range, ip)) {
    throw new EvioError(
      'EVIO_ADDRESS_OUTSIDE',
      `The address ${text} is not one for a host in ${formatCidr(range)}.`,
      [
        `Choose one from ${formatIpv4(range.base + 1)} on, inside ${formatCidr(range)}.`,
        'Leave out --ip to get one.',
      ],
    );
  }
  return ip;
}

/** Makes a network's root key and its first member, which may invite others. Throws EvioError EVIO_BAD_VALUE, EVIO_ADDRESS_OUTSIDE. */
export function makeNetwork(plan: NetworkPlan, env: Pick<Env, 'clock' | 'random'>): Profile {
  const cidr = checkCidr(plan.cidr);
  if (!Number.isInteger(plan.mtu) || plan.mtu < minMtu || plan.mtu > maxMtu) {
    throw badValue(
      `The MTU must be a whole number from ${minMtu} to ${maxMtu}.`,
      `For example: --mtu ${defaultMtu}`,
    );
  }
  if (plan.relays.length > maxRelays) throw badValue(`A network has at most ${maxRelays} relays.`);
  const root = generateKeys(env.random);
  const node = generateKeys(env.random);
  const ip = plan.ip === undefined ? derivedIp(nodeIdOf(node.publicKey), cidr) : checkAddress(plan.ip, cidr);
  const facts: NetworkFacts = {
    rootKey: root.publicKey,
    name: checkNetworkName(plan.name),
    cidr,
    mtu: plan.mtu,
    receipts: plan.relays.length > 0,
    serial: 1,
    relays: plan.relays,
  };
  const now = env.clock.date();
  const certificate = signCertificate(
    {
      nodeKey: node.publicKey,
      name: checkNodeName(plan.nodeName),
      ip,
      role: Role.switch,
      rights: Right.admin,
      tags: [],
      notBefore: now,
      notAfter: now + certificateLifeMs,
    },
    root,
  );
  return {
    version: 1,
    network: toBase64Url(signNetwork(facts, root)),
    nodeSeed: toBase64Url(node.seed),
    rootSeed: toBase64Url(root.seed),
    name: plan.nodeName,
    role: 'switch',
    ...(plan.ip === undefined ? {} : { wantedIp: plan.ip }),
    credential: toBase64Url(encodeCredential({ certificate, invite: empty, receipt: empty })),
    device: 'evio%d',
    port: 0,
    invites: [],
  };
}

/** Makes an invite and its token. Throws EvioError EVIO_NOT_ADMIN on a machine without the network's root key, EVIO_BAD_VALUE. */
export function makeInvite(
  profile: Profile,
  plan: InvitePlan,
  env: Pick<Env, 'clock' | 'random'>,
): InviteRecord {
  const self = selfOf(profile);
  if (profile.rootSeed === undefined) {
    throw new EvioError(
      'EVIO_NOT_ADMIN',
      `This machine may not invite to the network ${self.network.name}.`,
      ['Make the token on the machine where evio init made the network.'],
    );
  }
  if (!Number.isInteger(plan.uses) || plan.uses < 0 || plan.uses > 0xffff_ffff) {
    throw badValue('Uses must be a whole number; 0 means no limit.', 'For example: --uses 10');
  }
  if (!Number.isSafeInteger(plan.expiresMs) || plan.expiresMs < 1) {
    throw badValue('An invite must expire in the future.', 'For example: --expires 24h');
  }
  for (const tag of plan.tags) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._:-]*$/.test(tag) || tag.length > maxTagLength) {
      throw badValue(`"${tag}" cannot be a tag: letters, digits and . _ : - at most ${maxTagLength}.`);
    }
  }
  const tags = [...new Set(plan.tags)];
  const root = keysFromSeed(secret(profile.rootSeed));
  const keys = generateKeys(env.random);
  const created = env.clock.date();
  const expires = created + plan.expiresMs;
  const tooManyTags = (): EvioError =>
    badValue('These are too many tags for one certificate.', 'Use fewer or shorter tags.');
  if (tags.length > 16) throw tooManyTags();
  const invite = signInvite(
    {
      key: keys.publicKey,
      notAfter: expires,
      uses: plan.uses,
      roles: plan.role === 'leaf' ? Role.leaf : Role.switch | Role.leaf,
      rights: 0,
      range: self.network.cidr,
      tags,
    },
    root,
  );
  // The longest certificate that a joiner may make of it has to fit a handshake datagram.
  const longest = signCertificate(
    {
      nodeKey: keys.publicKey,
      name: 'n'.repeat(63),
      ip: self.network.cidr.base + 1,
      role: Role.switch,
      rights: 0,
      tags,
      notBefore: created,
      notAfter: created,
    },
    keys,
  );
  if (longest.length + invite.length + receiptLength + 6 > maxCredentialLength) throw tooManyTags();
  return {
    id: inviteIdOf(keys.publicKey),
    token: encodeToken(self.networkBytes, invite, keys.seed),
    created,
    expires,
    uses: plan.uses,
    role: plan.role,
    tags,
    revoked: false,
  };
}

/** True when an invite of these roles admits the role. */
function permits(roles: number, role: RoleName): boolean {
  return (roles & Role[role]) !== 0;
}

/**
 * Makes this machine's identity and the certificate that the token entitles it to.
 *
 * @throws EvioError EVIO_TOKEN_EXPIRED by this machine's clock, EVIO_BAD_VALUE, EVIO_ADDRESS_OUTSIDE.
 */
export function enroll(token: Token, wish: JoinWish, env: Pick<Env, 'clock' | 'random'>): Profile {
  const { invite, network } = token;
  const now = env.clock.date();
  if (invite.notAfter <= now) {
    throw new EvioError(
      'EVIO_TOKEN_EXPIRED',
      `This token expired ${new Date(invite.notAfter).toISOString()}.`,
      ['Make a new one with: evio token create', "Check this machine's clock with: evio doctor"],
    );
  }
  const role = wish.role ?? (permits(invite.roles, 'switch') ? 'switch' : 'leaf');
  if (!permits(invite.roles, role)) {
    throw badValue(
      `This token does not admit the role ${role}.`,
      'Leave out --role.',
      'Ask for a token with that role.',
    );
  }
  if (!containsCidr(network.cidr, invite.range)) {
    throw new EvioError(
      'EVIO_TOKEN_DAMAGED',
      'The invite in this token gives addresses outside its network.',
      ['Make a new one with: evio token create'],
    );
  }
  const node = generateKeys(env.random);
  const id = nodeIdOf(node.publicKey);
  const ip = wish.ip === undefined ? derivedIp(id, invite.range) : checkAddress(wish.ip, invite.range);
  const certificate = signCertificate(
    {
      nodeKey: node.publicKey,
      name: checkNodeName(wish.name),
      ip,
      role: Role[role],
      rights: 0,
      tags: invite.tags,
      notBefore: now,
      notAfter: now + certificateLifeMs,
    },
    token.inviteKeys,
  );
  return {
    version: 1,
    network: toBase64Url(token.networkBytes),
    nodeSeed: toBase64Url(node.seed),
    invite: toBase64Url(token.inviteBytes),
    inviteSeed: toBase64Url(token.inviteKeys.seed),
    name: wish.name,
    role,
    ...(wish.ip === undefined ? {} : { wantedIp: wish.ip }),
    credential: toBase64Url(encodeCredential({ certificate, invite: token.inviteBytes, receipt: empty })),
    device: 'evio%d',
    port: 0,
    invites: [],
  };
}

/**
 * A credential of the same node for another address, valid wherever the old one was: it keeps name, role, tags, end
 * and the relay's receipt, which names keys only.
 *
 * @throws EvioError EVIO_ADDRESS_OUTSIDE, EVIO_PROFILE_CORRUPT when the profile has no key to sign with.
 */
export function resign(profile: Profile, change: AddressChange, dateMs: number): Uint8Array {
  const self = selfOf(profile, change.current);
  const inviteBytes = self.parts.invite;
  const invite = inviteBytes.length > 0 ? parseInvite(inviteBytes) : undefined;
  const seed = invite ? profile.inviteSeed : profile.rootSeed;
  if (seed === undefined) throw corrupt('the key that signed its certificate is missing');
  const range = invite?.range ?? self.network.cidr;
  const wanted = typeof change.ip === 'number' ? formatIpv4(change.ip) : change.ip;
  const ip =
    wanted === undefined ? derivedIp(self.id, range, change.attempt ?? 0) : checkAddress(wanted, range);
  // Without relays the invite's end is judged by this date, so signing again later must not end the membership.
  const notBefore = invite && !self.network.receipts ? Math.min(dateMs, invite.notAfter) : dateMs;
  const certificate = signCertificate({ ...self.certificate, ip, notBefore }, keysFromSeed(secret(seed)));
  return encodeCredential({ ...self.parts, certificate });
}

/** A credential with a relay's receipt put into it. Throws EvioError EVIO_PROFILE_CORRUPT when it is none. */
export function withReceipt(credential: Uint8Array, receipt: Uint8Array): Uint8Array {
  const parts = parseCredential(credential);
  if (!parts) throw corrupt('its credential is malformed');
  return encodeCredential({ ...parts, receipt });
}

/** A profile read: who this machine is, in which network. */
export interface Self {
  readonly network: NetworkFacts;
  readonly networkBytes: Uint8Array;
  readonly networkId: string;
  readonly keys: Keys;
  readonly id: Uint8Array;
  readonly idText: string;
  readonly mac: string;
  /** The credential in use, its parts and the certificate in it. */
  readonly credential: Uint8Array;
  readonly parts: { certificate: Uint8Array; invite: Uint8Array; receipt: Uint8Array };
  readonly certificate: Certificate;
}

/**
 * Reads a profile.
 *
 * @param credential a later one than the profile's, from the node's state.
 * @throws EvioError EVIO_PROFILE_CORRUPT when its parts are not genuine.
 */
export function selfOf(profile: Profile, credential?: Uint8Array): Self {
  const networkBytes = secret(profile.network);
  const network = openNetwork(networkBytes);
  if (!network) throw corrupt('its network facts are not signed by their root key');
  const keys = keysFromSeed(secret(profile.nodeSeed));
  const bytes = credential ?? secret(profile.credential);
  const parts = parseCredential(bytes);
  const certificate = parts && parseCertificate(parts.certificate);
  if (!parts || !certificate) throw corrupt('its credential is malformed');
  const id = nodeIdOf(keys.publicKey);
  return {
    network,
    networkBytes,
    networkId: networkIdOf(network.rootKey),
    keys,
    id,
    idText: nodeIdText(id),
    mac: macText(macOf(id)),
    credential: bytes,
    parts,
    certificate,
  };
}

function secret(text: string): Uint8Array {
  const bytes = fromBase64Url(text);
  if (!bytes) throw corrupt('a key in it is not base64url');
  return bytes;
}

function corrupt(why: string): EvioError {
  return new EvioError('EVIO_PROFILE_CORRUPT', `The profile of this network cannot be used: ${why}.`, [
    'Forget the network with: evio leave, then join again with a new token.',
  ]);
}

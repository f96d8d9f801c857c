/**
 * How a machine comes to a network: makes one, invites to it, joins it, and signs again for another address.
 *
 * Pure but for randomness and the date: nothing is stored and nothing is asked of a relay here.
 */
import { Ledger } from '../ledger/ledger.js';
import { equalBytes, toBase64Url } from '../lib/bytes.js';
import type { Env } from '../lib/env.js';
import { EvioError } from '../lib/errors.js';
import { shownRelay } from '../lib/relay-address.js';
import { containsCidr } from '../lib/ipv4.js';
import {
  certificateLifeMs,
  encodeCredential,
  maxCredentialLength,
  signCertificate,
} from '../identity/certificate.js';
import {
  isRenewal,
  parseInvite,
  Right,
  renewalOverhead,
  Role,
  signInvite,
  type MemberRole,
} from '../identity/invite.js';
import { generateKeys, keysFromSeed, publicKeyLength, type Keys } from '../identity/keys.js';
import {
  badValue,
  checkAddress,
  checkCidr,
  checkNetworkName,
  checkNodeName,
  defaultMtu,
} from '../identity/names.js';
import {
  maxMtu,
  maxRelays,
  minMtu,
  signNetwork,
  type NetworkFacts,
  type RelayFact,
} from '../identity/network.js';
import { derivedIp, inviteIdOf, nodeIdOf } from '../identity/node-id.js';
import { receiptLength } from '../identity/receipt.js';
import { inviterKeys } from './speaker.js';
import type { GivenRight, InviteRecord, Profile } from './profile.js';
import { rootKeysOf } from './root-keys.js';
import { corrupt, secretBytes, selfOf, type Self } from './self.js';
import { encodeToken, type Token } from '../identity/token.js';

const empty = new Uint8Array(0);
const maxTagLength = 32;

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
  /** This machine bridges a LAN. It may announce subnets, and is an admin, anyway. */
  readonly bridge?: boolean | undefined;
}

/** What an operator asks for with `evio token create`. */
export interface InvitePlan {
  readonly expiresMs: number;
  /** 0 is no limit. */
  readonly uses: number;
  /** A `switch` invite also admits leaves; a `leaf` invite admits leaves only. */
  readonly role: MemberRole;
  readonly tags: readonly string[];
  /** What joiners may do beyond a member's own affairs. */
  readonly rights?: readonly GivenRight[] | undefined;
  /** Joiners are forgotten minutes after they went. */
  readonly ephemeral?: boolean | undefined;
  /** Joiners wait until an admin lets them in. */
  readonly approve?: boolean | undefined;
}

/** What a joiner asks for. */
export interface JoinWish {
  readonly name: string;
  /** Default: switch where the invite permits it, else leaf. */
  readonly role?: MemberRole | undefined;
  readonly ip?: string | undefined;
}

/** What is to be another in a certificate that is signed again. */
export interface Change {
  readonly ip?: string | undefined;
  /** Number of the derived address, where `ip` is left out. */
  readonly attempt?: number | undefined;
  readonly name?: string | undefined;
  /** The credential in use. Default: the profile's. */
  readonly current?: Uint8Array | undefined;
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
      rights: plan.bridge ? Right.admin | Right.bridge : Right.admin,
      tags: [],
      notBefore: now,
      notAfter: now + certificateLifeMs,
    },
    root,
    node,
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

/**
 * Makes an invite and its token.
 *
 * @param ledger says whether this machine is an admin, and which facts the network has now. Default: it has none
 * @throws EvioError EVIO_NOT_ADMIN on a machine that is no admin and has not the network's root key, EVIO_BAD_VALUE.
 */
export function makeInvite(
  profile: Profile,
  plan: InvitePlan,
  env: Pick<Env, 'clock' | 'random'>,
  ledger: Ledger = new Ledger(selfOf(profile).network.rootKey),
): InviteRecord {
  const self = selfOf(profile, undefined, ledger.standing.facts);
  const issuer = inviterKeys(profile, self, ledger);
  if (!issuer) {
    throw new EvioError(
      'EVIO_NOT_ADMIN',
      `This machine may not invite to the network ${self.network.name}.`,
      [
        'Make the token on an admin machine; they are listed by: evio admin list',
        'Have an admin name this one: "evio admin add NAME"',
      ],
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
  const rights = [...new Set(plan.rights ?? [])];
  const ephemeral = plan.ephemeral ?? false;
  const approve = plan.approve ?? false;
  const isRoot = equalBytes(issuer.publicKey, self.network.rootKey);
  const keys = generateKeys(env.random);
  const created = env.clock.date();
  const expires = created + plan.expiresMs;
  const tooManyTags = (): EvioError =>
    badValue('These are too many tags for one certificate.', 'Use fewer or shorter tags.');
  if (tags.length > 16) throw tooManyTags();
  const invite = signInvite(
    {
      ...(isRoot && !approve ? {} : { issuer: issuer.publicKey }),
      ...(approve ? { approvals: 1 } : {}),
      key: keys.publicKey,
      notAfter: expires,
      uses: plan.uses,
      roles: plan.role === 'leaf' ? Role.leaf : Role.switch | Role.leaf,
      rights: rights.reduce((bits, right) => bits | Right[right], 0),
      ephemeral,
      range: self.network.cidr,
      tags,
    },
    issuer,
  );
  // The longest certificate that a joiner may make of it has to fit a handshake datagram, also when it was renewed.
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
    keys,
  );
  const renewalLength = invite.length + renewalOverhead + (isRoot ? publicKeyLength : 0);
  if (longest.length + renewalLength + receiptLength + 6 > maxCredentialLength) throw tooManyTags();
  return {
    id: inviteIdOf(keys.publicKey),
    // With the root's key at hand the token says what the network is now, not what it was.
    token: encodeToken(isRoot ? signNetwork(self.network, issuer) : self.networkBytes, invite, keys.seed),
    created,
    expires,
    uses: plan.uses,
    role: plan.role,
    tags,
    ...(rights.length === 0 ? {} : { rights }),
    ...(ephemeral ? { ephemeral } : {}),
    ...(approve ? { approvals: 1 } : {}),
    revoked: false,
  };
}

/** True when an invite of these roles admits the role. */
function permits(roles: number, role: MemberRole): boolean {
  return (roles & Role[role]) !== 0;
}

/**
 * Makes this machine's identity and the certificate that the token entitles it to.
 *
 * @param begun the identity of a join by this token that did not end. Default: a new one
 * @throws EvioError EVIO_TOKEN_EXPIRED by this machine's clock, EVIO_BAD_VALUE, EVIO_ADDRESS_OUTSIDE.
 */
export function makeMember(
  token: Token,
  wish: JoinWish,
  env: Pick<Env, 'clock' | 'random'>,
  begun?: Pick<Profile, 'nodeSeed'>,
): Profile {
  const { invite, network } = token;
  const now = env.clock.date();
  if (invite.notAfter <= now) {
    const [relay] = network.relays;
    const compare = relay === undefined ? 'date' : `evio doctor --relay ${shownRelay(relay.address)}`;
    throw new EvioError(
      'EVIO_TOKEN_EXPIRED',
      `This token expired at ${new Date(invite.notAfter).toISOString()}; by this machine's clock it is ${new Date(now).toISOString()}.`,
      [
        `If this clock is wrong, set it; see: ${compare}`,
        "Else make a new one on an admin's machine: evio token create",
      ],
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
  const node = begun ? keysFromSeed(secretBytes(begun.nodeSeed)) : generateKeys(env.random);
  const id = nodeIdOf(node.publicKey);
  const ip = wish.ip === undefined ? derivedIp(id, invite.range) : checkAddress(wish.ip, invite.range);
  const certificate = signCertificate(
    {
      nodeKey: node.publicKey,
      name: checkNodeName(wish.name),
      ip,
      role: Role[role],
      rights: invite.rights,
      tags: invite.tags,
      notBefore: now,
      notAfter: now + certificateLifeMs,
    },
    token.inviteKeys,
    node,
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

/** The keys that sign this machine's certificate: of its invite, its own when it was renewed, or the first root's. */
export function signerOf(profile: Profile, { parts, keys, network }: Self): Keys | undefined {
  if (parts.invite.length === 0) return rootKeysOf(profile, network.rootKey);
  const invite = parseInvite(parts.invite);
  if (invite && isRenewal(invite)) return keys;
  return profile.inviteSeed === undefined ? undefined : keysFromSeed(secretBytes(profile.inviteSeed));
}

/**
 * A credential of the same node with another address or name: it keeps role, tags and end. A witness has to say since
 * when they are its own; the receipt of before stays in it, so that it can say what did not change.
 *
 * @throws EvioError EVIO_ADDRESS_OUTSIDE, EVIO_BAD_VALUE, EVIO_ROOT_KEY, EVIO_PROFILE_CORRUPT when the profile has no key to sign with.
 */
export function resign(profile: Profile, change: Change, dateMs: number): Uint8Array {
  const self = selfOf(profile, change.current);
  const inviteBytes = self.parts.invite;
  const invite = inviteBytes.length > 0 ? parseInvite(inviteBytes) : undefined;
  const signer = signerOf(profile, self);
  if (!signer && !invite) {
    throw new EvioError(
      'EVIO_ROOT_KEY',
      "The network's root key, which signs for this machine, is not here.",
      ['Put it back first: evio root import FILE, and have a node that runs here take it: evio upgrade'],
    );
  }
  if (!signer) throw corrupt('the key that signed its certificate is missing');
  const range = invite?.range ?? self.network.cidr;
  const { certificate } = self;
  let { ip } = certificate;
  if (change.ip !== undefined) ip = checkAddress(change.ip, range);
  else if (change.attempt !== undefined) ip = derivedIp(self.id, range, change.attempt);
  const name = change.name === undefined ? certificate.name : checkNodeName(change.name);
  // Of two certificates the later counts, also when the clock went back.
  const notBefore = Math.max(dateMs, certificate.notBefore + 1);
  const next = { ...certificate, ip, name, notBefore };
  const signed = signCertificate(next, signer, self.keys);
  return encodeCredential({ ...self.parts, certificate: signed });
}

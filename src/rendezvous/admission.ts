/** Whether a node may register: the chain, the invite's uses and date, the address. Decides and counts; does no I/O. */
import {
  encodeCredential,
  maxCredentialLength,
  parseCertificate,
  parseCredential,
  parseInvite,
  signReceipt,
  verifyCredential,
  type Member,
} from '../core/identity/certificate.js';
import { dhPublicKey, type Keys } from '../core/identity/keys.js';
import { openNetwork, type NetworkFacts } from '../core/identity/network.js';
import { networkIdOf } from '../core/identity/node-id.js';
import { equalBytes, fromBase64Url, toHex } from '../core/lib/bytes.js';
import { signalVersion, type Refusal, type ToRelay } from '../core/wire/signal.js';
import { isLoopback, siteKey, type RelayLimits } from './limits.js';
import type { KnownMember, NetworkRecord } from './network-record.js';
import type { Registry } from './registry.js';
import type { ReceiptLine } from './relay-state.js';

type Hello = Extract<ToRelay, { type: 'hello' }>;

export interface AdmissionContext {
  readonly keys: Keys;
  /** Network ids that are served; empty serves all. */
  readonly allow: ReadonlySet<string>;
  readonly registry: Registry;
  readonly limits: RelayLimits;
  /** Address that the node connects from. */
  readonly observed: string;
  readonly dateMs: number;
}

export type Admission =
  | {
      readonly ok: true;
      readonly record: NetworkRecord;
      readonly member: Member;
      /** What the registry holds and others are told of it: the credential with its receipt. */
      readonly known: KnownMember;
      /** True when others do not know this credential yet. */
      readonly news: boolean;
      /** Signed now. */
      readonly receipt: Uint8Array | null;
      /** To be on disk before the receipt leaves; absent when the use was counted before. */
      readonly counted?: ReceiptLine;
    }
  | { readonly ok: false; readonly code: Refusal; readonly message: string; readonly detail?: string };

/** One DNS label: what the rest of evio takes as a node name, and what no terminal obeys. */
const nodeName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

function refuse(code: Refusal, message: string, detail?: string): Admission {
  return { ok: false, code, message, ...(detail !== undefined && { detail: detail.slice(0, 256) }) };
}

/**
 * Judges a hello from the holder of the Noise static key `remoteStatic`, and puts who is admitted into the registry.
 */
export function admit(hello: Hello, remoteStatic: Uint8Array, context: AdmissionContext): Admission {
  const { keys, allow, registry, limits, dateMs } = context;
  if (hello.version !== signalVersion) {
    return refuse('version', `this relay speaks version ${signalVersion}, the node ${hello.version}`);
  }
  const networkBytes = fromBase64Url(hello.network);
  const facts = networkBytes && openNetwork(networkBytes);
  if (!facts) return refuse('bad-credential', 'the network facts are not signed by their root key');
  const networkId = networkIdOf(facts.rootKey);
  if (allow.size > 0 && !allow.has(networkId)) {
    return refuse('network-not-allowed', `network ${networkId} is not among those this relay serves`);
  }
  if (!facts.relays.some((relay) => equalBytes(relay.key, keys.publicKey))) {
    return refuse('network-not-allowed', `network ${networkId} does not name this relay's key`);
  }
  const bytes = fromBase64Url(hello.credential) ?? new Uint8Array(0);
  const verdict = verifyCredential(bytes, facts, dateMs, false);
  if (!verdict.ok) return refuseFault(verdict.fault, bytes, dateMs);
  const { member } = verdict;
  const bound = dhPublicKey(member.key);
  if (!bound || !equalBytes(bound, remoteStatic)) {
    return refuse(
      'bad-credential',
      'the certificate belongs to another node',
      'the certificate of another node',
    );
  }
  if (!nodeName.test(member.name)) return refuse('name-invalid', 'a node name is one DNS label');

  const existing = registry.network(networkId);
  // Networks that the operator listed are not invented ones.
  const site = allow.size > 0 || isLoopback(context.observed) ? undefined : siteKey(context.observed);
  if (!existing) {
    if (registry.size >= limits.networks) return refuse('full', 'no room for another network');
    if (site !== undefined && registry.countFrom(site) >= limits.networksPerSource) {
      return refuse('full', `no room for another network from ${context.observed}`);
    }
  }
  const holder = existing?.holder(member.ip);
  if (holder && holder.id !== member.idText) {
    return refuse('address-taken', `the address is held by ${holder.name}`, holder.name);
  }
  const before = existing?.member(member.idText);
  if (!before && existing && existing.size >= limits.membersPerNetwork) {
    return refuse('full', 'no room for another member of this network');
  }

  const use = countUse(bytes, facts, networkId, existing, context);
  if ('code' in use) return refuse(use.code, use.message);
  const record = existing ?? registry.ensure(networkId, site);
  if (use.counted) record.count(use.counted);
  const known: KnownMember =
    before && before.signedAt > member.signedAt
      ? before // what others have is newer: keep that
      : {
          id: member.idText,
          name: member.name,
          ip: member.ip,
          signedAt: member.signedAt,
          notAfter: member.notAfter,
          credential: use.credential,
          lastSeen: dateMs,
        };
  known.lastSeen = dateMs;
  const news = !before || !equalBytes(before.credential, known.credential);
  record.put(known);
  return {
    ok: true,
    record,
    member,
    known,
    news,
    receipt: use.receipt,
    ...(use.counted && { counted: use.counted }),
  };
}

interface Use {
  readonly credential: Uint8Array;
  readonly receipt: Uint8Array | null;
  readonly counted?: ReceiptLine;
}

/** The receipt that a credential needs, if any, and whether its invite still has a use left for it. */
function countUse(
  bytes: Uint8Array,
  facts: NetworkFacts,
  networkId: string,
  record: NetworkRecord | undefined,
  { keys, dateMs }: AdmissionContext,
): Use | { code: Refusal; message: string } {
  const parts = parseCredential(bytes);
  const certificate = parts && parseCertificate(parts.certificate);
  const invite = parts && parts.invite.length > 0 ? parseInvite(parts.invite) : undefined;
  if (!parts || !certificate || !invite || !facts.receipts) return { credential: bytes, receipt: null };
  if (verifyCredential(bytes, facts, dateMs, true).ok) return { credential: bytes, receipt: null };

  const inviteKey = toHex(invite.key);
  const node = toHex(certificate.nodeKey);
  const uses = record?.invites.get(inviteKey);
  // A node that was counted but lost its receipt gets the same one again, also after the invite expired.
  const time = uses?.nodes.get(node);
  if (time === undefined) {
    if (dateMs > invite.notAfter) return { code: 'token-expired', message: 'the invite has expired' };
    if (invite.uses > 0 && (uses?.nodes.size ?? 0) >= invite.uses) {
      return { code: 'token-used-up', message: `all ${invite.uses} uses of the invite are taken` };
    }
  }
  const receipt = signReceipt(
    { relayKey: keys.publicKey, inviteKey: invite.key, nodeKey: certificate.nodeKey, time: time ?? dateMs },
    keys,
  );
  const credential = encodeCredential({ ...parts, receipt });
  if (credential.length > maxCredentialLength) {
    return { code: 'bad-credential', message: 'the credential leaves no room for a receipt' };
  }
  const line = { network: networkId, invite: inviteKey, notAfter: invite.notAfter, node, time: dateMs };
  // Without a limit there is nothing to count, and nothing that could grow without bound.
  return { credential, receipt, ...(time === undefined && invite.uses > 0 && { counted: line }) };
}

function refuseFault(fault: string, bytes: Uint8Array, dateMs: number): Admission {
  if (fault === 'expired') {
    const parts = parseCredential(bytes);
    const certificate = parts && parseCertificate(parts.certificate);
    if (certificate && certificate.notAfter > dateMs)
      return refuse('token-expired', 'the invite has expired');
    return refuse('bad-credential', 'the certificate has expired', 'it has expired');
  }
  if (fault === 'not-yet-valid') {
    return refuse(
      'bad-credential',
      'the certificate is not valid yet: a clock is wrong',
      'it is not valid yet',
    );
  }
  return refuse('bad-credential', `the certificate chain does not hold: ${fault}`, fault);
}

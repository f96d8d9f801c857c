/** Whether a node may register: the chain, the invite's uses and date, the address. Decides and counts; does no I/O. */
import { verifyCredential, type Member } from '../core/identity/certificate.js';
import { dhPublicKey, type Keys } from '../core/identity/keys.js';
import { openNetwork } from '../core/identity/network.js';
import { networkIdOf } from '../core/identity/node-id.js';
import { testify, type CountedUses, type WitnessFault } from '../core/identity/witness.js';
import { equalBytes, fromBase64Url } from '../core/lib/bytes.js';
import { signalVersion, type Refusal, type ToRelay } from '../core/wire/signal.js';
import { contest } from './contest.js';
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
      /** Members that lost their address or MAC to this one: they have to be told. */
      readonly losers: readonly KnownMember[];
      /** Signed now. */
      readonly receipt: Uint8Array | null;
      /** To be on disk before the receipt leaves; absent when the use was counted before. */
      readonly counted?: ReceiptLine;
    }
  | { readonly ok: false; readonly code: Refusal; readonly message: string; readonly detail?: string };

/** Of a network that is not known yet. */
const noUses: CountedUses = { dateOf: () => undefined, count: () => 0 };

/** One DNS label: what the rest of evio takes as a node name, and what no terminal obeys. */
const nodeName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

function refuse(code: Refusal, message: string, detail?: string): Extract<Admission, { ok: false }> {
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
  if (!verdict.ok) return refuseFault(verdict.fault);
  const bound = dhPublicKey(verdict.member.key);
  if (!bound || !equalBytes(bound, remoteStatic)) {
    return refuse(
      'bad-credential',
      'the certificate belongs to another node',
      'the certificate of another node',
    );
  }
  if (!nodeName.test(verdict.member.name)) return refuse('name-invalid', 'a node name is one DNS label');

  const existing = registry.network(networkId);
  // Networks that the operator listed are not invented ones.
  const site = allow.size > 0 || isLoopback(context.observed) ? undefined : siteKey(context.observed);
  if (!existing) {
    if (registry.size >= limits.networks) return refuse('full', 'no room for another network');
    if (site !== undefined && registry.countFrom(site) >= limits.networksPerSource) {
      return refuse('full', `no room for another network from ${context.observed}`);
    }
  }
  const before = existing?.member(verdict.member.idText);
  if (!before && existing && existing.size >= limits.membersPerNetwork) {
    return refuse('full', 'no room for another member of this network');
  }

  const uses = existing ?? noUses;
  const use = testify(bytes, facts, uses, before, dateMs, keys);
  if (!use.ok) return refuseFault(use.fault);
  const { member } = use;
  const outcome = existing
    ? contest(existing, member, use.receipt !== null)
    : { won: true as const, losers: [] };
  if (!outcome.won) {
    const { name } = outcome.holder;
    return outcome.what === 'ip'
      ? refuse('address-taken', `the address is held by ${name}`, name)
      : refuse('bad-credential', `the MAC is that of ${name}`, `its MAC is that of ${name}`);
  }
  const record = existing ?? registry.ensure(networkId, site);
  const counted = use.counted && { network: networkId, ...use.counted };
  if (counted) record.add(counted);
  const known: KnownMember =
    before && before.signedAt > member.signedAt
      ? before // what others have is newer: keep that
      : {
          id: member.idText,
          name: member.name,
          ip: member.ip,
          signedAt: member.signedAt,
          claims: member.claims,
          notAfter: member.notAfter,
          ephemeral: member.ephemeral,
          credential: member.credential,
          lastSeen: dateMs,
        };
  known.lastSeen = dateMs;
  const news = !before || !equalBytes(before.credential, known.credential);
  for (const { id } of outcome.losers) record.delete(id);
  record.put(known);
  return {
    ok: true,
    record,
    member,
    known,
    news,
    losers: outcome.losers,
    receipt: use.receipt,
    ...(counted && { counted }),
  };
}

function refuseFault(fault: WitnessFault): Extract<Admission, { ok: false }> {
  switch (fault) {
    case 'token-expired':
      return refuse('token-expired', 'the invite has expired');
    case 'token-used-up':
      return refuse('token-used-up', 'all uses of the invite are taken');
    case 'too-long':
      return refuse('bad-credential', 'the credential leaves no room for a receipt');
    case 'expired':
      return refuse('bad-credential', 'the certificate has expired', 'it has expired');
    case 'not-yet-valid':
    case 'receipt-early':
      return refuse('bad-credential', 'it is of the future: a clock is wrong', 'it is not valid yet');
    default:
      return refuse('bad-credential', `the certificate chain does not hold: ${fault}`, fault);
  }
}

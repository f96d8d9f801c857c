/** Whether a node may register: the chain, the invite's uses and date, the address. Decides and counts; does no I/O. */
import type { Authority } from '../core/identity/authority.js';
import { parseCredential, verifyCredential, type Member } from '../core/identity/certificate.js';
import { isRenewal, parseInvite, Right } from '../core/identity/invite.js';
import { dhPublicKey, type Keys } from '../core/identity/keys.js';
import { openNetwork } from '../core/identity/network.js';
import { networkIdOf } from '../core/identity/node-id.js';
import { testify, type CountedUses, type WitnessFault } from '../core/identity/witness.js';
import { equalBytes, fromBase64Url, toHex } from '../core/lib/bytes.js';
import { signalVersion, type Refusal, type ToRelay, type Waiting } from '../core/wire/signal.js';
import { contest } from './contest.js';
import type { Gate, GateRefusal } from './gate.js';
import { named, type Ledgers } from './ledgers.js';
import { isLoopback, siteKey, type RelayLimits } from './limits.js';
import { bytesOfMember, type KnownMember, type NetworkRecord } from './network-record.js';
import type { Registry } from './registry.js';
import type { StateLine } from './state-lines.js';

type Hello = Extract<ToRelay, { type: 'hello' }>;

export interface AdmissionContext {
  readonly keys: Keys;
  readonly gate: Gate;
  readonly registry: Registry;
  readonly ledgers: Pick<Ledgers, 'judge'>;
  readonly limits: RelayLimits;
  /** Address that the node connects from. */
  readonly observed: string;
  readonly dateMs: number;
}

export type Admission =
  | {
      readonly ok: true;
      /** The network's first root key. */
      readonly rootKey: Uint8Array;
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
      /** To be on disk before the node is told: a use that was counted, a network that came in. */
      readonly owed: readonly StateLine[];
    }
  | {
      readonly ok: false;
      readonly code: Refusal;
      /** By which it is counted. */
      readonly reason: RefusalReason;
      readonly message: string;
      readonly detail?: string;
      /** A network that its founder takes back: it is to be forgotten. */
      readonly withdrawn?: NetworkRecord;
    }
  /** Admins have to let it in. */
  | {
      readonly ok: 'waiting';
      readonly record: NetworkRecord;
      readonly member: Member;
      readonly waiting: Waiting;
    };

/** Why a registration is refused, as metrics count it: finer than what the node is told. */
export type RefusalReason =
  | Exclude<Refusal, 'full' | 'network-not-allowed'>
  | GateRefusal
  | 'relay-not-named'
  | 'full-networks'
  | 'full-source'
  | 'full-network'
  | 'full-members'
  | 'full-state'
  | 'full-uses'
  | 'full-connections'
  | 'full-waiting';

/** Of a network that is not known yet. */
const noUses: CountedUses = { dateOf: () => undefined, count: () => 0 };

/** One DNS label: what the rest of evio takes as a node name, and what no terminal obeys. */
const nodeName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

type PlainRefusal = Extract<RefusalReason, Refusal>;
type Refused = Extract<Admission, { ok: false }>;

function refuse(code: PlainRefusal, message: string, detail?: string): Refused {
  return {
    ok: false,
    code,
    reason: code,
    message,
    ...(detail !== undefined && { detail: detail.slice(0, 256) }),
  };
}

function full(reason: RefusalReason, message: string): Refused {
  return { ok: false, code: 'full', reason, message };
}

function notServed(reason: RefusalReason, message: string, detail?: string): Refused {
  return { ok: false, code: 'network-not-allowed', reason, message, ...(detail !== undefined && { detail }) };
}

/**
 * Judges a hello from the holder of the Noise static key `remoteStatic`, and puts who is admitted into the registry.
 */
export function admit(hello: Hello, remoteStatic: Uint8Array, context: AdmissionContext): Admission {
  const { keys, gate, registry, limits, observed, dateMs } = context;
  if (hello.version !== signalVersion) {
    return refuse('version', `this relay speaks version ${signalVersion}, the node ${hello.version}`);
  }
  const networkBytes = fromBase64Url(hello.network);
  const signed = networkBytes && openNetwork(networkBytes);
  if (!signed) return refuse('bad-credential', 'the network facts are not signed by their root key');
  const networkId = networkIdOf(signed.rootKey);
  const isKnown = registry.network(networkId) !== undefined;
  const { facts, authority } = context.ledgers.judge(signed, isKnown, hello.ledger, keys.publicKey);
  if (!named(facts, keys.publicKey)) {
    return notServed('relay-not-named', `network ${networkId} does not name this relay's key`);
  }
  // Before anything is verified: a stranger's chain is not worth the signatures.
  const gated = gate.judge(networkId, hello, dateMs);
  if ('refused' in gated) return notServed(gated.why, gated.refused, gated.why);
  const bytes = fromBase64Url(hello.credential) ?? new Uint8Array(0);
  const verdict = verifyCredential(bytes, facts, dateMs, false, authority);
  const who = verdict.ok ? verdict.member : verdict.waiting;
  if (!who) return refuseFault(verdict.ok ? 'malformed' : verdict.fault);
  const bound = dhPublicKey(who.key);
  if (!bound || !equalBytes(bound, remoteStatic)) {
    return refuse(
      'bad-credential',
      'the certificate belongs to another node',
      'the certificate of another node',
    );
  }
  if (!nodeName.test(who.name)) return refuse('name-invalid', 'a node name is one DNS label');

  const { entry } = gated;
  if (entry && !isOwner(who, authority)) {
    return notServed(
      'not-the-owner',
      'only the machine that makes a network can bring it to this relay',
      'not-the-owner',
    );
  }

  const existing = registry.network(networkId);
  if (hello.founding === 'withdraw') {
    const gone = existing && gate.mayWithdraw(existing, who.idText, dateMs) ? existing : undefined;
    const answer = notServed('withdrawn', 'the network was taken back', 'withdrawn');
    return gone ? { ...answer, withdrawn: gone } : answer;
  }
  // Networks that the operator let in are not invented ones.
  const known = entry !== null || gate.welcomes(networkId);
  const site = known || isLoopback(observed) ? undefined : siteKey(observed);
  if (!existing) {
    if (registry.size >= limits.networks) return full('full-networks', 'no room for another network');
    if (site !== undefined && registry.countFrom(site) >= limits.networksPerSource)
      return full('full-source', `no room for another network from ${observed}`);
  }
  if (existing?.hasLeft(who.idText))
    return refuse('bad-credential', 'it has left the network', 'it left the network');
  if (!verdict.ok) return existing ? waitsIn(existing, who, authority, dateMs) : refuseFault('waiting');
  const before = existing?.member(who.idText);
  if (!before && existing && existing.size >= limits.membersPerNetwork)
    return full('full-network', 'no room for another member of this network');
  if (!before && registry.totals.members >= limits.members)
    return full('full-members', 'no room for another member');
  const growth = bytesOfMember(bytes) - (before ? bytesOfMember(before.credential) : 0);
  if (growth > 0 && registry.totals.bytes + growth > limits.stateBytes)
    return full('full-state', 'no room for another member');

  const uses = existing ?? noUses;
  const use = testify(bytes, facts, uses, before, dateMs, keys, authority);
  if (!use.ok) return refuseFault(use.fault);
  if (use.counted && existing && existing.uses >= limits.usesPerNetwork)
    return full('full-uses', 'no room for another use of an invite of this network');
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
  const owed: StateLine[] = entry ? gate.enter(record, facts, entry, dateMs) : [];
  if (use.counted) {
    record.add(use.counted);
    owed.push({ kind: 'use', network: networkId, ...use.counted });
  }
  const remembered: KnownMember =
    before && (before.signedAt > member.signedAt || equalBytes(before.credential, member.credential))
      ? before // what others have is newer, or the same
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
  remembered.lastSeen = dateMs;
  const news = remembered !== before;
  for (const { id } of outcome.losers) {
    record.delete(id);
    owed.push({ kind: 'gone', network: networkId, id });
  }
  if (news) record.put(remembered);
  return {
    ok: true,
    rootKey: facts.rootKey,
    record,
    member,
    known: remembered,
    news,
    losers: outcome.losers,
    receipt: use.receipt,
    owed,
  };
}

/** The member that the root key itself signed, or the admin that it renewed: the machine that made the network. */
function isOwner({ inviteId, rights, credential }: Member, authority: Authority): boolean {
  if (inviteId === '') return true;
  const invite = parseInvite(parseCredential(credential)?.invite ?? new Uint8Array(0));
  const renewed = invite !== undefined && isRenewal(invite) && authority.isRoot(invite.issuer);
  return renewed && (rights & Right.admin) !== 0;
}

/** Whoever could not join if it were let in now need not wait for that. */
function waitsIn(record: NetworkRecord, member: Member, authority: Authority, dateMs: number): Admission {
  const invite = parseInvite(parseCredential(member.credential)?.invite ?? new Uint8Array(0));
  if (!invite) return refuseFault('malformed');
  const key = toHex(invite.key);
  if (record.dateOf(key, toHex(member.key)) === undefined) {
    if (dateMs > invite.notAfter) return refuseFault('token-expired');
    if (invite.uses > 0 && record.count(key) >= invite.uses) return refuseFault('token-used-up');
  }
  const needed = Math.max(invite.approvals ?? 0, authority.admission(member.idText));
  return {
    ok: 'waiting',
    record,
    member,
    waiting: { approvals: authority.approvals(member.idText), needed },
  };
}

function refuseFault(fault: WitnessFault): Refused {
  switch (fault) {
    case 'token-expired':
      return refuse('token-expired', 'the invite has expired');
    case 'token-used-up':
      return refuse('token-used-up', 'all uses of the invite are taken');
    case 'revoked':
      return refuse('revoked', 'the member, or what it joined by, was revoked');
    case 'waiting':
      return refuse(
        'bad-credential',
        'nobody of its network was here yet who could let it in',
        'it has to wait',
      );
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

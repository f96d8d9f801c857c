/**
 * What an admin may have the ledger say, as a person orders it: revoke a member or an invite, name and end admins, change
 * the network's facts, set its policy. Decides what is said and by which key; stores and sends nothing.
 */
import { parseCredential, type Member } from '../identity/certificate.js';
import { parseInvite, type Invite } from '../identity/invite.js';
import { badValue, checkNetworkName } from '../identity/names.js';
import { maxMtu, maxRelays, minMtu, type NetworkFacts, type RelayFact } from '../identity/network.js';
import { sameRelay, shownRelay } from '../lib/relay-address.js';
import { inviteIdOf } from '../identity/node-id.js';
import { factsNow } from '../ledger/facts.js';
import { idOfKey, maxPolicyLength, maxReasonLength, noHash, type Said } from '../ledger/statement.js';
import { equalBytes, fromHex, toHex } from '../lib/bytes.js';
import { EvioError } from '../lib/errors.js';
import { printable } from '../lib/printable.js';
import { checkKept, Speaker, type AmendContext } from './speaker.js';
import { succeed } from './succeed.js';

/** Most admins that a network can ask for. */
const maxApprovals = 16;

/** What a person orders. Members and invites are named by what was found of them before. */
export type Order =
  | { readonly do: 'revoke'; readonly member: Member; readonly reason: string }
  | { readonly do: 'revoke-invite'; readonly inviteKey: Uint8Array }
  | {
      readonly do: 'admin-add';
      readonly member: Pick<Member, 'key' | 'name' | 'idText'>;
      /** The root key names it: then its word counts by itself where several admins are asked. */
      readonly byRoot?: boolean | undefined;
    }
  | { readonly do: 'admin-remove'; readonly key: Uint8Array }
  | {
      readonly do: 'facts';
      readonly name?: string | undefined;
      readonly mtu?: number | undefined;
      readonly addRelay?: RelayFact | undefined;
      /** Address of one, as the network names it. */
      readonly removeRelay?: string | undefined;
    }
  | { readonly do: 'policy'; readonly document: Uint8Array }
  /** Lets in who waits. Node id, 32 hexadecimal characters. */
  | { readonly do: 'admit'; readonly id: string }
  /** Who waits is turned away for good. */
  | { readonly do: 'deny'; readonly member: Pick<Member, 'key' | 'name' | 'idText'>; readonly reason: string }
  /** So many admins must let in who joins from now on. */
  | { readonly do: 'admission'; readonly approvals: number }
  /** The key of who waits follows the one that it had before. */
  | { readonly do: 'succeed'; readonly member: Pick<Member, 'credential' | 'key' | 'idText'> }
  /** `keptInvites`: ids (`idOfKey`) of keys of invites that go on admitting although the old root signed them. */
  | { readonly do: 'root-replace'; readonly key: Uint8Array; readonly keptInvites: readonly string[] };

export interface Amendment {
  /** In the ledger already, in this order. */
  readonly statements: readonly Uint8Array[];
  /** What the person should know about it, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Has the ledger say what the order needs.
 *
 * @throws EvioError EVIO_NOT_ADMIN, EVIO_BAD_VALUE, EVIO_REVOKED when the member is barred already
 */
export function amend(order: Order, context: AmendContext): Amendment {
  const speaker = new Speaker(context);
  const notes: string[] = [];
  switch (order.do) {
    case 'revoke':
      revoke(order.member, order.reason, context, speaker, notes);
      break;
    case 'revoke-invite':
      barInvite(order.inviteKey, undefined, context, speaker);
      break;
    case 'admin-add':
      addAdmin(order, context, speaker);
      break;
    case 'admin-remove':
      removeAdmin(order.key, context, speaker);
      break;
    case 'facts':
      nameRelaysThatGo(order, context, speaker);
      speaker.say({ kind: 'facts', ...changed(order, context) });
      break;
    case 'policy': {
      if (order.document.length > maxPolicyLength)
        throw badValue(`A policy has at most ${maxPolicyLength} bytes.`);
      const serial = (context.ledger.standing.policy?.serial ?? 0) + 1;
      speaker.say({ kind: 'policy', serial, document: order.document });
      break;
    }
    case 'admit':
      admit(order.id, context, speaker);
      break;
    case 'deny':
      deny(order, context, speaker);
      break;
    case 'admission':
      setAdmission(order.approvals, context, speaker);
      break;
    case 'succeed':
      succeed(order.member, context, speaker, (key) => {
        removeAdmin(key, context, speaker, idOfKey(key));
      });
      break;
    case 'root-replace':
      replaceRoot(order.key, order.keptInvites, context, speaker, notes);
      break;
    default:
      order satisfies never;
  }
  return { statements: speaker.statements, notes };
}

function checkReason(reason: string): void {
  if (reason.length <= maxReasonLength && printable(reason) === reason) return;
  throw badValue(`A reason is one line of at most ${maxReasonLength} printable characters.`);
}

function admit(id: string, { self, ledger }: AmendContext, speaker: Speaker): void {
  const { standing } = ledger;
  if (standing.isBarred(id)) throw new EvioError('EVIO_REVOKED', `${id} was revoked or turned away before.`);
  if (standing.hasLetIn(toHex(self.keys.publicKey), id)) {
    throw badValue(
      'This machine, or the admin that named it, has let it in already: where several must, the others have to.',
      'See who must still be let in with: evio approve',
    );
  }
  speaker.say({ kind: 'admit', id });
}

/** Its invite goes on admitting others: what was made by it has reached nobody. */
function deny(
  { member, reason }: Extract<Order, { do: 'deny' }>,
  { ledger }: AmendContext,
  speaker: Speaker,
): void {
  checkReason(reason);
  if (ledger.standing.isBarred(member.idText)) return;
  speaker.say({ kind: 'bar-member', key: member.key, name: member.name, reason });
}

function setAdmission(
  approvals: number,
  { self, ledger, members, complete }: AmendContext,
  speaker: Speaker,
): void {
  const { standing } = ledger;
  if (!Number.isInteger(approvals) || approvals < 0 || approvals > maxApprovals) {
    throw badValue(`So many admins can be asked for: 0 to ${maxApprovals}.`, 'For example: admit=2');
  }
  if (approvals > 0 && complete === false) {
    throw badValue(
      'Not all members are known here, and those that are not would have to be let in again.',
      'Run the node where a relay lists all members.',
    );
  }
  const voices = standing.voices.size;
  if (approvals > voices) {
    throw badValue(
      `The network has ${voices} ${voices === 1 ? 'admin' : 'admins'} whose word counts by itself: those that the root key named.`,
      'Name more on the machine with the root key: "evio admin add NAME --by-root"',
    );
  }
  const stay = members.map(({ idText }) => idText).filter((id) => !standing.isBarred(id));
  const kept = approvals === 0 ? [] : checkKept([...new Set([...stay, self.idText])]);
  speaker.sayAsRoot({ kind: 'admission', approvals, kept });
}

/** The invite that a member came by. */
function inviteOf({ credential }: Member): Invite | undefined {
  const parts = parseCredential(credential);
  return parts && parts.invite.length > 0 ? parseInvite(parts.invite) : undefined;
}

function revoke(
  member: Member,
  reason: string,
  context: AmendContext,
  speaker: Speaker,
  notes: string[],
): void {
  const { ledger, self } = context;
  if (member.idText === self.idText) {
    throw badValue('A machine cannot revoke itself.', 'Leave the network with: evio leave');
  }
  checkReason(reason);
  if (ledger.standing.isBarred(member.idText)) {
    throw new EvioError('EVIO_REVOKED', `${member.name} (${member.idText}) was revoked before.`);
  }
  const author = ledger.standing.author(toHex(member.key));
  // First: it says why, which what follows does not.
  speaker.say({ kind: 'bar-member', key: member.key, name: member.name, reason });
  if (author?.active === true) {
    if (speaker.ends(author.rank)) removeAdmin(member.key, context, speaker, member.idText);
    else {
      notes.push(
        `${member.name} stands above this machine as an admin: it is barred, and what it signs counts until an admin of its rank, or the root key, says: evio admin remove ${member.idText}`,
      );
    }
  }
  // Whoever holds the invite's secret would make itself another key by it.
  const invite = inviteOf(member);
  if (invite && context.complete === false) {
    notes.push(
      `Not all members are known here, so the invite ${inviteIdOf(invite.key)} by which it joined was not revoked: others would have to join again. If it knows the token, revoke that, too: evio token revoke ${inviteIdOf(invite.key)}`,
    );
  } else if (invite) barInvite(invite.key, member.idText, context, speaker);
}

/** @param without the member because of whom it is barred */
function barInvite(
  key: Uint8Array,
  without: string | undefined,
  { members, self, ledger }: AmendContext,
  speaker: Speaker,
): void {
  const kept = members
    .filter((member) => equalBytes(inviteOf(member)?.key ?? new Uint8Array(0), key))
    .map(({ idText }) => idText);
  const own = self.parts.invite.length > 0 ? parseInvite(self.parts.invite) : undefined;
  if (own && equalBytes(own.key, key)) kept.push(self.idText);
  const stay = [...new Set(kept)].filter((id) => id !== without && !ledger.standing.isBarred(id));
  speaker.say({ kind: 'bar-invite', key, kept: checkKept(stay) });
}

function addAdmin(
  { member, byRoot = false }: Extract<Order, { do: 'admin-add' }>,
  { ledger }: AmendContext,
  speaker: Speaker,
): void {
  const { standing } = ledger;
  const author = standing.author(toHex(member.key));
  if (author?.active) return;
  if (author) {
    throw badValue(
      `${member.name} was an admin and is none any more: that is for good.`,
      'Have it join again with another key: "evio leave", then "evio join TOKEN"',
    );
  }
  if (standing.isBarred(idOfKey(member.key)))
    throw new EvioError('EVIO_REVOKED', `${member.name} was revoked.`);
  const said = { kind: 'admin-add', key: member.key } as const;
  if (byRoot) speaker.sayAsRoot(said);
  else speaker.say(said);
}

/** @param without a member that does not stay */
function removeAdmin(
  key: Uint8Array,
  { ledger, members, self }: AmendContext,
  speaker: Speaker,
  without?: string,
): void {
  const author = ledger.standing.author(toHex(key));
  if (!author || author.rank === 0) throw badValue('This member is no admin.');
  if (!author.active) return;
  if (!speaker.ends(author.rank)) {
    throw new EvioError('EVIO_NOT_ADMIN', 'This admin stands above this machine.', [
      'An admin is ended by those who named it, by its equals, and by the root key.',
    ]);
  }
  const invitedBy = (invite: Invite | undefined): boolean =>
    invite?.issuer !== undefined && equalBytes(invite.issuer, key);
  const kept = members.filter((member) => invitedBy(inviteOf(member))).map(({ idText }) => idText);
  if (self.parts.invite.length > 0 && invitedBy(parseInvite(self.parts.invite))) kept.push(self.idText);
  const stay = [...new Set(kept)].filter((id) => id !== without && !ledger.standing.isBarred(id));
  const { sequence, hash } = ledger.undisputedHeadOf(key);
  const head = fromHex(sequence === 0 ? noHash : hash) as Uint8Array;
  speaker.say({ kind: 'admin-remove', key, sequence, head, kept: checkKept(stay) }, author.rank);
}

/** The root's key says who follows it. All members that are known stay: of each it invited, or witnessed something. */
function replaceRoot(
  key: Uint8Array,
  keptInvites: readonly string[],
  { members, self, ledger, complete }: AmendContext,
  speaker: Speaker,
  notes: string[],
): void {
  const { standing } = ledger;
  if (standing.isRoot(key)) throw badValue('This key is or was the root key of the network already.');
  const ids = [...members.map(({ idText }) => idText), self.idText].filter((id) => !standing.isBarred(id));
  if (complete === false) {
    notes.push(
      'Not all members are known here: those that are not, and came by a token of the root key, have to join again.',
    );
  }
  speaker.sayAsRoot({ kind: 'root-replace', key, kept: checkKept([...new Set([...ids, ...keptInvites])]) });
}

/**
 * The receipts of a relay go on counting as long as the ledger has named it once. One that stood in the token only, and is
 * to go or gets another key, is named before: else members that it witnessed would be none to who joins afterwards.
 */
function nameRelaysThatGo(
  order: Extract<Order, { do: 'facts' }>,
  context: AmendContext,
  speaker: Speaker,
): void {
  const { self, ledger } = context;
  const { standing } = ledger;
  const { name, mtu, relays, serial } = factsNow(self.network, standing.facts);
  const stay = changed(order, context).relays;
  const goes = relays.some(
    ({ key }) => !standing.wasRelay(key) && !stay.some((relay) => equalBytes(relay.key, key)),
  );
  if (goes) speaker.say({ kind: 'facts', serial: serial + 1, name, mtu, relays });
}

function changed(
  order: Extract<Order, { do: 'facts' }>,
  { self, ledger }: AmendContext,
): Omit<Extract<Said, { kind: 'facts' }>, 'kind'> {
  const now: NetworkFacts = factsNow(self.network, ledger.standing.facts);
  const { name = now.name, mtu = now.mtu, addRelay, removeRelay } = order;
  if (!Number.isInteger(mtu) || mtu < minMtu || mtu > maxMtu) {
    throw badValue(`The MTU must be a whole number from ${minMtu} to ${maxMtu}.`, 'For example: mtu=1400');
  }
  let relays = [...now.relays];
  if (addRelay) {
    relays = [...relays.filter(({ address }) => !sameRelay(address, addRelay.address)), addRelay];
    if (relays.length > maxRelays) throw badValue(`A network has at most ${maxRelays} relays.`);
  }
  if (removeRelay !== undefined) {
    relays = relays.filter(({ address }) => !sameRelay(address, removeRelay));
    if (relays.length === now.relays.length) {
      throw badValue(
        `The network has no relay ${shownRelay(removeRelay)}.`,
        now.relays.length === 0
          ? 'It has none.'
          : `It has: ${now.relays.map(({ address }) => shownRelay(address)).join(', ')}`,
      );
    }
    if (relays.length === 0) {
      throw badValue('This is the last relay: without one the members would not find each other.');
    }
  }
  return { serial: now.serial + 1, name: checkNetworkName(name), mtu, relays };
}

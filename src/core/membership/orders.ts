/** What a person orders of the ledger, as it is written down: by names. `resolveOrder` finds whom they mean. */
import { parseCredential, type Member } from '../identity/certificate.js';
import { parseInvite } from '../identity/invite.js';
import { inviteIdOf } from '../identity/node-id.js';
import type { RelayFact } from '../identity/network.js';
import { fromBase64Url, fromHex } from '../lib/bytes.js';
import { EvioError } from '../lib/errors.js';
import { formatIpv4 } from '../lib/ipv4.js';
import { badValue } from '../identity/names.js';
import type { Order } from './amend.js';

export type WrittenOrder =
  /** `peer`: a name, an address, an id or the beginning of one. */
  | { readonly do: 'revoke'; readonly peer: string; readonly reason: string }
  /** Id of an invite, or its public key in hexadecimal. */
  | { readonly do: 'revoke-invite'; readonly invite: string }
  | { readonly do: 'admin-add'; readonly peer: string; readonly byRoot?: boolean | undefined }
  | { readonly do: 'admin-remove'; readonly peer: string }
  | {
      readonly do: 'facts';
      readonly name?: string | undefined;
      readonly mtu?: number | undefined;
      /** Key in base64url. */
      readonly addRelay?: { readonly address: string; readonly key: string } | undefined;
      readonly removeRelay?: string | undefined;
    }
  /** Base64url. */
  | { readonly do: 'policy'; readonly document: string }
  /** `peer`: name, address or id of who waits, or the beginning of its id; or the whole id of whoever will. */
  | { readonly do: 'admit'; readonly peer: string }
  | { readonly do: 'deny'; readonly peer: string; readonly reason: string }
  | { readonly do: 'admission'; readonly approvals: number }
  /** `peer`: the whole id of who waits under another key than it had before. */
  | { readonly do: 'succeed'; readonly peer: string }
  /** The new root's public key, and ids of invites' keys (`Order`), in hexadecimal. */
  | { readonly do: 'root-replace'; readonly key: string; readonly keptInvites: readonly string[] };

/** What came of an order. */
export interface Amended {
  /** Id of the member or invite that it was about; empty when it was about the network. */
  readonly subject: string;
  /** Statements in the ledger now. */
  readonly serial: number;
  /** Serial of the network's policy now; 0 for none. */
  readonly policy: number;
  /** What the person should know about it, a sentence each. */
  readonly notes: readonly string[];
}

export interface OrderPorts {
  /** Throws EvioError EVIO_UNKNOWN_PEER. */
  find(text: string): Promise<Member> | Member;
  members(): readonly Member[];
  /** Who waits to be let in, as far as it is known here. */
  waiting(): readonly Member[];
}

/** @throws EvioError EVIO_UNKNOWN_PEER, EVIO_TOKEN_UNKNOWN, EVIO_BAD_VALUE */
export async function resolveOrder(
  order: WrittenOrder,
  ports: OrderPorts,
): Promise<{ readonly order: Order; readonly subject: string }> {
  switch (order.do) {
    case 'revoke': {
      const member = await ports.find(order.peer);
      return { order: { do: 'revoke', member, reason: order.reason }, subject: member.idText };
    }
    case 'admin-add': {
      const member = await ports.find(order.peer);
      return { order: { do: 'admin-add', member, byRoot: order.byRoot }, subject: member.idText };
    }
    case 'admin-remove': {
      const member = await ports.find(order.peer);
      return { order: { do: 'admin-remove', key: member.key }, subject: member.idText };
    }
    case 'revoke-invite': {
      const inviteKey = inviteKeyOf(order.invite, ports.members());
      return { order: { do: 'revoke-invite', inviteKey }, subject: inviteIdOf(inviteKey) };
    }
    case 'facts': {
      const { name, mtu, addRelay, removeRelay } = order;
      const relay = addRelay && relayOf(addRelay);
      return { order: { do: 'facts', name, mtu, addRelay: relay, removeRelay }, subject: '' };
    }
    case 'admit': {
      const wanted = order.peer.toLowerCase();
      const id = /^[0-9a-f]{32}$/.test(wanted) ? wanted : whoWaits(wanted, ports.waiting()).idText;
      return { order: { do: 'admit', id }, subject: id };
    }
    case 'deny': {
      const member = whoWaits(order.peer.toLowerCase(), ports.waiting());
      return { order: { do: 'deny', member, reason: order.reason }, subject: member.idText };
    }
    case 'succeed': {
      const member = whoWaits(order.peer.toLowerCase(), ports.waiting());
      return { order: { do: 'succeed', member }, subject: member.idText };
    }
    case 'admission':
      return { order, subject: '' };
    case 'root-replace': {
      const key = fromHex(order.key);
      if (key?.length !== 32) throw badValue('The root key is not whole.');
      return { order: { do: 'root-replace', key, keptInvites: order.keptInvites }, subject: '' };
    }
    case 'policy': {
      const document = fromBase64Url(order.document);
      if (!document) throw badValue('The policy is not base64url.');
      return { order: { do: 'policy', document }, subject: '' };
    }
  }
}

/** The one of those who wait that a person means. Throws EvioError EVIO_UNKNOWN_PEER. */
function whoWaits(wanted: string, waiting: readonly Member[]): Member {
  const named = waiting.filter(
    ({ idText, name, ip }) => idText === wanted || name === wanted || formatIpv4(ip) === wanted,
  );
  const begins = /^[0-9a-f]{4,32}$/.test(wanted)
    ? waiting.filter(({ idText }) => idText.startsWith(wanted))
    : [];
  const found = named.length > 0 ? named : begins;
  const [member] = found;
  if (member && found.length === 1) return member;
  // Whoever joins gives itself a name, so two may have the same: a person has to look closer.
  const all = found.map(({ name, idText }) => `${name} (${idText})`).join(' or ');
  throw member
    ? new EvioError('EVIO_UNKNOWN_PEER', `"${wanted}" may mean ${all}.`, ['Give the whole node id.'])
    : new EvioError('EVIO_UNKNOWN_PEER', `Nobody called "${wanted}" waits to be let in.`, [
        'See who waits with: evio approve',
        'Who waits is known on the admin machines that run, or give the whole node id.',
      ]);
}

function relayOf({ address, key }: { address: string; key: string }): RelayFact {
  const bytes = fromBase64Url(key);
  if (bytes?.length !== 32) throw badValue('The key of the relay is not whole.');
  return { address, key: bytes };
}

/** The key of an invite that somebody known here joined by, or the key itself. */
function inviteKeyOf(text: string, members: readonly Member[]): Uint8Array {
  const bytes = fromHex(text);
  if (bytes?.length === 32) return bytes;
  for (const { credential } of members) {
    const parts = parseCredential(credential);
    const invite = parts && parts.invite.length > 0 ? parseInvite(parts.invite) : undefined;
    if (invite && inviteIdOf(invite.key) === text) return invite.key;
  }
  throw new EvioError(
    'EVIO_TOKEN_UNKNOWN',
    `This machine made no token with the id ${text}, and knows nobody who joined by it.`,
    ['See the tokens made here with: evio token list', 'Give the token itself instead of its id.'],
  );
}

/** The registry as lines of state (state-lines.ts), and back. */
import { claimsOf, parseCertificate, parseCredential } from '../core/identity/certificate.js';
import { parseInvite } from '../core/identity/invite.js';
import { nodeIdOf, nodeIdText } from '../core/identity/node-id.js';
import { fromBase64Url, toBase64Url } from '../core/lib/bytes.js';
import type { KnownMember } from './network-record.js';
import type { Registry } from './registry.js';
import type { StateLine } from './state-lines.js';

/** Lets the registry know what a line says. */
export function applyLine(registry: Registry, line: StateLine): void {
  switch (line.kind) {
    case 'begin':
      return;
    case 'claimed':
      registry.claimed = true;
      return;
    case 'admit': {
      registry.claimed = true;
      const record = registry.ensure(line.network);
      record.admission = { by: line.by, at: line.at };
      record.name = line.name;
      return;
    }
    case 'ticket':
      registry.useTicket(line.ticket, line.notAfter, line.network);
      return;
    case 'invite': {
      const { ticket, notAfter, uses, at } = line;
      registry.ticket(ticket, notAfter).made = { at, uses };
      return;
    }
    case 'invite-revoked':
      registry.ticket(line.ticket, line.notAfter).revoked = true;
      return;
    case 'member': {
      const member = memberFrom(fromBase64Url(line.credential), line.lastSeen);
      if (member) registry.ensure(line.network).put(member);
      return;
    }
    case 'seen': {
      const member = registry.network(line.network)?.member(line.id);
      if (member) member.lastSeen = Math.max(member.lastSeen, line.lastSeen);
      return;
    }
    case 'gone':
      registry.network(line.network)?.delete(line.id);
      return;
    case 'left': {
      const farewell = fromBase64Url(line.farewell);
      if (farewell) registry.ensure(line.network).bury(line.id, farewell, line.at);
      return;
    }
    case 'use':
      registry.ensure(line.network).add(line);
      return;
    case 'forget': {
      const record = registry.network(line.network);
      if (record) registry.forget(record, line.refund);
    }
  }
}

/** Everything that the registry knows. It may change while the lines are taken: what is new then is not promised. */
export function* linesOf(registry: Registry): Generator<StateLine> {
  yield { kind: 'begin' };
  if (registry.claimed) yield { kind: 'claimed' };
  for (const [ticket, { notAfter, networks, made, revoked }] of registry.tickets) {
    if (made) yield { kind: 'invite', ticket, notAfter, ...made };
    if (revoked) yield { kind: 'invite-revoked', ticket, notAfter };
    for (const network of networks) yield { kind: 'ticket', ticket, notAfter, network };
  }
  for (const record of registry.networks) {
    const network = record.id;
    const { admission, name } = record;
    if (admission) yield { kind: 'admit', network, name, ...admission };
    for (const member of record.each()) yield memberLineOf(network, member);
    for (const [id, { farewell, at }] of record.farewells)
      yield { kind: 'left', network, id, farewell: toBase64Url(farewell), at };
    for (const [invite, { notAfter, nodes }] of record.invites) {
      for (const [node, time] of nodes) yield { kind: 'use', network, invite, notAfter, node, time };
    }
  }
}

/** What a member's registration says. */
export function memberLineOf(network: string, { credential, lastSeen }: KnownMember): StateLine {
  return { kind: 'member', network, credential: toBase64Url(credential), lastSeen };
}

/** A member from a credential that was verified before it was stored. */
function memberFrom(credential: Uint8Array | undefined, lastSeen: number): KnownMember | undefined {
  const parts = credential && parseCredential(credential);
  const certificate = parts && parseCertificate(parts.certificate);
  if (!credential || !certificate) return undefined;
  const { name, ip, notBefore: signedAt, notAfter } = certificate;
  return {
    id: nodeIdText(nodeIdOf(certificate.nodeKey)),
    name,
    ip,
    signedAt,
    claims: claimsOf(parts, certificate),
    notAfter,
    ephemeral: parseInvite(parts.invite)?.ephemeral ?? false,
    credential,
    lastSeen,
  };
}

/** The registry as it is kept on disk (relay-state.ts), and back. */
import { claimsOf, parseCertificate, parseCredential, parseInvite } from '../core/identity/certificate.js';
import { nodeIdOf, nodeIdText } from '../core/identity/node-id.js';
import { fromBase64Url, toBase64Url } from '../core/lib/bytes.js';
import type { KnownMember } from './network-record.js';
import type { Registry } from './registry.js';
import type { ReceiptLine, RelayState } from './relay-state.js';

/** Puts what an earlier run knew into a new registry. */
export function restoreRegistry(
  registry: Registry,
  state: RelayState,
  journal: readonly ReceiptLine[],
): void {
  for (const network of state.networks) {
    const record = registry.ensure(network.id);
    for (const { credential, lastSeen } of network.members) {
      const member = memberFrom(fromBase64Url(credential), lastSeen);
      if (member) record.put(member);
    }
    for (const invite of network.invites) {
      record.invites.set(invite.key, {
        notAfter: invite.notAfter,
        nodes: new Map(Object.entries(invite.nodes)),
      });
    }
  }
  for (const line of journal) registry.ensure(line.network).add(line);
}

export function snapshotOf(registry: Registry): RelayState {
  return {
    version: 1,
    networks: [...registry.networks].map((record) => ({
      id: record.id,
      members: record.members.map(({ credential, lastSeen }) => ({
        credential: toBase64Url(credential),
        lastSeen,
      })),
      invites: [...record.invites].map(([key, { notAfter, nodes }]) => ({
        key,
        notAfter,
        nodes: Object.fromEntries(nodes),
      })),
    })),
  };
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

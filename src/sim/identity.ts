/** Who a simulated member is. Nothing is signed: who knows a credential knows the member. */
import { Role, type MemberRole } from '../core/identity/invite.js';
import { toHex } from '../core/lib/bytes.js';
import type { LinkPeer } from '../core/overlay/ports.js';
import type { Candidate } from '../core/wire/candidate.js';

/** Bytes of a credential with the receipt of a relay, as they are in a card. */
export const credentialLength = 480;
const idLength = 16;

export type Identity = LinkPeer['member'] & { readonly candidates: readonly Candidate[] };

/** Two of them, as most members have: their own address, and how they are seen from outside. */
const candidates: readonly Candidate[] = [
  { kind: 'host', endpoint: { host: '192.168.1.2', port: 4_000 } },
  { kind: 'reflexive', endpoint: { host: '198.51.100.1', port: 4_000 } },
];

export function identityOf(id: Uint8Array, name: string, role: MemberRole): Identity {
  const credential = new Uint8Array(credentialLength);
  credential.set(id);
  return { id, idText: toHex(id), name, role: Role[role], credential, candidates };
}

/** Whose credential it is. */
export function ownerOf(credential: Uint8Array): string {
  return toHex(credential.subarray(0, idLength));
}

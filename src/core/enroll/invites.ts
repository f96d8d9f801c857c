/** `evio token …`: the invites that this machine made. */
import type { InviteRecord } from '../membership/profile.js';
import type { Store } from '../config/store.js';
import { makeInvite, type InvitePlan } from '../membership/certify.js';
import { decodeToken, tokenPrefix } from '../identity/token.js';
import type { Env } from '../lib/env.js';
import { toHex } from '../lib/bytes.js';

/** Makes an invite and keeps a record of it. Throws EvioError EVIO_NOT_ADMIN, EVIO_BAD_VALUE, EVIO_STORAGE. */
export async function createInvite(
  store: Store,
  networkId: string,
  plan: InvitePlan,
  env: Pick<Env, 'clock' | 'random'>,
): Promise<InviteRecord> {
  const invite = makeInvite(store.profile(networkId), plan, env, store.ledger(networkId).ledger);
  await store.changeProfile(networkId, (profile) => ({ ...profile, invites: [...profile.invites, invite] }));
  return invite;
}

/** The invites made here, oldest first. */
export function listInvites(store: Store, networkId: string): readonly InviteRecord[] {
  return store.profile(networkId).invites;
}

/**
 * The invite that a person names, as an order for the ledger takes it: its key where this machine made it, or the text names
 * the whole token, else the id as it is.
 */
export function inviteNamed(store: Store, networkId: string, which: string): string {
  if (which.startsWith(tokenPrefix)) return toHex(decodeToken(which).invite.key);
  const id = which.trim();
  const made = store.profile(networkId).invites.find((invite) => invite.id === id);
  return made ? toHex(decodeToken(made.token).invite.key) : id;
}

/** Marks an invite as revoked in the list of those made here, if it is there. */
export async function markRevoked(store: Store, networkId: string, id: string): Promise<void> {
  await store.changeProfile(networkId, (profile) => {
    const invites = profile.invites.map((invite) =>
      invite.id === id ? { ...invite, revoked: true } : invite,
    );
    return { ...profile, invites };
  });
}

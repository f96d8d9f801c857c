/** `evio token …`: the invites that this machine made. */
import type { InviteRecord } from '../membership/profile.js';
import type { Store } from '../config/store.js';
import { makeInvite, type InvitePlan } from '../membership/certify.js';
import { inviteIdOf } from '../identity/node-id.js';
import { decodeToken, tokenPrefix } from '../identity/token.js';
import type { Env } from '../lib/env.js';
import { EvioError } from '../lib/errors.js';

/** Makes an invite and keeps a record of it. Throws EvioError EVIO_NOT_ADMIN, EVIO_BAD_VALUE, EVIO_STORAGE. */
export async function createInvite(
  store: Store,
  networkId: string,
  plan: InvitePlan,
  env: Pick<Env, 'clock' | 'random'>,
): Promise<InviteRecord> {
  const invite = makeInvite(store.profile(networkId), plan, env);
  await store.changeProfile(networkId, (profile) => ({ ...profile, invites: [...profile.invites, invite] }));
  return invite;
}

/** The invites made here, oldest first. */
export function listInvites(store: Store, networkId: string): readonly InviteRecord[] {
  return store.profile(networkId).invites;
}

/**
 * Marks an invite as revoked.
 *
 * @param which its id, or the token itself.
 * @throws EvioError EVIO_TOKEN_UNKNOWN when this machine made no such invite.
 */
export async function revokeInvite(store: Store, networkId: string, which: string): Promise<string> {
  const id = which.startsWith(tokenPrefix) ? inviteIdOf(decodeToken(which).invite.key) : which.trim();
  await store.changeProfile(networkId, (profile) => {
    if (!profile.invites.some((invite) => invite.id === id)) {
      throw new EvioError('EVIO_TOKEN_UNKNOWN', `This machine made no token with the id ${id}.`, [
        'See the tokens with: evio token list',
      ]);
    }
    const invites = profile.invites.map((invite) =>
      invite.id === id ? { ...invite, revoked: true } : invite,
    );
    return { ...profile, invites };
  });
  return id;
}

/** Asks the relay of this home: the running one through its socket, else its state. */
import { lchown, lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Home } from '../core/config/home.js';
import { checkNetworkId } from '../core/identity/names.js';
import type { Env } from '../core/lib/env.js';
import type { DeskRequest, InviteEntry, NetworkEntry } from '../rendezvous/desk.js';
import type { RelayInvite } from '../rendezvous/invite.js';

/** @throws EvioError EVIO_NO_NETWORK, EVIO_TIMEOUT, EVIO_ALREADY_RUNNING, EVIO_STORAGE, EVIO_PROFILE_CORRUPT */
async function ask(home: Home, env: Env, request: DeskRequest): Promise<object> {
  const { askRelay, lockRelay } = await import('../core/process/relay-lock.js');
  const answer = await askRelay(home, request);
  if (answer) return answer;
  const { answerAtRest, checkHasRun } = await import('../rendezvous/desk.js');
  // The lock would make a folder.
  await checkHasRun(home.relay, request);
  const unlock = await lockRelay(home, env.log);
  try {
    return await answerAtRest(home.relay, env, request);
  } finally {
    await giveToOwner(home.relay);
    unlock();
  }
}

/** What root wrote into the folder of the user that the relay runs as is that user's, or the relay could not read it. */
async function giveToOwner(folder: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(folder);
  if (uid === 0) return;
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const entry = await lstat(path);
    // That user may have put another name of a file of root there.
    if (entry.uid === 0 && entry.isFile() && entry.nlink === 1) await lchown(path, uid, gid);
  }
}

/** The networks that the relay of this home knows. Throws as `changeNetwork`. */
export async function relayNetworks(home: Home, env: Env): Promise<readonly NetworkEntry[]> {
  return ((await ask(home, env, { do: 'networks' })) as { networks: NetworkEntry[] }).networks;
}

/**
 * Lets a network in, or has it forgotten. Resolves to what the relay knows of it, or knew.
 *
 * @throws EvioError EVIO_BAD_VALUE, EVIO_NO_NETWORK, EVIO_TIMEOUT, EVIO_ALREADY_RUNNING, EVIO_STORAGE, EVIO_PROFILE_CORRUPT
 */
export async function changeNetwork(
  home: Home,
  env: Env,
  what: 'allow' | 'forget',
  network: string,
): Promise<NetworkEntry> {
  checkNetworkId(network);
  return ((await ask(home, env, { do: what, network })) as { network: NetworkEntry }).network;
}

/** The relay invites that the relay of this home knows. Throws as `changeNetwork`. */
export async function relayInvites(home: Home, env: Env): Promise<readonly InviteEntry[]> {
  return ((await ask(home, env, { do: 'invites' })) as { invites: InviteEntry[] }).invites;
}

/** Has the relay write down an invite that was made, so that it is listed. Throws as `changeNetwork`. */
export async function noteRelayInvite(home: Home, env: Env, invite: RelayInvite): Promise<void> {
  const { id, uses, expires } = invite;
  await ask(home, env, { do: 'note-invite', id, uses, notAfter: Date.parse(expires) });
}

/**
 * Has the relay take an invite no more.
 *
 * @param which its id, or the URL itself
 * @throws EvioError EVIO_BAD_VALUE, and as `changeNetwork`
 */
export async function revokeRelayInvite(home: Home, env: Env, which: string): Promise<InviteEntry> {
  const { inviteIn } = await import('../rendezvous/invite.js');
  return ((await ask(home, env, { do: 'revoke-invite', ...inviteIn(which) })) as { invite: InviteEntry })
    .invite;
}

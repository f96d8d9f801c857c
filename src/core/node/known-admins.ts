/** Whom a member asks for what only an admin gives. */
import { Right } from '../identity/invite.js';
import type { Standing } from '../ledger/standing.js';
import type { Peers } from '../peer/peers.js';

/**
 * Node ids of the admins that are known: first whom the root signed, since what the root's machine signs counts with
 * everybody; then who is here.
 *
 * @param own our own node id, which is left out
 */
export function knownAdmins(standing: Standing, members: Peers, own: string): string[] {
  const named = standing.admins.filter(({ key }) => standing.maySign(key)).map(({ idText }) => idText);
  // The first machine of a network is an admin before the ledger says anything.
  const byRight = members.all().filter(({ member }) => (member.rights & Right.admin) !== 0);
  const all = new Set([...named, ...byRight.map(({ member }) => member.idText)]);
  all.delete(own);
  const weight = (id: string): number => {
    const peer = members.get(id);
    return Number(peer?.member.inviteId === '') * 2 + Number(peer?.session.established ?? false);
  };
  return [...all].sort((a, b) => weight(b) - weight(a));
}

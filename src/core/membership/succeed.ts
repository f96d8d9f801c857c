/** What an admin has the ledger say when a member goes on under another key. */
import { parseCredential, type Member } from '../identity/certificate.js';
import { parseInvite } from '../identity/invite.js';
import { badValue } from '../identity/names.js';
import type { Succession } from '../identity/succession.js';
import { idOfKey } from '../ledger/statement.js';
import { toHex } from '../lib/bytes.js';
import { EvioError } from '../lib/errors.js';
import { dayMs, keysPerDay } from './new-key.js';
import type { AmendContext, Speaker } from './speaker.js';

/** Part of an author's room in the ledger that keys may not fill: it is for what protects the network. */
export const reservedRoom = 0.5;

/** What the credential of a member says of the key that it had before. */
export function successionIn({ credential }: Pick<Member, 'credential'>): Succession | undefined {
  const parts = parseCredential(credential);
  return parts && parts.invite.length > 0 ? parseInvite(parts.invite)?.follows : undefined;
}

/**
 * Says that the key of this member follows that of before. An admin goes on as one: the new key is named, and the old one ended.
 *
 * @param endAdmin has the ledger say that this key is no admin's any more, and who of those it invited stays
 * @throws EvioError EVIO_BAD_VALUE, EVIO_REVOKED, EVIO_NOT_ADMIN when it stands above this machine as an admin
 */
export function succeed(
  member: Pick<Member, 'credential' | 'key' | 'idText'>,
  { ledger, dateMs }: AmendContext,
  speaker: Speaker,
  endAdmin: (key: Uint8Array) => void,
): void {
  const follows = successionIn(member);
  if (!follows) throw badValue('It does not go on under another key.');
  const { standing } = ledger;
  const old = idOfKey(follows.key);
  const state = standing.succession(old, member.idText);
  if (state === 'stated') return;
  if (state === 'refused')
    throw new EvioError('EVIO_REVOKED', `${old} was revoked, or another key followed it.`);
  if (standing.successionsSince(old, dateMs - dayMs) >= keysPerDay)
    throw badValue(`The key of a member is replaced at most ${keysPerDay} times a day.`);
  if (speaker.spare < reservedRoom)
    throw badValue('The ledger keeps its last room for what protects the network.');
  const author = standing.author(toHex(follows.key));
  if (author?.active) {
    if (!speaker.ends(author.rank)) {
      throw new EvioError('EVIO_NOT_ADMIN', 'This admin stands above this machine.', [
        'An admin of its rank, or the machine with the root key, has to be there.',
      ]);
    }
    speaker.sayFor({ kind: 'admin-add', key: member.key }, author.rank);
    endAdmin(follows.key);
  }
  speaker.say({ kind: 'succeed', key: member.key, follows });
}

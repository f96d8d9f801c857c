/** This node, as it announces subnets. */
import { parseInvite } from '../identity/invite.js';
import { inviteIdOf, macOf } from '../identity/node-id.js';
import type { Self } from '../membership/self.js';
import type { Announcer } from './book.js';

export function announcerOf({ id, idText, keys, certificate, parts, claims, credential }: Self): Announcer {
  const invite = parts.invite.length === 0 ? undefined : parseInvite(parts.invite);
  return {
    idText,
    key: keys.publicKey,
    name: certificate.name,
    ip: certificate.ip,
    mac: macOf(id),
    rights: certificate.rights,
    inviteId: invite === undefined ? '' : inviteIdOf(invite.key),
    claims,
    credential,
  };
}

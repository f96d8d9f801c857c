/** What the inner-source guard is told of a member. */
import type { GuardRule } from '../dataplane/plane/plane.js';
import type { Member } from '../identity/certificate.js';
import { Right } from '../identity/invite.js';

export function guardOf(member: Member): GuardRule {
  return { mac: member.mac, ip: member.ip, bridge: (member.rights & Right.bridge) !== 0 };
}

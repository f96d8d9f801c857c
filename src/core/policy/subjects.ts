/** The members as rules see them. */
import { Role } from '../identity/invite.js';
import type { Subject } from './evaluate.js';

/** What of a member rules can be about. `Member` of identity/certificate.ts has it. */
export interface SubjectFacts {
  readonly idText: string;
  readonly name: string;
  readonly ip: number;
  /** One of `Role`. */
  readonly role: number;
  readonly tags: readonly string[];
}

/**
 * @param shown the name by which it is shown (membership/holdings.ts): one that is not its own was made up because another
 *   member has that, and no rule means it
 */
export function subjectOf(
  { idText, name, ip, role, tags }: SubjectFacts,
  shown: string | undefined,
): Subject {
  return {
    id: idText,
    name: shown === name ? name : undefined,
    ip,
    role: role === Role.leaf ? 'leaf' : 'switch',
    tags,
  };
}

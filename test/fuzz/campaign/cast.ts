/** Who takes part in a machine's campaign: a network's root, some members, and who is to wait. */
import { keysFromSeed } from '../../../src/core/identity/keys.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { makeInvite, makeMember } from '../../../src/core/membership/certify.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { secretBytes } from '../../../src/core/membership/self.js';
import { memberProfiles } from '../../support/members.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

/** A promise that a machine keeps, whatever it is told. */
export function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** A network of its own for each target: their clocks move. */
export function cast(count: number) {
  const clock = new VirtualClock();
  const env = { clock, random: new SeededRandom(6) };
  const profiles = memberProfiles(count, clock) as [Profile, ...Profile[]];
  const [first] = profiles;
  const root = keysFromSeed(secretBytes(first.rootSeed ?? ''));
  /** Joins by a token that has its joiners wait. */
  const token = decodeToken(
    makeInvite(first, { expiresMs: 3_600_000, uses: 0, role: 'switch', tags: [], approve: true }, env).token,
  );
  const waiting = (name: string): Profile => makeMember(token, { name }, env);
  return { clock, env, profiles, first, root, waiting };
}
export type Cast = ReturnType<typeof cast>;

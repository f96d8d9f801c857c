/** The facts of a network as they are now: those of the token, and what an admin has changed of them since. */
import type { NetworkFacts } from '../identity/network.js';
import type { ChangedFacts } from './statement.js';

/** Facts with a serial that is not above the token's are older than the token. */
export function factsNow(signed: NetworkFacts, changed: ChangedFacts | undefined): NetworkFacts {
  if (!changed || changed.serial <= signed.serial) return signed;
  const { serial, name, mtu, relays } = changed;
  return { ...signed, serial, name, mtu, relays };
}

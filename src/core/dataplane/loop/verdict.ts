/** How the counters name what the guard says. */
import { Verdict } from '../../switch/guard.js';
import { Drop } from '../plane/shared.js';

/** Index of the drop reason of a frame that the guard does not pass. */
export function dropOf(verdict: Verdict): number {
  switch (verdict) {
    case Verdict.foreignMac:
      return Drop['guard-mac'];
    case Verdict.foreignAddress:
    case Verdict.taken:
      return Drop['guard-ip'];
    case Verdict.unreadable:
      return Drop['guard-unreadable'];
    case Verdict.service:
      return Drop['guard-service'];
    default:
      return Drop['malformed-frame'];
  }
}

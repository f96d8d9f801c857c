/** How the counters name what guard and policy say. */
import { Verdict } from '../../switch/guard.js';
import { Ruling } from '../../switch/policy-filter.js';
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

/** True when a frame that the guard does not pass shows that its sender wants to be taken for another. */
export function isSpoof(verdict: Verdict): boolean {
  return (
    verdict === Verdict.foreignMac || verdict === Verdict.foreignAddress || verdict === Verdict.unreadable
  );
}

/** Index of the drop reason of a frame that the policy does not pass. */
export function dropOfRuling(ruling: Ruling): number {
  return ruling === Ruling.quarantined ? Drop.quarantined : Drop.policy;
}

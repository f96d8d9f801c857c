/** Why a relay does not answer: what the error of the system means, and what a person tries first. */
import { messageOf } from '../../lib/errors.js';

export interface RelayFault {
  /** The end of "The relay cannot be reached: …". */
  readonly what: string;
  readonly mend: string;
}

/** Something else answers in the place of a relay. */
export class NoRelay extends Error {
  /** @param how what it answers */
  constructor(how = '') {
    super(`what answers there is no evio relay${how}`);
  }
}

export const foreignMend =
  'Another program has this port, or the name leads to another machine; in a hotel, a train or a guest Wi-Fi it is the login page: log in there first.';

export const silence: RelayFault = {
  what: 'no answer (timed out)',
  mend: 'See that its machine is on, and let TCP to this port in there (its firewall, and the security group of a cloud) and out from here.',
};

const faults: Readonly<Record<string, RelayFault>> = {
  ECONNREFUSED: {
    what: 'nobody listens there (connection refused)',
    mend: 'Start "evio relay" there. Where it runs, the name leads to another machine, or the port is another: compare with the URL that it printed.',
  },
  ENOTFOUND: {
    what: 'its name does not exist',
    mend: 'Compare the name with the URL that the relay printed.',
  },
  EAI_AGAIN: {
    what: 'its name cannot be resolved: no DNS server answers',
    mend: 'See that this machine is online, and which DNS server it asks: /etc/resolv.conf',
  },
  ENETUNREACH: {
    what: 'there is no route to it',
    mend: 'See that this machine is online (ip route), and that the address is the one of the relay.',
  },
  ECONNRESET: {
    what: 'it hangs up, or answers in another protocol',
    mend: `If the relay speaks TLS, its URL begins with evios://. ${foreignMend}`,
  },
  ETIMEDOUT: silence,
};

const sameAs: Readonly<Record<string, string>> = { EHOSTUNREACH: 'ENETUNREACH', EPROTO: 'ECONNRESET' };

/** @param thrown by a socket, the resolver, TLS or HTTP */
export function relayFault(thrown: unknown): RelayFault {
  if (thrown instanceof NoRelay) return { what: thrown.message, mend: foreignMend };
  const { code = '', name } = thrown as NodeJS.ErrnoException;
  if (name === 'TimeoutError' || name === 'AbortError') return silence;
  // What is not HTTP, or not TLS.
  const known = /^(HPE_|ERR_SSL)/.test(code) ? 'ECONNRESET' : (sameAs[code] ?? code);
  return faults[known] ?? { what: messageOf(thrown) || code || 'no answer', mend: silence.mend };
}

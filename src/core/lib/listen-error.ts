/** What the operator hears when a program cannot listen where it was told to. */
import { EvioError, messageOf } from './errors.js';

/** What to do next, by what is wrong. */
export interface ListenHints {
  /** Another program has the address. */
  readonly taken: readonly string[];
  /** This user may not have it. */
  readonly forbidden: readonly string[];
  /** It is none of this machine, and whatever else. */
  readonly other: readonly string[];
}

/**
 * @param address as people read it
 * @param thrown the system's error
 * @returns EvioError EVIO_ADDRESS_IN_USE, EVIO_NO_PRIVILEGE, EVIO_BAD_VALUE
 */
export function listenError(address: string, thrown: unknown, hints: ListenHints): EvioError {
  const { code } = thrown as NodeJS.ErrnoException;
  const cause = { cause: thrown };
  if (code === 'EADDRINUSE')
    return new EvioError(
      'EVIO_ADDRESS_IN_USE',
      `Another program already uses ${address}.`,
      hints.taken,
      cause,
    );
  if (code === 'EACCES' || code === 'EPERM')
    return new EvioError(
      'EVIO_NO_PRIVILEGE',
      `This user may not listen on ${address}.`,
      hints.forbidden,
      cause,
    );
  const why = `Cannot listen on ${address}: ${messageOf(thrown)}.`;
  return new EvioError('EVIO_BAD_VALUE', why, hints.other, cause);
}

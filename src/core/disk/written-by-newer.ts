/** What is said of a file that an evio of a later version left. */
import { EvioError } from '../lib/errors.js';

/** After a step back to an evio of before. The file is as it was: the newer one goes on with it. */
export function writtenByNewer(path: string, found: number, known: number): EvioError {
  return new EvioError(
    'EVIO_PROFILE_NEWER',
    `The file ${path} was written by a newer evio (form ${found}, this one knows ${known}). It was not changed.`,
    [
      'Install the evio that wrote it again, or a later one: it goes on with this file.',
      'To stay with this one, give the state folder back as it was before the upgrade, from a backup.',
    ],
  );
}

/** A run whose plane is up: on the port that is to be had, or where the process before left it. */
import type { PlaneDescriptors } from '../dataplane/plane/plane.js';
import { EvioError } from '../lib/errors.js';
import type { Place } from './compose-outside.js';
import type { Run } from './run.js';

export interface WantedPlace {
  readonly inherited: PlaneDescriptors | undefined;
  /** What a person asked for; it must not change silently. */
  readonly asked: number | undefined;
  /** That of the last run, which may be taken now; 0: there was none. */
  readonly kept: number;
}

/** @param compose makes a run that is not started. Throws what the plane throws. */
export async function startPlane(
  compose: (place: Place) => Run,
  { inherited, asked, kept }: WantedPlace,
): Promise<Run> {
  const run = compose({ port: inherited?.port ?? asked ?? kept, inherited });
  try {
    await run.plane.start(run.listener);
    return run;
  } catch (thrown) {
    const taken = thrown instanceof EvioError && thrown.code === 'EVIO_ADDRESS_IN_USE';
    if (inherited || asked !== undefined || kept === 0 || !taken) throw thrown;
    const other = compose({ port: 0 });
    await other.plane.start(other.listener);
    return other;
  }
}

import { EvioError } from '../../core/lib/errors.js';
import type { Forwarder, ForwarderListener, MovableForwarder } from './forwarder.js';

/** A forwarder is made before the one whom it tells. */
export function lateListener(): { readonly listener: ForwarderListener; tells(to: ForwarderListener): void } {
  let to: ForwarderListener | undefined;
  return {
    listener: {
      bound: (...told) => to?.bound(...told),
      hand: (...told) => to?.hand(...told),
      restarted: (reason) => to?.restarted(reason),
      failed: (error) => to?.failed(error),
    },
    tells: (listener) => {
      to = listener;
    },
  };
}

/** Throws EvioError EVIO_UPGRADE where the forwarder cannot go on for another. */
export function movableOf({ movable }: Forwarder): MovableForwarder {
  if (movable) return movable;
  throw new EvioError(
    'EVIO_UPGRADE',
    'This relay forwards on its main thread, and cannot go on for another.',
  );
}

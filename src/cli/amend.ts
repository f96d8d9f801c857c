/** An order for the ledger, carried out by the running node, or on disk where none runs. */
import type { Home } from '../core/config/home.js';
import { Store } from '../core/config/store.js';
import type { Env } from '../core/lib/env.js';
import { EvioError } from '../core/lib/errors.js';
import type { Amended, WrittenOrder } from '../core/membership/orders.js';

export interface Done extends Amended {
  readonly networkId: string;
  /** False: the others hear of it when the node runs next. */
  readonly spread: boolean;
}

/** Throws EvioError. */
export async function amendHere(
  home: Home,
  selector: string | undefined,
  order: WrittenOrder,
  env: Pick<Env, 'clock'>,
): Promise<Done> {
  const store = new Store(home);
  const networkId = store.pick(selector);
  const { ask } = await import('../core/control/client.js');
  try {
    const amended = await ask(home.controlSocket, 'amend', { network: networkId, order });
    return { ...amended, networkId, spread: true };
  } catch (thrown) {
    const offline =
      thrown instanceof EvioError &&
      (thrown.code === 'EVIO_NOT_RUNNING' || thrown.code === 'EVIO_NO_NETWORK');
    if (!offline) throw thrown;
  }
  const { amendStored } = await import('../core/enroll/amend.js');
  return { ...(await amendStored(store, networkId, order, env)), networkId, spread: false };
}

/** What a person is told beside the result. */
export async function notesOf(home: Home, { notes, spread }: Done): Promise<string[]> {
  if (spread) return [...notes];
  const { startCommand } = await import('./start-hint.js');
  const start = await startCommand(home);
  return [...notes, `No node runs here: the others hear of it when it runs next: ${start}`];
}

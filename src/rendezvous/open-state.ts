/** A relay's keys and what it knew, from its folder; a new folder gets both. */
import type { Keys } from '../core/identity/keys.js';
import type { Env } from '../core/lib/env.js';
import { Registry } from './registry.js';
import { applyLine, linesOf } from './registry-state.js';
import { hasRelayKeys, loadRelayKeys, makeRelayFolder } from './relay-keys.js';
import { StateLog } from './state-log.js';

export interface StateOptions {
  /** `<home>/relay`. */
  readonly folder: string;
  readonly env: Env;
  /** Networks that an evio of before served, when it served any, are admitted. */
  readonly before: boolean;
  readonly smallLogBytes: number;
  /** Another process still writes: nothing is written before `begin`. */
  readonly heir?: boolean;
}

export interface OpenState {
  readonly keys: Keys;
  readonly registry: Registry;
  /** Open, and to be stopped. */
  readonly log: StateLog;
  /** Only for an heir: the other process writes no more. */
  readonly begin: () => void;
}

/** @throws EvioError EVIO_STORAGE, EVIO_PROFILE_CORRUPT */
export async function openState({
  folder,
  env,
  before,
  smallLogBytes,
  heir = false,
}: StateOptions): Promise<OpenState> {
  await makeRelayFolder(folder);
  const registry = new Registry();
  const log = new StateLog({ folder, env, smallLogBytes });
  let served = 0;
  const { lines, damaged } = await log.load((line) => {
    if (line.kind === 'admit' && line.by === 'before') {
      if (!before) return;
      served++;
    }
    applyLine(registry, line);
  });
  if (served > 0) {
    env.log.warn('this relay is closed now, but to the networks it served before: evio relay networks', {
      networks: served,
    });
  }
  const begin = (): void => {
    log.begin(() => linesOf(registry));
  };
  if (heir) return { keys: await loadRelayKeys(folder, env.random), registry, log, begin };
  begin();
  if (!registry.claimed && (lines === 0 || damaged > 0) && (await hasRelayKeys(folder))) {
    // Else a copied, cut or damaged state would give the relay to whoever comes first.
    registry.claimed = true;
    const what = lines === 0 ? 'no state' : 'lost state';
    env.log.warn(
      `this relay has a key and ${what}: name the networks it serves with --allow, or invite them`,
    );
    if (lines > 0) await log.append([{ kind: 'claimed' }], true);
  }
  // Before the key is there, so that a key without state means that state was lost.
  if (lines === 0) await log.append([registry.claimed ? { kind: 'claimed' } : { kind: 'begin' }], true);
  try {
    return { keys: await loadRelayKeys(folder, env.random), registry, log, begin };
  } catch (thrown) {
    await log.stop();
    throw thrown;
  }
}

/** Asks the relay of this home: the running one through its socket, else its state. */
import type { Home } from '../core/config/home.js';
import { checkNetworkId } from '../core/identity/names.js';
import type { Env } from '../core/lib/env.js';
import type { DeskRequest, NetworkEntry } from '../rendezvous/desk.js';

/** @throws EvioError EVIO_NO_NETWORK, EVIO_TIMEOUT, EVIO_ALREADY_RUNNING, EVIO_STORAGE, EVIO_PROFILE_CORRUPT */
async function ask(home: Home, env: Env, request: DeskRequest): Promise<object> {
  const { askRelay, lockRelay } = await import('../core/process/relay-lock.js');
  const answer = await askRelay(home, request);
  if (answer) return answer;
  const { answerAtRest } = await import('../rendezvous/desk.js');
  const unlock = await lockRelay(home, env.log);
  try {
    return await answerAtRest(home.relay, env, request);
  } finally {
    unlock();
  }
}

/** The networks that the relay of this home knows. Throws as `changeNetwork`. */
export async function relayNetworks(home: Home, env: Env): Promise<readonly NetworkEntry[]> {
  return ((await ask(home, env, { do: 'networks' })) as { networks: NetworkEntry[] }).networks;
}

/**
 * Lets a network in, or has it forgotten. Resolves to what the relay knows of it, or knew.
 *
 * @throws EvioError EVIO_BAD_VALUE, EVIO_NO_NETWORK, EVIO_TIMEOUT, EVIO_ALREADY_RUNNING, EVIO_STORAGE, EVIO_PROFILE_CORRUPT
 */
export async function changeNetwork(
  home: Home,
  env: Env,
  what: 'allow' | 'forget',
  network: string,
): Promise<NetworkEntry> {
  checkNetworkId(network);
  return ((await ask(home, env, { do: what, network })) as { network: NetworkEntry }).network;
}

/** What `evio set`, and `evio join` of a machine that is a member, do for another name or address. */
import type { Home } from '../core/config/home.js';
import { ask } from '../core/control/client.js';
import { changeMember, type ChangeResult, type MemberChange } from '../core/enroll/change.js';
import type { EnrollPorts } from '../core/enroll/init.js';
import { toBase64Url } from '../core/lib/bytes.js';
import { EvioError } from '../core/lib/errors.js';

/** Codes that say that no node runs which could take it. */
const notRunning: readonly string[] = ['EVIO_NOT_RUNNING', 'EVIO_NO_NETWORK'];
/** Beginning anew takes the interface down and up again. */
const adoptTimeoutMs = 15_000;

/** Has the running node, if any, take what the profile says of paths. Throws EvioError EVIO_TIMEOUT, EVIO_STORAGE. */
export async function repathHere(home: Home, network: string): Promise<void> {
  try {
    await ask(home.controlSocket, 'repath', { network }, adoptTimeoutMs);
  } catch (thrown) {
    if (!(thrown instanceof EvioError && notRunning.includes(thrown.code))) throw thrown;
  }
}

/** Throws EvioError as `changeMember`, and EVIO_TIMEOUT. */
export function changeHere(
  home: Home,
  network: string,
  change: MemberChange,
  ports: EnrollPorts,
): Promise<ChangeResult> {
  return changeMember(network, change, ports, async (credential) => {
    const params = { network, credential: toBase64Url(credential), wantedIp: change.ip };
    try {
      return (await ask(home.controlSocket, 'adopt', params, adoptTimeoutMs)).adopted;
    } catch (thrown) {
      if (thrown instanceof EvioError && notRunning.includes(thrown.code)) return false;
      throw thrown;
    }
  });
}

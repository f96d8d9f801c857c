/** Has this program go on in the place of the node that runs in this home. */
import type { Home } from '../core/config/home.js';
import { ControlClient } from '../core/control/client.js';
import type { Upgraded } from '../core/control/method.js';
import { selfArguments } from '../core/process/self.js';

/** The successor may take its time to load on a busy machine; the node says itself when it gives up. */
const patienceMs = 120_000;

/** Throws EvioError EVIO_NOT_RUNNING, EVIO_UPGRADE. */
export async function upgradeNode(home: Home): Promise<Upgraded> {
  const client = await ControlClient.connect(home.controlSocket);
  try {
    return await client.request('upgrade', { program: [process.execPath, ...selfArguments([])] }, patienceMs);
  } finally {
    client.close();
  }
}

/** Takes back what the agent of this node announced and accepted. */
import type { Home } from '../../core/config/home.js';
import { ControlClient } from '../../core/control/client.js';
import { HoldingsFile } from '../holdings.js';
import { settle, stepsTo } from '../subnets.js';

/** Throws EvioError EVIO_NOT_RUNNING, or as the node answers. */
export async function withdrawAll(home: Home): Promise<void> {
  const client = await ControlClient.connect(home.controlSocket);
  try {
    const file = new HoldingsFile(home);
    const { networks } = await client.request('networks', {});
    for (const { id } of networks) {
      const { node } = await client.request('status', { network: id });
      const held = file.read(id, node.id);
      if (held.announced.length + held.accepted.length === 0) continue;
      const { routes } = await client.request('routes', { network: id });
      await settle(client, file, stepsTo({ announced: new Map(), accepted: new Set() }, routes, held), held);
    }
  } finally {
    client.close();
  }
}

/** Has this program go on in the place of what runs in this home: the node, the relay, or both. */
import type { Home } from '../core/config/home.js';
import { ControlClient } from '../core/control/client.js';
import type { Upgraded } from '../core/control/method.js';
import { EvioError } from '../core/lib/errors.js';
import { askRelay } from '../core/process/relay-lock.js';
import { selfArguments } from '../core/process/self.js';

/** The successor may take its time to load on a busy machine; who is asked says itself when it gives up. */
const patienceMs = 120_000;

export interface UpgradedPart extends Upgraded {
  readonly part: 'node' | 'relay';
}

/**
 * What was upgraded, the node first.
 *
 * @throws EvioError EVIO_NOT_RUNNING when neither runs; EVIO_UPGRADE, and what could not go on runs on as before
 */
export async function upgradeAll(home: Home): Promise<UpgradedPart[]> {
  const program = [process.execPath, ...selfArguments([])];
  const parts: UpgradedPart[] = [];
  const node = await unlessAbsent(() => upgradeNode(home, program));
  if (node) parts.push({ part: 'node', ...node });
  const relay = await upgradeRelay(home, program).catch((thrown: unknown) => {
    if (!node || !(thrown instanceof EvioError)) throw thrown;
    const message = `${thrown.message} The node runs as version ${node.to} now.`;
    throw new EvioError(thrown.code, message, thrown.suggestions, { cause: thrown });
  });
  if (relay) parts.push({ part: 'relay', ...relay });
  if (parts.length > 0) return parts;
  throw new EvioError('EVIO_NOT_RUNNING', 'Neither a node nor a relay runs here.', [
    'Start one: sudo evio node, or: evio relay',
    'For one with another state folder set EVIO_HOME.',
  ]);
}

async function upgradeNode(home: Home, program: readonly string[]): Promise<Upgraded> {
  const client = await ControlClient.connect(home.controlSocket);
  try {
    return await client.request('upgrade', { program: [...program] }, patienceMs);
  } finally {
    client.close();
  }
}

/** Undefined when no relay runs. */
async function upgradeRelay(home: Home, program: readonly string[]): Promise<Upgraded | undefined> {
  // Relays of before end by an order that they do not know. This one all know.
  const about = (await askRelay(home, { do: 'networks' })) as { readonly orders?: unknown } | undefined;
  if (!about) return undefined;
  if (Array.isArray(about.orders) && about.orders.includes('upgrade'))
    return (await askRelay(home, { do: 'upgrade', program }, patienceMs)) as Upgraded | undefined;
  throw new EvioError('EVIO_UPGRADE', 'The relay that runs is of a version that cannot be handed over.', [
    'Stop it and start it again, this once: its members come back by themselves.',
  ]);
}

async function unlessAbsent<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (thrown) {
    if (thrown instanceof EvioError && thrown.code === 'EVIO_NOT_RUNNING') return undefined;
    throw thrown;
  }
}

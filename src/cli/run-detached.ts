/** Runs the node in the background: what `evio node --detach` and `evio join --detach` share. */
import type { Home } from '../core/config/home.js';
import type { NetworkReport, ProcessReport } from '../core/control/schema.js';
import type { StatusReport } from '../core/node/reports.js';
import { ask } from '../core/control/client.js';
import { alreadyRunning } from '../core/process/socket-file.js';
import { nodeArguments, type NodeWords } from './node-flags.js';
import { startDetached } from '../core/process/detach.js';
import { EvioError } from '../core/lib/errors.js';

export interface DetachedOptions extends NodeWords {
  readonly waitMs: number;
}

export interface DetachedResult {
  readonly pid: number;
  readonly nodes: {
    readonly network: NetworkReport;
    readonly node: { id: string; name: string; ip: string; mac: string };
  }[];
}

/** The networks that run in this home now; none when no node runs. */
export async function runningNetworks(home: Home): Promise<string[]> {
  try {
    return (await ask(home.controlSocket, 'networks', {})).networks.map(({ id }) => id);
  } catch (thrown) {
    if (thrown instanceof EvioError && thrown.code === 'EVIO_NOT_RUNNING') return [];
    throw thrown;
  }
}

/** What the process of the node in this home tells of itself; undefined when there is none. Throws as `ask`. */
export async function runningProcess(
  home: Home,
): Promise<(ProcessReport & Pick<StatusReport, 'uplink'>) | undefined> {
  const [network] = await runningNetworks(home);
  if (network === undefined) return undefined;
  const { process, uplink } = await ask(home.controlSocket, 'status', { network });
  return { ...process, uplink };
}

/** Throws EvioError EVIO_ALREADY_RUNNING, EVIO_TIMEOUT, or what the node ended with. */
export async function runDetached(home: Home, options: DetachedOptions): Promise<DetachedResult> {
  if ((await runningNetworks(home)).length > 0) throw alreadyRunning(home.path);
  const { waitMs } = options;
  const pid = await startDetached({
    home,
    args: nodeArguments(options),
    waitMs,
  });
  const nodes: DetachedResult['nodes'] = [];
  for (const id of await runningNetworks(home)) {
    const { network, node } = await ask(home.controlSocket, 'status', { network: id });
    nodes.push({ network, node: { id: node.id, name: node.name, ip: node.ip, mac: node.mac } });
  }
  return { pid, nodes };
}

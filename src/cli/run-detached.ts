/** Runs the node in the background: what `evio node --detach` and `evio join --detach` share. */
import type { Home } from '../core/config/home.js';
import type { NetworkReport, ProcessReport } from '../core/control/schema.js';
import { ask } from '../core/control/client.js';
import { alreadyRunning } from '../core/process/socket-file.js';
import { switchArguments } from './node-flags.js';
import { startDetached } from '../core/process/detach.js';
import type { NodeSwitches } from '../core/node/switches.js';
import { EvioError } from '../core/lib/errors.js';

export interface DetachedOptions {
  /** Ids; all of the home when empty. */
  readonly networks: readonly string[];
  readonly port?: number | undefined;
  readonly switches?: NodeSwitches;
  readonly links?: readonly string[] | undefined;
  readonly metrics?: string | undefined;
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
export async function runningProcess(home: Home): Promise<ProcessReport | undefined> {
  const [network] = await runningNetworks(home);
  return network === undefined ? undefined : (await ask(home.controlSocket, 'status', { network })).process;
}

/** Throws EvioError EVIO_ALREADY_RUNNING, EVIO_TIMEOUT, or what the node ended with. */
export async function runDetached(home: Home, options: DetachedOptions): Promise<DetachedResult> {
  if ((await runningNetworks(home)).length > 0) throw alreadyRunning(home.path);
  const { networks, port, switches = {}, links = [], metrics, waitMs } = options;
  const pid = await startDetached({
    home,
    args: [
      ...networks.flatMap((id) => ['--network', id]),
      ...(port === undefined ? [] : ['--port', String(port)]),
      ...switchArguments(switches),
      ...links.flatMap((peer) => ['--link', peer]),
      ...(metrics === undefined ? [] : ['--metrics', metrics]),
    ],
    waitMs,
  });
  const nodes: DetachedResult['nodes'] = [];
  for (const id of await runningNetworks(home)) {
    const { network, node } = await ask(home.controlSocket, 'status', { network: id });
    nodes.push({ network, node: { id: node.id, name: node.name, ip: node.ip, mac: node.mac } });
  }
  return { pid, nodes };
}

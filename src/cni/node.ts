/** The running evio node, as the plugin needs it. */
import type { Home } from '../core/config/home.js';
import { askBlocking } from '../core/control/client-blocking.js';
import { EvioError } from '../core/lib/errors.js';
import type { Config } from './config.js';
import { Code, CniError } from './errors.js';
import type { Link } from './kernel/kernel.js';

/**
 * The name of evio's interface: from the configuration, else from the node.
 *
 * @throws CniError 11 when no node runs, 7 when it has no such network.
 */
export function deviceOf({ device, network }: Config, home: Home): string {
  if (device !== undefined) return device;
  try {
    const status = askBlocking(home.controlSocket, 'status', network === undefined ? {} : { network });
    return status.device.name;
  } catch (thrown) {
    throw thrown instanceof EvioError ? asAnswer(thrown) : thrown;
  }
}

/** What the node, or its absence, means to a runtime. */
export function asAnswer({ code, message, suggestions }: EvioError): CniError {
  const waits = code === 'EVIO_NOT_RUNNING' || code === 'EVIO_TIMEOUT';
  return new CniError(waits ? Code.tryAgain : Code.config, message, suggestions.join('; '));
}

/** Evio's interface. Throws CniError (11) while it is missing. */
export function evioLink(links: readonly Link[], device: string): Link {
  const link = links.find(({ ifname }) => ifname === device);
  if (link === undefined)
    throw new CniError(Code.tryAgain, `evio's interface ${device} is not there`, 'start the node: evio node');
  return link;
}

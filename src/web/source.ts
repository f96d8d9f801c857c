/** Where the web view has its pictures from: a node or a relay that runs here, or a file. */
import type { WebMessage, WebNetworks, WebWhy } from './model.js';

export interface WebSource {
  networks(): Promise<WebNetworks>;
  /** Tells until the signal aborts. @param network id; undefined: the only one, or the first */
  stream(
    network: string | undefined,
    tell: (message: WebMessage) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * @param from the member whose decisions are wanted; undefined: the node's own
   * @throws EvioError EVIO_UNKNOWN_PEER, EVIO_NOT_RUNNING; of another member EVIO_NO_RIGHT, EVIO_TIMEOUT
   */
  why(network: string | undefined, peer: string, from?: string): Promise<WebWhy>;
}

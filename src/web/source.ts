/** Where the web view has its pictures from: a node that runs here, or a file. */
import type { WebMessage, WebNetworks, WebWhy } from './model.js';

export interface WebSource {
  networks(): Promise<WebNetworks>;
  /** Tells until the signal aborts. @param network id; undefined: the only one, or the first */
  stream(
    network: string | undefined,
    tell: (message: WebMessage) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Throws EvioError EVIO_UNKNOWN_PEER, EVIO_NOT_RUNNING. */
  why(network: string | undefined, peer: string): Promise<WebWhy>;
}

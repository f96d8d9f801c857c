/** Asks a node that runs on this machine, as `evio status` and the others do. */
import { homeFrom } from '../core/config/home.js';
import { ControlClient } from '../core/control/client.js';
import type {
  NetworkReport,
  NodeEvent,
  PeerReport,
  PingReport,
  StatusAnswer,
  WhyReport,
} from '../core/control/schema.js';
import { Queue } from './queue.js';

export interface ConnectOptions {
  /** State folder of the node; default: EVIO_HOME, or that of this user. */
  readonly home?: string;
}

export interface PingOptions {
  /** Name or id; needed where several run. */
  readonly network?: string;
  /** Default 1. */
  readonly count?: number;
  /** For each, ms; default 2 000. */
  readonly timeoutMs?: number;
}

/** A connection to the control socket of a node. Every method throws EvioError as the node answers it, or EVIO_NOT_RUNNING. */
export interface Control {
  networks(): Promise<readonly { readonly id: string; readonly name: string }[]>;
  status(network?: string): Promise<StatusAnswer>;
  peers(network?: string): Promise<readonly PeerReport[]>;
  /** @param peer name, address, id, or the beginning of an id. Throws EVIO_UNKNOWN_PEER. */
  ping(peer: string, options?: PingOptions): Promise<PingReport>;
  why(peer: string, network?: string): Promise<WhyReport>;
  /** What happens from now on, until the loop is left or the node ends. */
  events(network?: string): AsyncIterable<NodeEvent>;
  close(): void;
}

export type { NetworkReport, NodeEvent, PeerReport, PingReport, StatusAnswer, WhyReport };

/** Throws EvioError EVIO_NOT_RUNNING, EVIO_NO_PRIVILEGE. */
export async function connectControl(options: ConnectOptions = {}): Promise<Control> {
  const { controlSocket } = homeFrom(options.home === undefined ? process.env : { EVIO_HOME: options.home });
  const client = await ControlClient.connect(controlSocket);
  return {
    networks: async () => (await client.request('networks', {})).networks,
    status: (network) => client.request('status', { network }),
    peers: async (network) => (await client.request('peers', { network })).peers,
    ping: (peer, { network, count = 1, timeoutMs = 2_000 } = {}) =>
      client.request('ping', { network, peer, count, timeoutMs }, count * timeoutMs + 5_000),
    why: (peer, network) => client.request('why', { network, peer }),
    async *events(network) {
      // Events keep a connection for themselves.
      const watcher = await ControlClient.connect(controlSocket);
      const queue = new Queue<NodeEvent>();
      try {
        await watcher.watch(
          { network },
          (event) => {
            queue.push(event);
          },
          () => {
            queue.end();
          },
        );
        yield* queue;
      } finally {
        watcher.close();
      }
    },
    close: () => {
      client.close();
    },
  };
}

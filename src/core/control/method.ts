/** What a method of the control socket is: one file in methods/ each, listed in methods.ts. */
import type { z } from 'zod';
import type { LogRing } from '../lib/log-ring.js';
import type { Node } from '../node/node.js';

/** What the process of the node may do, and who tried to ask it. */
export interface ProcessReport {
  /** What it holds of root's power, by the names of capabilities(7) in small letters: `net_admin`. */
  readonly capabilities: readonly string[];
  /** True when nothing it executes can hold more. */
  readonly noNewPrivileges: boolean;
  /** Connections to the control socket that other users made, and that were refused. */
  readonly refusedUsers: number;
}

/** Another process goes on. */
export interface Upgraded {
  /** Versions of the program, before and now. */
  readonly from: string;
  readonly to: string;
  /** For how long packets waited in the kernel. */
  readonly gapMs: number;
  readonly pid: number;
}

/** The process that serves the socket, as methods see it. */
export interface ControlHost {
  /** The last lines of the process's log. */
  readonly log: LogRing;
  /** The running networks, in the order they were started. */
  networks(): readonly { readonly id: string; readonly name: string }[];
  /** Networks of the home that do not run. */
  resting(): readonly { readonly id: string; readonly name: string }[];
  /**
   * The node of the network that an id, the beginning of one, or a name means; undefined: of the only one.
   *
   * @throws EvioError EVIO_NOT_RUNNING, EVIO_NO_NETWORK, EVIO_AMBIGUOUS_NETWORK.
   */
  node(network: string | undefined): Node;
  /** Stops one network, or all; the process ends with its last. Resolves to the ids of those stopped; throws as `node`. */
  stop(network: string | undefined): Promise<readonly string[]>;
  /**
   * Takes up one network of the home that does not run, or all. Resolves to the ids of those started.
   *
   * @throws EvioError EVIO_NO_NETWORK, EVIO_AMBIGUOUS_NETWORK, or why one did not start
   */
  start(network: string | undefined): Promise<readonly string[]>;
  /** Gives all networks to another process (see Runner). Throws EvioError EVIO_UPGRADE. */
  upgrade(program: readonly string[] | undefined): Promise<Upgraded>;
  report(): ProcessReport;
  /** Resolves once each network of this process has started, or could not. */
  started(): Promise<void>;
}

/** The connection that asked. */
export interface Asker {
  /** Aborts when the asker hangs up. */
  readonly signal: AbortSignal;
  /** From now on sends the asker the events of this network, by id, or of all. */
  watch(networkId: string | undefined): void;
  /** Sends the asker, and nobody else, lines of a key log (wire/key-log.ts), beside the answers. */
  readonly tellKeys: (lines: string) => void;
}

export interface ControlMethod<Request extends z.ZodType, Response extends z.ZodType, Answer> {
  /** Checks the parameters and fills in defaults. */
  readonly request: Request;
  /** What the answer looks like: for tests, and for readers of the protocol. */
  readonly response: Response;
  /** Answers. May throw EvioError, which the asker gets as it is. */
  readonly run: (params: z.output<Request>, host: ControlHost, asker: Asker) => Answer;
}

/** Defines a method. methods.ts checks that `response` is the schema of what `run` answers. */
export function method<Request extends z.ZodType, Response extends z.ZodType, Answer>(
  definition: ControlMethod<Request, Response, Answer>,
): ControlMethod<Request, Response, Answer> {
  return definition;
}

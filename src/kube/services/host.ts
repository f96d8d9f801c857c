/** Addresses for Services, as the agent needs them. */
import type { NodeObject } from '../api/objects.js';

/** What this node is to hold. */
export interface WantedServices {
  /** The ranges of all such addresses, which every node accepts. */
  readonly pools: readonly string[];
  /** Addresses that this node announces, each with its length, and the Service's name. */
  readonly held: ReadonlyMap<string, string>;
  /** What came and went since the last call. */
  readonly news: readonly {
    readonly event: 'service';
    readonly ip: string;
    readonly name: string;
    readonly held: boolean;
  }[];
}

export interface ServicesHost {
  /** True once all were listed. */
  readonly synced: boolean;
  /** Follows the cluster's Services until the signal. Never throws. */
  run(signal: AbortSignal): Promise<void>;
  wanted(node: string, nodes: readonly NodeObject[]): WantedServices;
}

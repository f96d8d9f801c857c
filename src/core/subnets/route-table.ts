/** The machine's routes as the subnets of a network want them: what a route is, and the port by which they are set. */
import type { Prefix } from '../lib/prefix.js';

export interface WantedRoute {
  readonly prefix: Prefix;
  /**
   * The member that is the next hop: its IPv4 address, signed 32 bits, and its MAC (6 bytes), from which follows its
   * link-local address. Null: packets for the prefix are refused, where no better route is.
   */
  readonly via: { readonly ip: number; readonly mac: Uint8Array } | null;
}

/** Of one network. Made when its interface is there. */
export interface RouteTable {
  /**
   * Makes the routes that we set before into these: adds, changes, removes. Those of others are left alone.
   *
   * @returns what could not be done, as sentences
   */
  set(wanted: readonly WantedRoute[]): string[];
  /** True when this machine reaches the prefix, all of it, by another interface: its own network, or another way. */
  reaches(prefix: Prefix): boolean;
}

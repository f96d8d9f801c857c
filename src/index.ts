/**
 * evio as a library: ask a node that runs here, or be a member oneself (docs/library.md). What is exported here follows semantic
 * versioning; nothing else of the package does.
 */
export { connectControl } from './library/control.js';
export type {
  ConnectOptions,
  Control,
  NetworkReport,
  NodeEvent,
  PeerReport,
  PingOptions,
  PingReport,
  StatusAnswer,
  WhyReport,
} from './library/control.js';
export { join, openNetwork } from './library/network.js';
export type { JoinOptions, OpenNetwork, OpenOptions } from './library/network.js';
export { EvioError } from './core/lib/errors.js';
export type { ErrorCode } from './core/lib/errors.js';

/**
 * What a running node tells over its control socket: the JSON of docs/cli.md, and the requests for it.
 *
 * The socket speaks one JSON object a line. Request { id, method, params }, answer { id, result } or
 * { id, error: { code, message, suggestions } }. One socket per home serves every network that runs in it.
 */
import { z } from 'zod';

export type PathKind = 'direct' | 'webrtc' | 'relay' | 'overlay';
export type PeerState = 'connected' | 'connecting' | 'idle' | 'unreachable';
export type LinkKind = 'successor' | 'predecessor' | 'long' | 'on-demand' | 'static';
export type NatMapping =
  'none' | 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent' | 'unknown';

export interface NetworkReport {
  id: string;
  name: string;
  cidr: string;
  mtu: number;
  relays: string[];
}

export interface PathReport {
  kind: PathKind;
  /** `HOST:PORT` of the peer, or of the relay with its transport: `udp://…`, `ws://…`. */
  endpoint: string;
  rttMs: number | null;
}

export interface PeerReport {
  id: string;
  name: string;
  ip: string;
  mac: string;
  state: PeerState;
  path: PathReport | null;
  link: LinkKind | null;
  rxBytes: number;
  txBytes: number;
  lastHandshakeAgeMs: number | null;
}

export interface RelayReport {
  url: string;
  state: 'connected' | 'connecting' | 'down';
  transport: 'udp' | 'websocket';
  rttMs: number | null;
}

export interface StatusReport {
  node: { id: string; name: string; ip: string; mac: string; pid: number; version: string; uptimeMs: number };
  network: NetworkReport;
  device: {
    name: string;
    mtu: number;
    rxBytes: number;
    txBytes: number;
    rxFrames: number;
    txFrames: number;
    /** Packets between other members that went through here; broadcasts passed on count too. */
    transitPackets: number;
    transitBytes: number;
    drops: Record<string, number>;
    /** Times the packet worker fell and was started again. */
    restarts: number;
  };
  relays: RelayReport[];
  nat: { mapping: NatMapping; udpBlocked: boolean; addresses: string[] };
  ring: {
    sizeEstimate: number;
    predecessor: string | null;
    successors: string[];
    longLinks: string[];
    onDemand: string[];
    /** Names of those of these members that the node knows, by id. */
    names?: Record<string, string>;
  };
  peerCount: number;
}

export interface PingReply {
  seq: number;
  rttMs: number;
  path: PathKind;
}

export interface PingReport {
  peer: string;
  sent: number;
  received: number;
  minMs: number | null;
  avgMs: number | null;
  maxMs: number | null;
  replies: PingReply[];
}

export interface WhyReport {
  peer: string;
  path: PathReport | null;
  candidates: {
    endpoint: string;
    kind: string;
    side: 'local' | 'remote';
    state: string;
    rttMs: number | null;
  }[];
  log: { at: string; event: string; detail: string }[];
  advice: string[];
}

/** Events of `evio node --json` and of the control socket's `watch`. */
export type NodeEvent =
  | {
      event: 'started';
      network: NetworkReport;
      node: { id: string; name: string; ip: string; mac: string };
      device: string;
      pid: number;
    }
  | { event: 'ready'; network: string; peers: number }
  | { event: 'peer-connected'; network: string; peer: string; name: string; ip: string; path: PathKind }
  | {
      event: 'peer-path';
      network: string;
      peer: string;
      name: string;
      from: PathKind | null;
      to: PathKind | null;
      endpoint: string | null;
    }
  | { event: 'peer-lost'; network: string; peer: string; name: string }
  | { event: 'relay-up'; network: string; url: string; transport: 'udp' | 'websocket' }
  | { event: 'relay-down'; network: string; url: string; reason: string }
  | { event: 'stopped'; network: string };

const network = z.string().optional();

/** Requests, by method. `network` is an id, an id prefix or a name; it may be left out where only one runs. */
export const requests = {
  status: z.object({ network }),
  peers: z.object({ network }),
  why: z.object({ network, peer: z.string() }),
  /** Answers after the last reply or time-out; `count` pings `intervalMs` apart. */
  ping: z.object({
    network,
    peer: z.string(),
    count: z.number().int().min(1).max(1000),
    timeoutMs: z.number().int().min(1).max(600_000),
    intervalMs: z.number().int().min(10).max(60_000).default(1000),
  }),
  networks: z.object({}),
  /** Stops one network, or all; the process ends with its last network. */
  down: z.object({ network }),
  /** Resolves when the node is connected: a relay is up or a peer is connected, or it has none to connect to. */
  wait: z.object({ network, timeoutMs: z.number().int().min(1).max(600_000) }),
  /** Keeps the connection and sends `{ event }` lines. */
  watch: z.object({ network }),
} as const;

export type Method = keyof typeof requests;
export type Params<M extends Method> = z.input<(typeof requests)[M]>;

export interface Results {
  status: StatusReport;
  peers: { peers: PeerReport[] };
  why: WhyReport;
  ping: PingReport;
  networks: { networks: { id: string; name: string }[] };
  down: { stopped: string[] };
  wait: { connected: boolean };
  watch: { watching: true };
}

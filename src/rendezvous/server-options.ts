/** What a relay is started with, and what it tells when it listens. */
import type { Env } from '../core/lib/env.js';
import type { RelayLimits } from './limits.js';

export interface RelayServerOptions {
  /** `HOST:PORT`, `[::]:3478`, `0.0.0.0:0`. Port 0 takes a free one. `[::]` takes IPv4 as well. */
  readonly listen: string;
  /**
   * Where nodes reach this relay, when that is not where it listens: `HOST:PORT` of a port mapping (TCP and UDP), or
   * `evios://HOST:PORT` of a reverse proxy that speaks TLS; UDP is then told as the port we listen on.
   */
  readonly public?: string | undefined;
  readonly tls?: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** Any network that names this relay is served; by default only those that were let in (gate.ts). */
  readonly open?: boolean | undefined;
  /** Ids of networks that are served whatever else is true. */
  readonly allow?: readonly string[] | undefined;
  /** `HOST:PORT` for GET /metrics; not served otherwise. */
  readonly metrics?: string | undefined;
  /** UDP port of the second STUN socket; by default the one after the listening port. Null: none. */
  readonly alternatePort?: number | null | undefined;
  /** EVIO_HOME: keys and state are kept in its folder `relay`. */
  readonly home: string;
  readonly limits?: { readonly [K in keyof RelayLimits]?: RelayLimits[K] | undefined };
  /** `dgram` forwards on the main thread; by default a worker does, where it can. */
  readonly forwarder?: 'dgram' | 'worker' | undefined;
  readonly env: Env;
}

export interface RelayListening {
  /** `evio://HOST:PORT#KEY`, or `evios://…` with TLS. */
  readonly url: string;
  /** `HOST:PORT` that is bound. */
  readonly listen: string;
  /** Base64url Ed25519 public key. */
  readonly key: string;
  /** `HOST:PORT` of GET /metrics. */
  readonly metrics?: string;
  /** Whom it serves: anybody, nobody yet but the first network that comes, or who was let in. */
  readonly serves: 'any' | 'first' | 'admitted';
}

/** What a process leaves of its link to a relay to the process that goes on in its place (core/handover). */
import type { Endpoint } from '../lib/endpoint.js';

/** UDP to the relay, as it was bound. The key proves binds, and nothing else. */
export interface HeldRelayLink {
  readonly endpoint: Endpoint;
  readonly association: number;
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** Of the last bind. */
  readonly counter: number;
  readonly rttMs: number | null;
  readonly rttVarMs: number;
}

export interface HeldRelay {
  readonly url: string;
  readonly link: HeldRelayLink;
  /** Node ids of who is online there, as far as it told. */
  readonly online: readonly string[];
  readonly complete: boolean;
  readonly size: number;
}

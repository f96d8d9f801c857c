/** What the data plane counts of a peer, before it counted anything. */
import type { PeerCounters } from '../dataplane/plane/plane.js';

export function zeroCounters(): PeerCounters {
  return {
    rxFrames: 0,
    rxBytes: 0,
    txFrames: 0,
    txBytes: 0,
    rxDirect: 0,
    rxRelayed: 0,
    txDirect: 0,
    txRelayed: 0,
    lastRxMs: 0,
    lastRxDirectMs: 0,
    lastTxMs: 0,
    rxTransit: 0,
    txTransit: 0,
    spoofed: 0,
    floodLimited: 0,
    replayed: 0,
    denied: 0,
    probes: 0,
    controlLimited: 0,
  };
}

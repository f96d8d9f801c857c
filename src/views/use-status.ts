/** Data of the live view: asks the node again and again, and works out rates. */
import { useEffect, useState } from 'react';
import { ControlClient } from '../core/control/client.js';
import type { PeerReport, StatusReport } from '../core/control/schema.js';
import { messageOf } from '../core/lib/errors.js';

/** Bytes moved since the snapshot before, and over which time, ms. */
export interface Rate {
  readonly rx: number;
  readonly tx: number;
  readonly ms: number;
}

export interface Snapshot {
  readonly status: StatusReport;
  readonly peers: readonly PeerReport[];
  readonly rate: Rate;
  /** By peer id. */
  readonly peerRates: ReadonlyMap<string, Rate>;
}

export interface StatusSource {
  readonly path: string;
  readonly network: string | undefined;
  readonly intervalMs: number;
  /** A text for people, with its commands as they can be typed here. */
  readonly worded: (text: string) => string;
}

/** The next snapshot; without one before, or after a restart of the node, rates are zero. */
export function nextSnapshot(
  before: Snapshot | undefined,
  status: StatusReport,
  peers: readonly PeerReport[],
  ms: number,
): Snapshot {
  const same = before?.status.node.pid === status.node.pid;
  const delta = (
    now: { rxBytes: number; txBytes: number },
    then?: { rxBytes: number; txBytes: number },
  ): Rate =>
    same && then
      ? { rx: Math.max(0, now.rxBytes - then.rxBytes), tx: Math.max(0, now.txBytes - then.txBytes), ms }
      : { rx: 0, tx: 0, ms };
  const earlier = new Map(before?.peers.map((peer) => [peer.id, peer]));
  return {
    status,
    peers,
    rate: delta(status.device, before?.status.device),
    peerRates: new Map(peers.map((peer) => [peer.id, delta(peer, earlier.get(peer.id))])),
  };
}

/** A snapshot is called old this long after the next one was due, ms: a node that is busy answers late. */
const graceMs = 1000;
const ageStepMs = 1000;

/**
 * The latest snapshot, and why there is no newer one. Survives a restart of the node. `staleMs` is the age of the
 * snapshot, in steps of a second, where no newer one came when it should have; undefined while it is fresh.
 */
export function useStatus({ path, network, intervalMs, worded }: StatusSource): {
  snapshot: Snapshot | undefined;
  error: string | undefined;
  staleMs: number | undefined;
} {
  const [snapshot, setSnapshot] = useState<Snapshot>();
  const [error, setError] = useState<string>();
  const [staleMs, setStaleMs] = useState<number>();
  useEffect(() => {
    let client: ControlClient | undefined;
    let timer: NodeJS.Timeout | undefined;
    let gone = false;
    let before: Snapshot | undefined;
    let askedAt = performance.now();
    let failed = false;
    const judge = (): void => {
      const age = performance.now() - askedAt;
      const stale = before !== undefined && (failed || age > 2 * intervalMs + graceMs);
      setStaleMs(stale ? Math.floor(age / ageStepMs) * ageStepMs : undefined);
    };
    const clock = setInterval(judge, ageStepMs);
    const look = async (): Promise<void> => {
      try {
        client ??= await ControlClient.connect(path);
        const status = await client.request('status', { network });
        const { peers } = await client.request('peers', { network });
        const now = performance.now();
        before = nextSnapshot(before, status, peers, now - askedAt);
        askedAt = now;
        if (gone) return;
        setSnapshot(before);
        setError(undefined);
        failed = false;
        judge();
      } catch (thrown) {
        client?.close();
        client = undefined;
        if (gone) return;
        setError(worded(messageOf(thrown)));
        failed = true;
        judge();
      } finally {
        if (!gone) timer = setTimeout(() => void look(), intervalMs);
        else client?.close();
      }
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
      clearInterval(clock);
      client?.close();
    };
  }, [path, network, intervalMs, worded]);
  return { snapshot, error, staleMs };
}

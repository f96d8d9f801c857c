/** What a node tells by itself: the events of `evio node --json` and of the control socket's `watch`. */
import type { Mendable } from '../tap/mend.js';
import type { LocalRange } from '../surroundings/local-ranges.js';
import type { Suspicion } from '../dataplane/plane/plane.js';
import { describeNetwork, type NetworkReport } from '../identity/network.js';
import { membershipOf, type MemberReport } from '../membership/membership.js';
import type { Self } from '../membership/self.js';
import type { AnomalyKind } from '../policy/policy.js';
import type { PathKind } from '../path/path.js';
import type { RouteFault } from '../subnets/route-report.js';
import type { Lie } from './refusal-reasons.js';
import type { RelayTransport } from '../relays/relay-report.js';

/** `network` is an id but for `started`, ids of peers are in hexadecimal. */
export type NodeEvent =
  | {
      readonly event: 'started';
      readonly network: NetworkReport;
      readonly node: MemberReport;
      readonly device: string;
      readonly pid: number;
    }
  | { readonly event: 'ready'; readonly network: string; readonly peers: number }
  | {
      readonly event: 'peer-connected';
      readonly network: string;
      readonly peer: string;
      readonly name: string;
      readonly ip: string;
      readonly path: PathKind;
    }
  | {
      readonly event: 'peer-path';
      readonly network: string;
      readonly peer: string;
      readonly name: string;
      readonly from: PathKind | null;
      readonly to: PathKind | null;
      readonly endpoint: string | null;
    }
  | {
      readonly event: 'peer-revoked';
      readonly network: string;
      readonly peer: string;
      readonly name: string;
      readonly reason: string;
    }
  /** Somebody waits until admins let it in; told to admins. */
  | {
      readonly event: 'member-waiting';
      readonly network: string;
      readonly peer: string;
      readonly name: string;
    }
  /** This machine waits for that itself: so many of those that must have. */
  | {
      readonly event: 'waiting';
      readonly network: string;
      readonly approvals: number;
      readonly needed: number;
    }
  | { readonly event: 'peer-lost'; readonly network: string; readonly peer: string; readonly name: string }
  /** The peer does what an honest one does not; what it sent was dropped. */
  | {
      readonly event: 'peer-suspect';
      readonly network: string;
      readonly peer: string;
      readonly name: string;
      readonly reason: Suspicion | Lie;
    }
  /** A member does what looks like an attack; `quarantineMs`: its frames are dropped for so long, null when they are not. */
  | {
      readonly event: 'anomaly';
      readonly network: string;
      readonly peer: string;
      readonly name: string;
      readonly kind: AnomalyKind;
      readonly count: number;
      readonly quarantineMs: number | null;
    }
  /** Its frames pass again. */
  | {
      readonly event: 'quarantine-over';
      readonly network: string;
      readonly peer: string;
      readonly name: string;
    }
  | {
      readonly event: 'relay-up';
      readonly network: string;
      readonly url: string;
      readonly transport: RelayTransport;
    }
  | { readonly event: 'relay-down'; readonly network: string; readonly url: string; readonly reason: string }
  /** Subnets of members came or went, or lead elsewhere: `routes` tells what there is now. */
  | { readonly event: 'routes-changed'; readonly network: string }
  /** Another program took the interface down, its address away or changed its MTU, and that was undone. */
  | {
      readonly event: 'interface-mended';
      readonly network: string;
      readonly device: string;
      readonly what: Mendable[];
    }
  /** An address or a route of this machine that came lately lies in the range of the network. */
  | {
      readonly event: 'range-clash';
      readonly network: string;
      readonly device: string;
      readonly kind: LocalRange['kind'];
      readonly cidr: string;
    }
  /** A member announced a subnet that it may not: why, and the name of who holds it. */
  | {
      readonly event: 'route-refused';
      readonly network: string;
      readonly peer: string;
      readonly name: string;
      readonly cidr: string;
      readonly fault: RouteFault;
      readonly holder: string | null;
    }
  /** Packets leave by this interface, since nothing was heard by the preferred one; null: they leave by that again. */
  | {
      readonly event: 'uplink';
      readonly network: string;
      readonly device: string | null;
      readonly instead: string | null;
    }
  | { readonly event: 'stopped'; readonly network: string };

/** The id of the network that an event is about. */
export function networkOf(event: NodeEvent): string {
  return typeof event.network === 'string' ? event.network : event.network.id;
}

/** @param name ours, as the profile has it */
export function startedEvent(self: Self, name: string, device: string): NodeEvent {
  const node = { ...membershipOf(self).node, name };
  return { event: 'started', network: describeNetwork(self.network), node, device, pid: process.pid };
}

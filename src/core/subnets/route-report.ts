/** Subnets and where they lead, as `evio route list` and the control socket tell. */

export const routeStates = [
  /** This machine announces it, and it is this machine's. */
  'announced',
  /** Packets for it go to this member. */
  'active',
  /** Another member that shares it is before this one. */
  'standby',
  /** It holds, but this machine does not accept it. */
  'available',
  /** This machine has an address or a route of its own there. */
  'local',
  'refused',
] as const;
export type RouteState = (typeof routeStates)[number];

export const routeFaults = ['network', 'taken', 'right'] as const;
export type RouteFault = (typeof routeFaults)[number];

export interface RouteReport {
  readonly cidr: string;
  /** Address of the member behind which it lies. */
  readonly via: string;
  /** Packets for it go there; of our own: others send them here. */
  readonly active: boolean;
  readonly state: RouteState;
  /** Node id and name of that member. */
  readonly peer: string;
  readonly name: string;
  readonly own: boolean;
  readonly shared: boolean;
  /** Why it is refused: it overlaps the network, another member's subnet, or its member has not the right. */
  readonly fault: RouteFault | null;
  /** Name of who holds it instead. */
  readonly holder: string | null;
}

/** The protocol machine as the simulator drives it: what `Overlay` (topology/overlay.ts) offers. */
import type { OverlayPorts, RingReport, Role } from '../core/topology/overlay-ports.js';
import type { RingMessage } from '../core/wire/ring.js';

export interface OverlayMachine {
  start(now: number): void;
  stop(): void;
  connected(now: number, id: string, tunnel: boolean): void;
  disconnected(now: number, id: string): void;
  unreachable(now: number, id: string): void;
  receive(now: number, id: string, message: RingMessage): void;
  found(now: number, ids: readonly string[]): void;
  sized(now: number, members: number): void;
  /** A link that can pass packets on to this member. */
  friendOf(id: string): string | undefined;
  gone(now: number, id: string): void;
  /** When `tick` has something to do. */
  readonly dueAt: number;
  /** Carries out what is due; returns the time of the next tick. */
  tick(now: number): number;
  report(): RingReport;
}

export type MakeMachine = (self: { id: string; role: Role }, ports: OverlayPorts) => OverlayMachine;

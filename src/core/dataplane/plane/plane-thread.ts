/** A packet thread, as the plane keeps account of it, and what becomes of one that crashes. */
import type { RestartPolicy, SupervisedThread } from '../../native/supervised-thread.js';
import type { ThreadRing } from '../loop/thread-ring.js';
import type { Event } from './messages.js';
import type { Movable } from './moving.js';
import type { ThreadRole } from './roles.js';
import type { SharedMemory } from './shared.js';

/** A packet thread that crashes again and again is given up within a second: the node fails, and says so. */
export const restartPolicy: RestartPolicy = { firstMs: 20, limitMs: 5_000, calmMs: 10_000, restarts: 5 };

export interface PlaneThread {
  readonly role: ThreadRole;
  readonly movable: Movable;
  readonly packets: SupervisedThread<readonly Event[]>;
  /** Its own counters: no two threads write to one. */
  readonly shared: SharedMemory;
  /** To the steward. */
  readonly ring: ThreadRing | null;
  arenaAddress: number;
  ready: boolean;
  /** Why the thread before this one crashed. */
  crash: string;
}

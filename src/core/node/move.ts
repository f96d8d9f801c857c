/**
 * A run that goes on in another process. The one that leaves gathers what its parts know; the one that comes gives it to
 * parts of its own, before anything is sent: what they say meanwhile waits in the plane, which rests.
 */
import type { HeldPlane, MovablePlane, PlaneDescriptors } from '../dataplane/plane/plane.js';
import { equalBytes, wipe } from '../lib/bytes.js';
import type { Clock } from '../lib/env.js';
import { EvioError } from '../lib/errors.js';
import { libc } from '../native/libc.js';
import type { HeldNode, Heritage } from './held.js';
import type { NodeMove } from './node.js';
import type { Run } from './run.js';
import type { StateKeeper } from './state-keeper.js';

/** What both processes must know alike, since both read it from disk. */
interface Known {
  readonly serial: number;
  readonly credential: Uint8Array;
}

export interface MovePorts {
  readonly clock: Clock;
  /** The run there is. Throws EvioError EVIO_NOT_RUNNING. */
  live(): Run;
  known(): Known;
  readonly keeper: StateKeeper;
  beginAnew(): Promise<void>;
}

export class Move implements NodeMove {
  readonly #ports: MovePorts;

  constructor(ports: MovePorts) {
    this.#ports = ports;
  }

  descriptors(): PlaneDescriptors {
    // Whoever takes them reads from disk first, as at every start.
    this.#ports.keeper.save();
    return movableOf(this.#ports.live()).descriptors();
  }

  kept(): number[] {
    return this.#ports.live().relays.descriptors();
  }

  async freeze(): Promise<HeldNode> {
    const run = this.#ports.live();
    const movable = movableOf(run);
    try {
      const plane = await movable.freeze();
      if (this.#ports.live() !== run) throw new EvioError('EVIO_UPGRADE', 'The node just began anew.');
      run.turn.hold();
      return holdRun(run, this.#ports.clock.now(), { ...this.#ports.known(), plane });
    } catch (thrown) {
      movable.thaw();
      throw thrown;
    }
  }

  thaw(): void {
    const run = this.#ports.live();
    movableOf(run).thaw();
    run.turn.release();
  }

  letGo(): void {
    const { turn, pulse, relays, names, bridge, exit } = this.#ports.live();
    turn.close();
    pulse.stop();
    relays.linger();
    names.letGo();
    bridge.letGo();
    exit.letGo();
    // What this process would keep is not the newest any more.
    this.#ports.keeper.follow(undefined);
  }

  recover(): Promise<void> {
    return this.#ports.beginAnew();
  }

  leave(): Promise<void> {
    return this.#ports.live().plane.stop();
  }

  /** Goes on where the process before stops. @param begin what of the run says nothing to the outside */
  async takeOver(run: Run, heritage: Heritage, begin: () => void): Promise<void> {
    try {
      const held = await heritage.take();
      const { serial, credential } = this.#ports.known();
      if (held.serial !== serial || !equalBytes(held.credential, credential))
        throw new EvioError('EVIO_UPGRADE', 'the network changed in the very moment');
      // Parts that have not begun would take what they do not know yet for a change: on a busy machine it takes seconds until they do.
      run.pulse.hold();
      run.turn.input(() => {
        begin();
        adoptRun(run, held, this.#ports.clock.now());
      });
    } catch (thrown) {
      // Nothing is undone in order: all of it is the other process's, too.
      return heritage.fail(thrown);
    }
    await heritage.commit();
    run.pulse.release();
  }
}

function movableOf({ plane }: Run): MovablePlane {
  if (plane.movable) return plane.movable;
  throw new EvioError('EVIO_UPGRADE', 'This data plane cannot go to another process.');
}

/** What a run knows, once its plane rests and no input is taken any more. */
function holdRun(
  { members, relays, overlay, session, birthdays }: Run,
  now: number,
  own: Known & { readonly plane: HeldPlane },
): HeldNode {
  return {
    ...own,
    boot: session.boot,
    peers: members.all().flatMap((peer) => {
      const held = peer.held(now);
      const { current, wanted } = held.session;
      if (current === null && !wanted) return [];
      const hole = birthdays?.held(peer) ?? null;
      return [{ slot: peer.slot, credential: peer.member.credential, hole, ...held }];
    }),
    relays: relays.held(),
    overlay: overlay.held(),
  };
}

/** Gives it to the parts of a run that has begun nothing yet but its overlay. Within a turn. Wipes the keys. */
function adoptRun(run: Run, held: HeldNode, now: number): void {
  const { members, relays, overlay, session, plane, birthdays } = run;
  const { keys, peers: counters, floods, holes, ...rest } = held.plane;
  if (held.peers.length > 0) session.boot = held.boot;
  // Members may have other slots here.
  const peers = held.peers.flatMap((one) => {
    const peer = members.take(one.credential);
    return peer ? [{ one, peer }] : [];
  });
  const slots = new Map(peers.map(({ one, peer }) => [one.slot, peer.slot]));
  const moved = <T extends { readonly slot: number }>(all: readonly T[]): T[] =>
    all.flatMap((one) => {
      const slot = slots.get(one.slot);
      return slot === undefined ? [] : [{ ...one, slot }];
    });
  plane.movable?.adopt({
    ...rest,
    peers: moved(counters),
    floods: floods && { ...floods, seen: moved(floods.seen) },
  });
  // Peers ask them for ways.
  relays.adopt(held.relays);
  const sockets = plane.movable?.takeHoles() ?? new Map<number, number>();
  for (const { one, peer } of peers) {
    const { hole } = one;
    const fd = hole && holes.includes(hole.number) ? sockets.get(hole.number) : undefined;
    if (hole && fd !== undefined) birthdays?.adopt(now, peer, hole, fd);
  }
  for (const fd of sockets.values()) libc().close(fd);
  const byIndex = new Map(keys.map((key) => [key.keys.localIndex, key]));
  for (const { one, peer } of peers) peer.adopt(now, one, (index) => byIndex.get(index));
  if (held.overlay) overlay.adopt(now, held.overlay);
  wipeKeys(held);
}

/** Wipes the copies of the keys in it. */
export function wipeKeys({ plane }: HeldNode): void {
  for (const { keys } of plane.keys) {
    wipe(keys.sendKey);
    wipe(keys.receiveKey);
  }
}

/** A relay goes on where the process before stops: sockets, associations, connections, and what was counted. */
import { monotonicMs } from '../../core/native/clock.js';
import type { MovableForwarder } from '../forward/forwarder.js';
import type { HttpDoor } from '../http-door.js';
import type { Hub, TurnedAway } from '../hub.js';
import type { MemberConnection } from '../member-connection.js';
import type { MemberSocket } from '../member-socket.js';
import type { FarSocket } from './far-sockets.js';
import type { HeldGuest, HeldRelay } from './held.js';
import { farSockets, type RelayHeritage } from './heritage.js';
import { goingAway, networkSlots } from './hub-move.js';

export interface TakeOverParts {
  readonly heritage: RelayHeritage;
  readonly left: HeldRelay;
  readonly hub: Hub;
  readonly forwarder: MovableForwarder;
  readonly door: HttpDoor;
  /** The process before writes no more. */
  readonly begin: () => void;
  readonly connect: (
    socket: MemberSocket,
    observed: string,
    admitted: () => void,
    guest?: HeldGuest,
  ) => MemberConnection;
}

/** Resolves when packets flow; returns what ends its timers. Rejects when it cannot, and the process before goes on, or begins anew. */
export async function takeOver(parts: TakeOverParts): Promise<() => void> {
  const { heritage, left, hub, forwarder, door, begin, connect } = parts;
  const far = farSockets(heritage.sockets);
  const guests = far ? left.guests : left.guests.filter(({ member }) => member !== undefined);
  const enter = (socket: FarSocket, observed: string, guest?: HeldGuest): MemberConnection => {
    const place = door.adopt(observed);
    socket.whenGone(place.left);
    const admitted = (): void => {
      place.admitted();
      socket.admitted();
    };
    if (guest?.held.stage === 'up' || guest?.held.stage === 'waiting') place.admitted();
    return connect(socket, observed, admitted, guest);
  };
  const connections: MemberConnection[] = [];
  hub.move.adopt(
    { ...left, guests },
    (guest) => {
      const { observed } = guest.held;
      const connection = far
        ? enter(far.socket(guest.connection), observed, guest)
        : connect(nowhere, observed, () => undefined, guest);
      connections.push(connection);
      return connection;
    },
    (observed) => {
      const connection = connect(nowhere, observed, () => undefined);
      // So that nobody counts it among those that are open.
      connection.close(goingAway, 'gone');
      return connection;
    },
  );
  hub.packets.counters.add(left.totals);
  hub.packets.countOn(left.restarts);
  for (const [reason, count] of left.refused) hub.turnedAwayCounts.set(reason as TurnedAway, count);
  const tail = await heritage.commit();
  const rows = forwarder.fill(tail ?? left.forwarding, networkSlots(hub.packets));
  forwarder.begin(true);
  heritage.took();
  begin();
  const now = monotonicMs();
  hub.move.heardByUdp(
    rows.flatMap(({ association: { index }, udpAt }) =>
      udpAt > 0 ? [{ association: index, agoMs: now - udpAt }] : [],
    ),
  );
  await door.listenAt(heritage.sockets.listener);
  far?.begin((socket, observed) => {
    enter(socket, observed);
  });
  return far ? hub.move.sendAway(connections) : hub.move.expectBack(connections);
}

/** Of a member whose connection is gone, or went with the process before. */
const nowhere: MemberSocket = {
  bufferedAmount: 0,
  unsent: 0,
  listen: () => undefined,
  send: () => undefined,
  close: () => undefined,
  terminate: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
};

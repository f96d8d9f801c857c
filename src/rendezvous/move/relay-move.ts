/**
 * A running relay leaves for another process. The sockets and what is known go there; the WebSockets stay here, and the other
 * process speaks by them (front.ts) until its nodes have come to it by themselves.
 *
 *   freeze   nothing is taken from WebSockets any more, what is known is on disk; UDP is forwarded all the while
 *   letGo    UDP comes to rest, and what became of the associations since is told
 */
import type { Server } from 'node:http';
import type { Snapshot } from '../../core/handover/blobs.js';
import { EvioError, messageOf } from '../../core/lib/errors.js';
import { libc } from '../../core/native/libc.js';
import { descriptorOf } from '../../core/native/listening.js';
import { socketPair, type SocketPair } from '../../core/native/socket-pair.js';
import type { UdpSocket } from '../../core/native/udp-socket.js';
import type { CounterBlock } from '../counters.js';
import { totalsOf } from '../counters.js';
import type { Forwarder, MovableForwarder } from '../forward/forwarder.js';
import type { HttpDoor } from '../http-door.js';
import type { Hub } from '../hub.js';
import type { MemberConnection } from '../member-connection.js';
import type { StateLog } from '../state-log.js';
import type { Front } from './front.js';
import { Pipe } from './pipe.js';
import { encodeForwarding, encodeRelay } from './relay-snapshot.js';

/** What goes with the descriptors, which come in the order listener, UDP, and then those that there are of pipe, second UDP, metrics. */
export interface RelayDescriptors {
  readonly fds: readonly number[];
  readonly facts: {
    readonly port: number;
    readonly udp: Omit<UdpSocket, 'fd'>;
    readonly alternate: Omit<UdpSocket, 'fd'> | null;
    readonly metrics: boolean;
    readonly pipe: boolean;
  };
}

/** Of the server that leaves. */
export interface MoveParts {
  readonly door: HttpDoor;
  readonly port: number;
  readonly forwarder: Forwarder;
  readonly hub: Hub;
  readonly log: StateLog;
  readonly metrics: Server | undefined;
  /** All that are open, each with what the door is told when a member registers by it. */
  readonly connections: ReadonlyMap<MemberConnection, () => void>;
  readonly counters: CounterBlock;
}

export class RelayMove {
  readonly #parts: MoveParts;
  readonly front: Front;
  /** This process ends before the other begins: nobody speaks by its WebSockets then. */
  readonly #rests: boolean;
  #pair: SocketPair | undefined;
  #closedTheirs = false;
  #ended: Promise<void> = Promise.resolve();
  #numbers = new Map<number, MemberConnection>();

  constructor(parts: MoveParts, front: Front, rests: boolean) {
    this.#parts = parts;
    this.front = front;
    this.#rests = rests;
  }

  /** Throws EvioError EVIO_UPGRADE where a part cannot go to another process. */
  descriptors(): RelayDescriptors {
    const { door, port, metrics } = this.#parts;
    const { socket, alternate } = this.#movable.sockets;
    try {
      if (!this.#rests) this.#pair = socketPair();
      const fds = [door.descriptor, socket.fd];
      if (this.#pair) fds.push(this.#pair.fd);
      if (alternate) fds.push(alternate.fd);
      if (metrics) fds.push(descriptorOf(metrics));
      const facts = {
        port,
        udp: withoutFd(socket),
        alternate: alternate ? withoutFd(alternate) : null,
        metrics: metrics !== undefined,
        pipe: this.#pair !== undefined,
      };
      return { fds, facts };
    } catch (thrown) {
      throw new EvioError('EVIO_UPGRADE', `The relay cannot be handed over: ${messageOf(thrown)}.`);
    }
  }

  get #movable(): MovableForwarder {
    const { movable } = this.#parts.forwarder;
    if (movable) return movable;
    throw new EvioError('EVIO_UPGRADE', 'This relay forwards on its main thread and cannot be handed over.', [
      'Start it again: its members come back by themselves.',
    ]);
  }

  async freeze(): Promise<Snapshot> {
    const { hub, log, connections, counters } = this.#parts;
    // They begin another connection at once, which waits until somebody takes it.
    if (this.#rests) for (const connection of connections.keys()) connection.sendAway();
    for (const [connection, admitted] of connections)
      this.#numbers.set(this.front.hold(connection.socket, admitted), connection);
    await hub.move.settled();
    for (const connection of connections.keys()) connection.rest();
    await log.rest();
    const numbers = new Map([...this.#numbers].map(([number, connection]) => [connection, number]));
    return encodeRelay({
      ...hub.move.held(numbers),
      totals: totalsOf([counters]),
      restarts: hub.packets.restarts,
      refused: [...hub.turnedAwayCounts],
      forwarding: this.#movable.held(),
    });
  }

  /** All goes on here. @param connect makes a connection of one that came meanwhile */
  thaw(connect: (socket: MemberConnection['socket'], observed: string) => MemberConnection): void {
    this.#closeTheirEnd();
    this.#pair?.stream.destroy();
    for (const connection of this.#numbers.values()) connection.wake();
    this.front.release((number, newcomer) => {
      const known = this.#numbers.get(number);
      if (known) return known.listener;
      if (!newcomer) throw new Error('a connection of nobody');
      return connect(newcomer.socket, newcomer.observed).listener;
    });
    this.#numbers.clear();
  }

  /** For good. What became of the associations until this moment. */
  async letGo(): Promise<Snapshot> {
    const { door, forwarder, hub, log, metrics } = this.#parts;
    const movable = this.#movable;
    const { front } = this;
    await movable.rest();
    const tail = encodeForwarding(movable.held());
    this.#closeTheirEnd();
    hub.stop();
    for (const connection of this.#numbers.values()) connection.letGo();
    this.#numbers.clear();
    log.abandon();
    if (this.#rests) return tail;
    metrics?.close();
    void door.leaveListening().then(() => {
      front.lastCame();
    });
    const { stream } = this.#pair as SocketPair;
    stream.unref();
    front.serve(new Pipe(stream));
    this.#ended = forwarder.stop();
    return tail;
  }

  /** After `letGo`: resolves when no socket of the relay is open here. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** After `letGo`: nobody speaks by the WebSockets any more. */
  hangUp(): void {
    this.#pair?.stream.destroy();
  }

  #closeTheirEnd(): void {
    const pair = this.#pair;
    if (!pair || this.#closedTheirs) return;
    this.#closedTheirs = true;
    libc().close(pair.fd);
  }
}

function withoutFd({ fd: _fd, ...rest }: UdpSocket): Omit<UdpSocket, 'fd'> {
  return rest;
}

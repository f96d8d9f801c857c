/** Runs a member inside this program: without an interface, without privilege. */
import type { Duplex } from 'node:stream';
import { hostname } from 'node:os';
import { homeFrom, type Home } from '../core/config/home.js';
import { selectNetwork } from '../core/config/select.js';
import { Store } from '../core/config/store.js';
import type { NodeEvent, PeerReport, StatusReport } from '../core/control/schema.js';
import { relayErrands } from '../core/enroll/errands.js';
import { joinNetwork } from '../core/enroll/join.js';
import { nodeNameFrom } from '../core/identity/names.js';
import { silentLogger, systemClock, systemRandom, type Logger } from '../core/lib/env.js';
import { EvioError } from '../core/lib/errors.js';
import { LogRing } from '../core/lib/log-ring.js';
import { addressBytes } from '../core/lib/endpoint.js';
import { parseIpv4 } from '../core/lib/ipv4.js';
import { ownVersion } from '../core/native/packed.js';
import { createNode } from '../core/node/create-node.js';
import { memberAddress } from '../core/node/neighbourhood.js';
import type { Node } from '../core/node/node.js';
import { Runner } from '../core/process/runner.js';
import { storedNetwork } from '../core/process/stored-network.js';
import { driveStack, type DrivenStack } from '../core/userspace/driven-stack.js';
import { ProgramDevice } from './program-port.js';
import { Queue } from './queue.js';

export interface JoinOptions {
  /** As `evio token create` printed it. */
  readonly token: string;
  /** State folder of this member; default: EVIO_HOME, or that of this user. */
  readonly home?: string;
  /** Name in the network; default: the machine's host name. */
  readonly name?: string;
}

export interface OpenOptions {
  /** As in `JoinOptions`. */
  readonly home?: string;
  /** Name or id; needed where the folder has several. */
  readonly network?: string;
  /**
   * Makes this program a port of the network's switch: it is given each Ethernet frame for it and sends its own, and there is no
   * TCP/IP here. The bytes are valid during the call only. Frames whose sender is not this member's MAC and addresses are refused by
   * the others, as everywhere.
   */
  readonly onFrame?: (frame: Uint8Array) => void;
  /** Default: nothing is logged. */
  readonly log?: Logger;
  /** How long `openNetwork` waits for the first connection, ms; default 30 000. It goes on connecting after that. */
  readonly waitMs?: number;
}

export interface OpenNetwork {
  readonly node: StatusReport['node'];
  readonly network: StatusReport['network'];
  /** False: no relay and no peer answered in time; it is tried on. */
  readonly connected: boolean;
  status(): StatusReport;
  peers(): readonly PeerReport[];
  /** What happens from now on, until the loop is left or the network closed. */
  events(): AsyncIterable<NodeEvent>;
  /** With `onFrame`: sends a frame, from destination MAC to payload, without checksum. Throws EVIO_BAD_VALUE otherwise. */
  send(frame: Uint8Array): void;
  /**
   * Without `onFrame`: TCP to a member.
   *
   * @param host name or address of a member. Throws EVIO_UNKNOWN_PEER, EVIO_BAD_VALUE; rejects with `code` ECONNREFUSED, ETIMEDOUT,
   * EHOSTUNREACH
   */
  connect(host: string, port: number): Promise<Duplex>;
  /** Without `onFrame`: takes TCP connections of members. Throws EVIO_BAD_VALUE, also for a port that is taken. */
  listen(port: number, taken: (connection: Duplex) => void): void;
  /** Says goodbye, and ends the member's run. Idempotent. */
  close(): Promise<void>;
}

const homeOf = (path: string | undefined): Home =>
  homeFrom(path === undefined ? process.env : { EVIO_HOME: path });

/** Makes this program's folder a member by a token. Harmless when it is one. Throws EvioError as `evio join`. */
export async function join({ token, home, name }: JoinOptions): Promise<void> {
  const place = homeOf(home);
  const env = { clock: systemClock, random: systemRandom, log: silentLogger };
  await joinNetwork(
    { token, name: name ?? nodeNameFrom(hostname()), contact: true },
    {
      store: new Store(place),
      env,
      errands: relayErrands(env, `evio/${ownVersion()}`),
      machine: () => [],
      running: () => [],
    },
  );
}

/**
 * Runs a member of a network inside this program. While it is open, `evio status` and the others can be asked about it with the same
 * EVIO_HOME, and no second process runs it.
 *
 * @throws EvioError EVIO_NO_NETWORK, EVIO_ALREADY_RUNNING, EVIO_STORAGE, EVIO_NO_NATIVE
 */
export async function openNetwork(options: OpenOptions = {}): Promise<OpenNetwork> {
  const { onFrame, log = silentLogger, waitMs = 30_000 } = options;
  const home = homeOf(options.home);
  const store = new Store(home);
  const { id } = selectNetwork(store.list(), options.network);
  const queues = new Set<Queue<NodeEvent>>();
  let device: ProgramDevice | undefined;
  let driven: DrivenStack | undefined;
  let node: Node | undefined;
  const listeners = new Map<number, (connection: Duplex) => void>();
  let started: (error?: Error) => void = () => undefined;
  const whenStarted = new Promise<void>((resolve, reject) => {
    started = (error) => {
      if (error) reject(error);
      else resolve();
    };
  });
  const runner = new Runner({
    home,
    networks: [storedNetwork(store, id, log)],
    env: { clock: systemClock, random: systemRandom, log },
    logRing: new LogRing(),
    version: ownVersion(),
    machine: () => [],
    running: () => [],
    createNode: (made) => {
      node = createNode({
        ...made,
        // A member that gets another address begins anew, with another device.
        makeDevice: (wanted) => {
          driven?.stop();
          const port = new ProgramDevice(wanted, (frame) => {
            if (onFrame) onFrame(frame);
            else driven?.stack.input(frame);
          });
          device = port;
          if (!onFrame) {
            driven = driveStack(wanted, (frame) => {
              port.port.send(frame);
            });
            for (const [at, taken] of listeners) driven.stack.listen(at, taken);
          }
          return port;
        },
      });
      return node;
    },
    onEvent: (event) => {
      if (event.event === 'started') started();
      for (const queue of queues) queue.push(event);
    },
  });
  const ended = runner.run();
  ended.then(
    () => {
      started(new EvioError('EVIO_INTERRUPTED', 'The network was closed before it had started.'));
    },
    (thrown: unknown) => {
      started(thrown as Error);
    },
  );
  await whenStarted;
  // Set by a callback, which the compiler does not follow.
  const running = (() => node)();
  if (!running) throw new EvioError('EVIO_INTERNAL', 'a node that started is none');
  const connected = await running.waitConnected(waitMs);
  const only = (kind: 'frames' | 'a stack'): EvioError =>
    new EvioError(
      'EVIO_BAD_VALUE',
      `This network was opened with ${kind === 'frames' ? 'a stack' : 'frames'}, not with ${kind}.`,
      ['Give openNetwork an onFrame, or leave it out.'],
    );
  return {
    node: running.status().node,
    network: running.status().network,
    connected,
    status: () => running.status(),
    peers: () => running.peers(),
    async *events() {
      const queue = new Queue<NodeEvent>();
      queues.add(queue);
      try {
        yield* queue;
      } finally {
        queues.delete(queue);
      }
    },
    send: (frame) => {
      if (!onFrame) throw only('frames');
      device?.port.send(frame);
    },
    connect: async (host, port) => {
      if (!driven) throw only('a stack');
      const socket = driven.stack.connect(addressOf(running, host), port);
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.once('connect', () => {
          socket.removeListener('error', reject);
          resolve();
        });
      });
      return socket;
    },
    listen: (port, taken) => {
      if (!driven) throw only('a stack');
      if (!driven.stack.listen(port, taken))
        throw new EvioError('EVIO_BAD_VALUE', `Port ${port} of this member is taken.`);
      listeners.set(port, taken);
    },
    close: async () => {
      await runner.stop();
      driven?.stop();
      await ended.catch(() => undefined);
      for (const queue of queues) queue.end();
    },
  };
}

/** Throws EvioError EVIO_UNKNOWN_PEER. */
function addressOf(node: Node, host: string): Uint8Array {
  const ip = parseIpv4(memberAddress(node, host) ?? host);
  if (ip !== undefined) return Uint8Array.of(ip >>> 24, ip >>> 16, ip >>> 8, ip);
  const bytes = addressBytes(host);
  if (bytes) return bytes;
  throw new EvioError('EVIO_UNKNOWN_PEER', `No member is called "${host}".`);
}

/**
 * The real data plane: opens interface and socket, has a thread move the packets (worker.ts), and tells the thread that
 * follows one that crashed what that one knew (mirror.ts). Descriptors belong to the process, so the interface stays
 * while the thread is exchanged. With several threads (roles.ts) each is told the same.
 */
import { availableParallelism } from 'node:os';
import type { MessagePort } from 'node:worker_threads';
import { ip6Of, minMtu6 } from '../../identity/inner-ipv6.js';
import { EvioError } from '../../lib/errors.js';
import { systemClock, type Logger } from '../../lib/env.js';
import { Arena, mapLow, unmap } from '../../native/arena.js';
import { monotonicClock } from '../../native/clock.js';
import { Ed25519 } from '../../native/ed25519.js';
import { Evp } from '../../native/evp.js';
import { Sha256 } from '../../native/sha256.js';
import { libc } from '../../native/libc.js';
import { compiledProgram, SupervisedThread } from '../../native/supervised-thread.js';
import type { AddressOwners } from '../../switch/address-owners.js';
import type { Device, DeviceOptions } from '../../tap/device.js';
import { mendTap, type Mendable } from '../../tap/mend.js';
import { createTap } from '../../tap/tap-linux.js';
import { CommandPlane, own } from './command-plane.js';
import { deliver } from './deliver.js';
import { ThreadRing } from '../loop/thread-ring.js';
import { arenaLength, newOwners } from '../loop/loop.js';
import { quietMs } from '../loop/stir.js';
import { KeyMemory, KeyPlaces, sharedKeyLimit } from '../keys/key-state.js';
import type { HeldCounters } from './held.js';
import type { Command, Event, ThreadSetup, WorkerSetup } from './messages.js';
import { Mirror } from './mirror.js';
import { HolePlaces } from './hole-places.js';
import { descriptorsOf, inheritedTap, inheritedUdp } from './inherited.js';
import { Moving } from './moving.js';
import type {
  GuardRule,
  HoleRoute,
  MovablePlane,
  PlaneListener,
  PlaneOptions,
  SessionKeys,
} from './plane.js';
import { defaultThreads, rolesFor, rolesOf, type ThreadRole, type ThreadRoles } from './roles.js';
import { Shedding } from './shedding.js';
import { restartPolicy, type PlaneThread as Thread } from './plane-thread.js';
import { DeviceField, FlowField, peerLimit, sharedMemory } from './shared.js';
import { superFrameLimit } from '../offload/tx-batch.js';
import { openUdpGroup, pinUdp, renewUdp, type UdpSocket } from './udp-socket.js';

export class WorkerPlane extends CommandPlane {
  readonly #options: PlaneOptions;
  readonly #log: Logger;
  #roles: ThreadRoles;
  readonly #threads: Thread[] = [];
  /** What several threads share of their keys; undefined for one. */
  readonly #places: KeyPlaces | undefined;
  readonly #keys: KeyMemory | undefined;
  readonly #owners: AddressOwners | undefined;
  readonly #makeDevice: (options: DeviceOptions) => Device;
  readonly #mirror = new Mirror();
  readonly watchKeys = this.#mirror.watch.bind(this.#mirror);
  readonly #moving: Moving;
  readonly #shedding = new Shedding({
    sockets: () => this.#udp.map(({ fd }) => fd),
    arrived: () =>
      this.#threads.reduce((sum, { shared }) => sum + (shared.device[DeviceField.initiations] as number), 0),
    hosts: () => this.#mirror.hosts(),
    log: (share) => {
      if (share === null) this.#log.info('initiations of strangers are taken again');
      else this.#log.debug('initiations of strangers are shed', { share });
    },
  });
  /** When `stirred` was told last, by slot. */
  readonly #stirredAt = new Float64Array(peerLimit);
  readonly #now = monotonicClock(new Arena(16));
  #listener: PlaneListener | undefined;
  #device: Device | undefined;
  #udp: UdpSocket[] = [];
  readonly #holes = new HolePlaces();
  #pins: readonly [v4: number, v6: number] = [0, 0];
  #stopping: Promise<void> | undefined;
  #restarts = 0;
  #failed = false;
  /** Settle `start`; undefined once it is settled. */
  #ready: (() => void) | undefined;
  #unready: ((error: Error) => void) | undefined;

  /** @param makeDevice brings the interface up; default: one of the kernel's */
  constructor(
    options: PlaneOptions,
    log: Logger,
    makeDevice: (options: DeviceOptions) => Device = createTap,
  ) {
    super();
    this.#options = options;
    this.#log = log;
    this.#makeDevice = makeDevice;
    this.#roles = rolesOf(options.threads ?? defaultThreads(availableParallelism()));
    const { inherited } = options;
    if (inherited && inherited.udps.length !== this.#roles.sockets)
      this.#roles = rolesFor(inherited.taps.length, inherited.udps.length);
    if (this.#roles.threads.length > 1) {
      this.#keys = new KeyMemory();
      this.#places = new KeyPlaces(this.#keys);
      this.#owners = newOwners();
    }
    this.#moving = new Moving(
      {
        mirror: this.#mirror,
        places: this.#places,
        memories: this.memories,
        threads: () => this.#threads.map(({ movable }) => movable),
        descriptors: () => descriptorsOf(this.#device, this.#udp, this.#holes.descriptors()),
        flows: () => this.heldFlows(),
        adoptFlows: (words) => {
          this.adoptFlows(words);
        },
        holes: () => this.#holes.same,
      },
      inherited,
    );
  }

  /** A device that lives in this process stays in it. */
  override get movable(): MovablePlane | undefined {
    return this.#makeDevice === createTap ? this.#moving : undefined;
  }

  get port(): number {
    return this.#udp[0]?.port ?? 0;
  }

  get deviceName(): string {
    return this.#device?.name ?? '';
  }

  /** Throws EVIO_NO_NATIVE, EVIO_NO_TUN, EVIO_NO_PRIVILEGE, EVIO_DEVICE or EVIO_ADDRESS_IN_USE, with nothing left behind. */
  async start(listener: PlaneListener): Promise<void> {
    if (this.#device || this.#stopping) throw new EvioError('EVIO_INTERNAL', 'a data plane starts once');
    const { deviceName, mac, ip, prefix, mtu, port, bindAddress } = this.#options;
    const ip6 = this.#ip6;
    this.#listener = listener;
    try {
      // What the worker will need: better missed here, where it can be told.
      const arena = new Arena(4_096);
      new Evp(arena);
      new Sha256(arena).close();
      new Ed25519(arena, this.#options.seed).close();
      const { queues, sockets } = this.#roles;
      const { inherited } = this.#options;
      this.#udp = inherited ? inheritedUdp(inherited) : openUdpGroup(port, bindAddress, sockets);
      this.#device = inherited
        ? inheritedTap(inherited)
        : this.#makeDevice({
            name: deviceName,
            mac,
            ip,
            prefix,
            ip6,
            mtu,
            superFrame: superFrameLimit(mtu),
            queues,
          });
      if (ip6 !== null && !this.#device.ipv6)
        this.#log.info('no IPv6 on this machine: the interface has none');
      if (this.#device.fds.length < queues) {
        this.#log.warn('one queue of the interface only', { wanted: queues });
        this.#roles = rolesFor(1, sockets);
      }
      for (const role of this.#roles.threads) this.#threads.push(this.#makeThread(role));
      const ready = new Promise<void>((resolve, reject) => {
        this.#ready = resolve;
        this.#unready = reject;
      });
      const name = `evio-plane-${this.#device.name}`;
      const several = this.#threads.length > 1;
      for (const [i, { packets }] of this.#threads.entries()) packets.start(several ? `${name}-${i}` : name);
      await ready;
    } catch (thrown) {
      await this.stop();
      throw thrown;
    }
  }

  #makeThread(role: ThreadRole): Thread {
    const shared = sharedMemory();
    this.memories.push(shared);
    const thread: Thread = {
      role,
      movable: {
        steward: role.steward,
        post: (command) => {
          thread.packets.post(command);
        },
      },
      shared,
      ready: false,
      crash: '',
      ring: role.steward ? null : new ThreadRing(),
      arenaAddress: mapLow(arenaLength),
      packets: new SupervisedThread<readonly Event[]>(
        {
          program: compiledProgram('./worker.js', import.meta.url),
          control: shared.control,
          policy: restartPolicy,
          clock: systemClock,
        },
        {
          setup: (port) => this.#setup(thread, port),
          heard: (events) => {
            for (const event of events) this.#deliver(thread, event);
          },
          crashed: (reason, givenUp) => {
            this.#crashed(thread, reason, givenUp);
          },
          restarted: () => {
            this.#restarted(thread);
          },
        },
      ),
    };
    return thread;
  }

  #setup(thread: Thread, port: MessagePort): WorkerSetup {
    const { role, packets, shared } = thread;
    const udp = this.#udp[role.socket];
    const device = this.#device;
    const tapFd = device?.fds[role.queue];
    if (!udp || !device || tapFd === undefined) throw new EvioError('EVIO_INTERNAL', 'no descriptors');
    const { nodeId, seed, ip, prefix6, mac, mtu, leaf, bridge } = this.#options;
    shared.flow.fill(0);
    shared.flow[FlowField.port] = udp.port;
    return {
      frozen: this.#moving.frozen,
      shared: shared.buffer,
      port,
      wakeFd: packets.wakeFd,
      tapFd,
      datagramOffload: device.datagramOffload,
      udpFd: udp.fd,
      ipv6: udp.ipv6,
      arenaAddress: thread.arenaAddress,
      arenaLength,
      nodeId: own(nodeId),
      seed: own(seed),
      leaf: leaf ?? false,
      bridge: bridge ?? false,
      ip,
      prefix6,
      mac,
      mtu,
      threads: this.#threadSetup(thread),
    };
  }

  #threadSetup({ role, ring }: Thread): ThreadSetup | null {
    const steward = this.#threads[0];
    if (!this.#keys || !this.#owners || !steward) return null;
    return {
      role,
      keys: this.#keys.buffer,
      owners: this.#owners.buffer,
      outgoing: ring?.buffer ?? null,
      incoming: role.steward ? this.#threads.flatMap((t) => (t.ring ? [t.ring.buffer] : [])) : [],
      stewardFd: steward.packets.wakeFd,
    };
  }

  #crashed(thread: Thread, reason: string, givenUp: boolean): void {
    if (this.#unready) {
      this.#unready(new EvioError('EVIO_INTERNAL', `the data plane does not start: ${reason}`));
      return;
    }
    thread.crash = reason;
    this.#log.error('data plane crashed', { reason });
    if (givenUp)
      this.#fail(new EvioError('EVIO_INTERNAL', `the data plane crashes again and again: ${reason}`));
  }

  /** Another thread takes the place of one that crashed. */
  #restarted(thread: Thread): void {
    this.#restarts++;
    this.#log.info('data plane restarted', { restarts: this.#restarts });
    for (const command of this.#mirror.replay()) thread.packets.post(command);
    this.#listener?.restarted(this.#restarts, thread.crash);
  }

  #fail(error: Error): void {
    if (this.#failed || this.#stopping) return;
    this.#failed = true;
    this.#listener?.failed(error);
  }

  #deliver(thread: Thread, event: Event): void {
    const listener = this.#listener;
    if (!listener || this.#stopping) return;
    switch (event.type) {
      case 'ready':
        thread.packets.letGo();
        thread.ready = true;
        if (!this.#threads.every(({ ready }) => ready)) return;
        this.#ready?.();
        this.#ready = undefined;
        this.#unready = undefined;
        return;
      case 'learned': {
        const { high, low, slot } = event;
        for (const { packets } of this.#threads)
          if (packets !== thread.packets) packets.post({ type: 'learn', high, low, slot });
        return;
      }
      case 'frozen':
        this.#moving.rested(thread.movable, event.held);
        return;
      case 'failed':
        if (this.#failed) return;
        this.#failed = true;
        deliver(listener, thread.shared, event);
        return;
      case 'crowded':
        this.#shedding.begin(event.perSecond);
        return;
      case 'stirred':
        if (this.#toldByAnother(event.slot)) return;
        deliver(listener, thread.shared, event);
        return;
      default:
        deliver(listener, thread.shared, event);
    }
  }

  /** Of several threads each sees a part of the traffic with a peer, and what one told the others tell again. */
  #toldByAnother(slot: number): boolean {
    if (this.#threads.length === 1) return false;
    const now = this.#now();
    if (now - (this.#stirredAt[slot] as number) < quietMs) return true;
    this.#stirredAt[slot] = now;
    return false;
  }

  protected command(command: Command): void {
    if (this.#stopping) return;
    this.#mirror.note(command);
    for (const { packets } of this.#threads) packets.post(command);
  }

  protected commandSender(command: Command): void {
    if (!this.#stopping) this.#threads[0]?.packets.post(command);
  }

  protected commandReceiver(command: Command, transfer: ArrayBuffer[]): void {
    if (this.#stopping) return;
    this.#threads.find(({ role }) => role.receives)?.packets.post(command, transfer);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await Promise.all(this.#threads.map(({ packets }) => packets.stop()));
    this.#device?.close();
    this.#shedding.stop();
    for (const { fd } of this.#udp) libc().close(fd);
    this.#holes.close();
    for (const thread of this.#threads) {
      if (thread.arenaAddress !== 0) unmap(thread.arenaAddress, arenaLength);
      thread.arenaAddress = 0;
    }
    this.#mirror.clear();
    this.#listener = undefined;
  }

  override addPeer(slot: number, nodeId: Uint8Array, publicKey: Uint8Array, guard: GuardRule): void {
    this.#places?.releasePeer(slot);
    this.#stirredAt[slot] = -Infinity;
    super.addPeer(slot, nodeId, publicKey, guard);
  }

  override removePeer(slot: number): void {
    super.removePeer(slot);
    this.#places?.releasePeer(slot);
  }

  override addKey(slot: number, keys: SessionKeys, held?: HeldCounters): void {
    const place = this.#places?.take(slot, keys.localIndex, held);
    if (this.#places && place === undefined) {
      this.#log.warn('no room for another key', { limit: sharedKeyLimit });
      return;
    }
    this.installKey(slot, keys, place, this.#places ? undefined : held);
  }

  override removeKey(localIndex: number): void {
    super.removeKey(localIndex);
    this.#places?.release(localIndex);
  }

  override setHole(hole: number, route: HoleRoute | null): void {
    if (this.#stopping) return;
    super.setHole(hole, route && { ...route, fd: this.#holes.take(hole, route.fd) });
    if (!route) this.#holes.drop(hole);
  }

  /** A new socket takes the place of the old one under the same descriptor, so the worker need not know. */
  async rebind(): Promise<void> {
    const [first] = this.#udp;
    if (!first || this.#stopping) return;
    this.#udp = renewUdp(this.#udp, this.#options.bindAddress, this.#pins, (error) => {
      this.#log.warn('udp port lost on rebind', { port: first.port, error });
    });
    for (const { packets, shared } of this.#threads) {
      shared.flow[FlowField.port] = this.#udp[0]?.port ?? 0;
      packets.wake();
    }
  }

  override pin(v4: number, v6: number): void {
    this.#pins = [v4, v6];
    for (const socket of this.#udp) pinUdp(socket, v4, v6);
    this.#holes.pin(v4);
  }

  override mend(): readonly Mendable[] {
    return this.#device && !this.#stopping
      ? mendTap(this.#device.fds[0], { ...this.#options, name: this.deviceName, ip6: this.#ip6 })
      : [];
  }

  /** Of the interface; null where its MTU is too small for IPv6. */
  get #ip6(): Uint8Array | null {
    const { prefix6, mac, mtu } = this.#options;
    return mtu < minMtu6 ? null : ip6Of(prefix6, mac);
  }

  now(): number {
    return this.#now();
  }

  /** Test hook: lets a thread crash. */
  crash(thread = 0): void {
    this.#threads[thread]?.packets.post({ type: 'crash' });
  }
}

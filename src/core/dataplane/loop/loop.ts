/**
 * The packet loop without its thread: both directions over one `PacketIo`, and the commands of the control thread.
 * One call of `round` does a bounded amount of work in each direction, so that neither starves the other.
 */
import { randomFillSync } from 'node:crypto';
import type { Arena } from '../../native/arena.js';
import { Evp } from '../../native/evp.js';
import { AddressOwners, ownerKeys } from '../../switch/address-owners.js';
import { Fdb } from '../../switch/fdb.js';
import { Guard } from '../../switch/guard.js';
import { OwnFlows } from '../../switch/own-flows.js';
import { PolicyFilter } from '../../switch/policy-filter.js';
import { MemberTable } from '../../switch/members.js';
import { movedReply, MovedAddresses } from '../../switch/moved-addresses.js';
import { Multicast } from '../../switch/multicast.js';
import { subnetKeys, SubnetTable } from '../../switch/subnet-table.js';
import { positionOf } from '../../topology/position.js';
import { macHigh, macLow } from '../../wire/ethernet.js';
import { Broadcast } from './broadcast.js';
import type { LoopContext, LoopOptions, LoopThreads } from './context.js';
import { GroupPorts } from './group-ports.js';
import { RingRecord, type ThreadRing } from './thread-ring.js';
import { kernelIoBytes } from './kernel-io.js';
import { joinerBytes } from '../offload/joiner.js';
import type { HeldLoop } from '../plane/held.js';
import { LanPort, lanSlot } from './lan-port.js';
import { Learning } from './learning.js';
import { Links } from './links.js';
import type { Command, Event } from '../plane/messages.js';
import type { PacketIo } from './packet-io.js';
import type { Neighbour } from '../plane/plane.js';
import { Receive } from './receive.js';
import { rolesOf, type ThreadRole } from '../plane/roles.js';
import { Holes } from './holes.js';
import { Relays } from './route.js';
import { Sealer } from '../keys/seal.js';
import { peerLimit, type SharedMemory } from '../plane/shared.js';
import { Tables } from './table.js';
import { Transmit } from './transmit.js';
import { TxBatch } from '../offload/tx-batch.js';
import { Uplink } from './uplink.js';
import { Urgency } from './urgency.js';

/** Bytes of arena that one loop needs, and its `KernelIo`. */
export const arenaLength = 2_949_120 + joinerBytes + kernelIoBytes;

/**
 * Frames read from the interface in one round, and bytes after which the round turns to the network. Some super-frames
 * together: one makes more packets than a send takes, and the rest of it leaves with the next.
 */
const deviceFrames = 64;
const deviceBytes = 250_000;
/** Trains received in one round: as many as one call of `KernelIo` brings, so that none waits there between rounds. */
const receiveTrains = 8;
/** Records taken from each other loop in one round. */
const ringRecords = 64;

/** Where packets wait, as poll() tells. */
export const Ready = { device: 1, network: 2, both: 3 } as const;

/** What a round found: nothing, a packet and its answer, more than that but all there was, or so much that there may be more. */
export const Round = { idle: 0, lone: 1, drained: 2, more: 3 } as const;
export type Round = (typeof Round)[keyof typeof Round];

export class PacketLoop {
  readonly #c: LoopContext;
  readonly #broadcast: Broadcast;
  readonly #transmit: Transmit;
  readonly #receive: Receive;
  readonly #now: () => number;
  readonly #role: ThreadRole;
  readonly #threads: LoopThreads | null;
  readonly #groupPorts: GroupPorts;
  readonly #moved = new MovedAddresses();
  /** How much of a hurry the thread is in, after each round. */
  readonly urgency = new Urgency();
  /** When multicast has something to do. */
  #groupsAt = Infinity;

  constructor(
    arena: Arena,
    io: PacketIo,
    shared: SharedMemory,
    options: LoopOptions,
    now: () => number,
    post: (events: Event[], transfer: ArrayBuffer[]) => void,
    threads: LoopThreads | null = null,
  ) {
    const evp = new Evp(arena);
    const uplink = new Uplink(shared, post);
    const tables = new Tables(arena, evp, shared, threads?.keys ?? null);
    const fdb = new Fdb(lanSlot + 1);
    this.#threads = threads;
    for (const ring of threads?.incoming ?? []) ring.skipAll();
    this.#role = threads?.role ?? (rolesOf(1).threads[0] as ThreadRole);
    const self = arena.alloc(options.nodeId.length);
    arena.u8.set(options.nodeId, self);
    this.#now = now;
    const { leaf, bridge } = options;
    const position = positionOf(options.nodeId);
    const groupPorts = (this.#groupPorts = new GroupPorts(arena));
    const multicast = new Multicast({ position, mac: macBytes(options), bridge, leaf }, groupPorts);
    const links = new Links(arena, tables, position, leaf);
    const members = new MemberTable();
    const subnets = new SubnetTable(randomFillSync(new Int32Array(subnetKeys)));
    const owners = threads?.owners ?? newOwners();
    this.#c = {
      options,
      arena,
      io,
      evp,
      shared,
      uplink,
      tables,
      relays: new Relays(arena),
      holes: new Holes(arena, shared),
      tx: new TxBatch(arena, io, shared, uplink),
      fdb,
      learning: new Learning(fdb, threads === null ? null : uplink),
      toSteward: threads?.outgoing ?? null,
      members,
      subnets,
      guard: new Guard(members, owners, subnets, options.prefix6),
      links,
      multicast,
      self,
      lan: null,
      policy: null,
      now: now(),
      stirred: null,
    };
    const sealer = new Sealer(this.#c);
    const broadcast = new Broadcast(this.#c, sealer);
    this.#broadcast = broadcast;
    this.#transmit = new Transmit(this.#c, sealer, broadcast);
    this.#receive = new Receive(this.#c, sealer, broadcast);
    groupPorts.attach({ context: this.#c, sealer, broadcast });
    this.#setMembers([]);
    if (!options.snooping || !this.#role.steward) return;
    this.#groupsAt = this.#c.now;
    links.changed = (usable) => {
      multicast.setLinks(usable, this.#c.now);
    };
  }

  /** This node comes first: nobody else may speak as it, whether the roster names it or not. */
  #setMembers(members: readonly Neighbour[]): void {
    const { options } = this.#c;
    const own = { ip: options.ip, mac: macBytes(options) };
    this.#c.members.replace([own, ...members]);
    if (!this.#role.steward) return;
    for (const moved of this.#moved.take(members))
      if (moved.ip !== own.ip) this.#groupPorts.toHost(movedReply(moved, own));
  }

  #setPolicy({ policy, fresh, flows }: Extract<Command, { type: 'set-policy' }>): void {
    const c = this.#c;
    if (fresh) c.shared.policy.fill(0);
    if (policy === null) {
      c.policy = null;
      return;
    }
    const memory = new OwnFlows(flows);
    if (fresh && this.#role.steward) memory.forgetDatagrams();
    if (c.policy) return c.policy.set(policy);
    c.policy = new PolicyFilter(policy, memory, c.shared.policy, peerLimit);
    c.policy.setTime(c.now);
  }

  #setLan({ mode, word }: Extract<Command, { type: 'set-lan' }>): void {
    const c = this.#c;
    if (mode !== 'open') c.fdb.forget(lanSlot);
    c.lan = mode === 'off' ? null : new LanPort(c, mode === 'open', word);
    if (mode === 'open' && this.#role.steward) this.#transmit.announceLan();
  }

  /** Milliseconds that the loop may sleep when nothing comes; Infinity without limit. */
  get restMs(): number {
    const deadline = Math.min(this.#transmit.deadline, this.#broadcast.deadline, this.#groupsAt);
    return deadline === Infinity ? Infinity : Math.max(0, Math.ceil(deadline - this.#now()));
  }

  get deviceLost(): boolean {
    return this.#transmit.deviceLost;
  }

  /**
   * Moves packets both ways, from where `ready` says that there are some. The network comes first: what this machine
   * answers at once leaves in the same round.
   */
  round(ready: number = Ready.both): Round {
    const c = this.#c;
    this.#tellTime();
    let more = this.#threads !== null && this.#role.steward && this.#takeRings(this.#threads);
    let moved = more ? ringRecords : 0;
    if (this.#role.receives && (ready & Ready.network) !== 0) {
      let trains = 0;
      while (trains < receiveTrains && this.#receive.receiveOne() !== 0) trains++;
      this.#receive.flush();
      // What was passed on.
      c.tx.flush();
      if (trains > 0) {
        moved += trains;
        ready |= Ready.device;
      }
      if (trains === receiveTrains) more = true;
    }
    let frames = 0;
    let bytes = 0;
    if (this.#role.transmits && (ready & Ready.device) !== 0) {
      while (frames < deviceFrames && bytes < deviceBytes) {
        const n = this.#transmit.readOne();
        if (n === 0) break;
        frames++;
        bytes += n;
      }
      moved += frames;
      if (frames === deviceFrames || bytes >= deviceBytes) more = true;
    }
    this.urgency.round(c.now, frames, bytes);
    if (c.now >= this.#transmit.deadline) this.#transmit.releaseUnknown();
    if (this.#groupsAt !== Infinity) this.#groupsAt = c.multicast.tick(c.now);
    this.#broadcast.flush();
    c.tx.flush();
    c.uplink.flush();
    if (c.toSteward?.fresh === true) this.#wakeSteward(c.toSteward);
    if (more) return Round.more;
    if (moved > 2) return Round.drained;
    return moved > 0 ? Round.lone : Round.idle;
  }

  /** Takes what the other loops pass to this one. True when there may be more. */
  #takeRings({ incoming }: LoopThreads): boolean {
    let found = false;
    for (const ring of incoming) {
      for (let records = 0; records < ringRecords && ring.take(); records++) {
        found = true;
        if (ring.kind === RingRecord.frame) this.#transmit.fromThread(ring);
        else this.#receive.fromThread(ring);
      }
    }
    return found;
  }

  #wakeSteward(ring: ThreadRing): void {
    ring.fresh = false;
    this.#threads?.wake();
  }

  /** Carries out one command; `commandsDone` follows after the last of a bunch. */
  command(command: Command): void {
    const c = this.#c;
    const { tables } = c;
    switch (command.type) {
      case 'add-peer': {
        this.#removePeer(command.slot);
        c.policy?.forget(command.slot);
        const peer = tables.addPeer(command.slot, command.nodeId, command.publicKey, command.guard);
        c.fdb.pin(peer.macHigh, peer.macLow, peer.slot);
        this.#transmit.found(peer.macHigh, peer.macLow);
        this.#receive.known(peer);
        return;
      }
      case 'remove-peer':
        this.#removePeer(command.slot);
        return;
      case 'set-path': {
        const peer = tables.peers[command.slot];
        if (!peer) return;
        // Packets that wait have the headers of the path before.
        c.tx.flush();
        peer.route.set(command.path, c);
        peer.doubt(command.beside ?? null, c);
        this.#transmit.ready(peer);
        return;
      }
      case 'add-key':
        tables.addKey(command.slot, command.keys, command.replayed, command.place, command.held);
        command.keys.sendKey.fill(0);
        command.keys.receiveKey.fill(0);
        return;
      case 'use-key': {
        const key = tables.findKey(command.localIndex);
        if (key?.peer.slot !== command.slot) return;
        key.peer.sending = key;
        this.#transmit.ready(key.peer);
        return;
      }
      case 'remove-key': {
        const key = tables.removeKey(command.localIndex);
        if (key) this.#transmit.ready(key.peer);
        return;
      }
      case 'set-relay':
        c.tx.flush();
        c.relays.set(command.relay, command.route);
        for (const peer of tables.peers) if (peer?.route.relay) this.#transmit.ready(peer);
        return;
      case 'set-hole':
        c.tx.flush();
        c.holes.set(command.hole, command.route, tables.peers);
        if (this.#role.receives && this.#role.socket === 0) c.holes.listen(command.hole, c.io);
        return;
      case 'set-neighbours':
        this.#setMembers(command.neighbours);
        return;
      case 'set-subnets':
        c.subnets.replace(command.subnets);
        return;
      case 'set-policy':
        this.#setPolicy(command);
        return;
      case 'set-quarantine':
        c.policy?.quarantine(command.slot, command.on);
        return;
      case 'set-links':
        c.links.set(command.links, command.complete);
        if (command.complete) this.#transmit.releaseUnknown(true);
        this.#transmit.rerouted();
        return;
      case 'send-control':
        this.#transmit.sendControl(tables.peers[command.slot] ?? null, command.bytes, command.path);
        return;
      case 'send-packet':
        this.#transmit.sendPacket(command.bytes, command.path);
        return;
      case 'carried':
        this.#receive.carried(command.carrier, command.source, command.batch);
        return;
      case 'learn':
        if (!tables.peers[command.slot] && (command.slot !== lanSlot || c.lan === null)) return;
        c.learning.told(command.high, command.low, command.slot, c.now);
        this.#transmit.found(command.high, command.low);
        return;
      case 'set-lan':
        this.#setLan(command);
        return;
      case 'send-lan':
        this.#transmit.sendLan(command.bytes);
        return;
      case 'set-floods':
        this.#broadcast.restore(command.floods);
        return;
      case 'freeze':
      case 'thaw':
        // They are about the thread (worker.ts).
        return;
      case 'crash':
        throw new Error('asked to crash');
    }
  }

  /** To be called before a bunch of commands. */
  commandsBegin(): void {
    this.#tellTime();
  }

  #tellTime(): void {
    const c = this.#c;
    c.now = this.#now();
    c.guard.setTime(c.now);
    c.policy?.setTime(c.now);
    c.stirred = null;
  }

  /** Sends and writes what the commands left behind. */
  commandsDone(): void {
    const { tx, uplink, toSteward } = this.#c;
    this.#broadcast.flush();
    tx.flush();
    this.#receive.flush();
    uplink.flush();
    if (toSteward?.fresh === true) this.#wakeSteward(toSteward);
  }

  /** Sends and writes all that is in hand, so that another process may go on. What is called next is `close`, or all as before. */
  freeze(): HeldLoop {
    this.#tellTime();
    while (this.#threads !== null && this.#role.steward && this.#takeRings(this.#threads));
    this.#transmit.releaseUnknown(true);
    const floods = this.#broadcast.freeze();
    this.commandsDone();
    return { counters: this.#c.tables.held(), floods: this.#role.steward ? floods : null };
  }

  #removePeer(slot: number): void {
    const peer = this.#c.tables.peers[slot];
    if (!peer) return;
    this.#c.tx.flush();
    this.#c.fdb.forget(slot);
    this.#c.tables.removePeer(slot);
    this.#transmit.forget(peer);
    this.#c.multicast.forget(slot);
    this.#broadcast.forget(slot);
    this.#c.uplink.forget(slot);
  }

  /** Frees every key. */
  close(): void {
    this.#c.tables.clear();
    this.#broadcast.close();
  }
}

function macBytes({ macHigh: high, macLow: low }: LoopOptions): Uint8Array {
  const mac = new Uint8Array(6);
  const view = new DataView(mac.buffer);
  view.setUint16(0, high);
  view.setInt32(2, low);
  return mac;
}

/** An empty table of who owns which address. */
export function newOwners(): AddressOwners {
  return new AddressOwners(randomFillSync(new Int32Array(ownerKeys)));
}

/** The options as the loop wants them. */
export function loopOptions(own: {
  nodeId: Uint8Array;
  seed: Uint8Array;
  leaf: boolean;
  bridge?: boolean;
  snooping?: boolean;
  ip: number;
  prefix6: Uint8Array;
  mac: Uint8Array;
  mtu: number;
}): LoopOptions {
  const view = new DataView(own.mac.buffer, own.mac.byteOffset, own.mac.length);
  const prefix6 = new DataView(own.prefix6.buffer, own.prefix6.byteOffset, own.prefix6.length);
  const { nodeId, seed, leaf, mtu } = own;
  return {
    nodeId,
    seed,
    leaf,
    bridge: own.bridge ?? false,
    snooping: own.snooping ?? false,
    ip: own.ip | 0,
    prefix6: [prefix6.getInt32(0), prefix6.getInt32(4)],
    macHigh: macHigh(view, 0),
    macLow: macLow(view, 0),
    mtu,
  };
}

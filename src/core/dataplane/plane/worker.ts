/**
 * The thread of the packet loop. It sleeps in poll() on interface, socket and eventfd; the event loop of the thread
 * never turns, so commands are taken with `receiveMessageOnPort` when the word for it says so (supervised-thread.ts).
 */
import { availableParallelism } from 'node:os';
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Arena } from '../../native/arena.js';
import { monotonicClock } from '../../native/clock.js';
import { libc, PollEvent, polled, Pollfd } from '../../native/libc.js';
import { threadUrgency } from '../../native/scheduling.js';
import { ThreadWord } from '../../native/supervised-thread.js';
import { AddressOwners } from '../../switch/address-owners.js';
import type { LoopThreads } from '../loop/context.js';
import { ThreadRing } from '../loop/thread-ring.js';
import { KernelIo } from '../loop/kernel-io.js';
import { KeyMemory } from '../keys/key-state.js';
import { loopOptions, PacketLoop, Ready, Round } from '../loop/loop.js';
import type { Command, Event, ThreadSetup, WorkerSetup } from './messages.js';
import { EarlyCompilation, Tidying } from '../../native/v8.js';
import { holeLimit, sharedMemory } from './shared.js';

/** The loop looks up at least this often, in case the control thread died without a word. */
const lookUpMs = 5_000;
/** After so many wakes without work a descriptor must be stuck in an error: the loop rests instead of spinning. */
const idleWakes = 200;
const restMs = 20;

function loopThreads(setup: ThreadSetup, arena: Arena): LoopThreads {
  const one = arena.alloc(8);
  arena.view.setUint32(one, 1, true);
  return {
    role: setup.role,
    keys: new KeyMemory(setup.keys),
    owners: new AddressOwners(setup.owners),
    outgoing: setup.outgoing && new ThreadRing(setup.outgoing),
    incoming: setup.incoming.map((buffer) => new ThreadRing(buffer)),
    wake: () => {
      libc().write(setup.stewardFd, arena.base + one, 8);
    },
  };
}

function run(setup: WorkerSetup): void {
  const c = libc();
  const arena = new Arena(setup.arenaLength, setup.arenaAddress);
  const shared = sharedMemory(setup.shared);
  const { port } = setup;
  const pollfds = arena.alloc((3 + holeLimit) * Pollfd.size);
  const drain = arena.alloc(8);
  const threads = setup.threads ? loopThreads(setup.threads, arena) : null;
  const { transmits, receives } = setup.threads?.role ?? { transmits: true, receives: true };
  // poll() passes over descriptors below zero.
  const watched = [transmits ? setup.tapFd : -1, receives ? setup.udpFd : -1, setup.wakeFd];
  const io = new KernelIo(arena, setup);
  /** Sockets of holes are behind those. */
  let count = 0;
  const watch = (): void => {
    count = 0;
    for (const fd of [...watched, ...io.sockets.slice(1)]) {
      const at = pollfds + count++ * Pollfd.size;
      arena.view.setInt32(at, fd, true);
      arena.view.setUint16(at + Pollfd.events, PollEvent.in, true);
    }
  };
  watch();
  const clock = monotonicClock(arena);
  const loop = new PacketLoop(
    arena,
    io,
    shared,
    loopOptions({ ...setup, snooping: true }),
    clock,
    (events, transfer) => {
      port.postMessage(events, transfer);
    },
    threads,
  );
  setup.seed.fill(0);
  const { urgency } = loop;
  // On a single processor nobody could make room.
  const setUrgent = availableParallelism() > 1 ? threadUrgency(arena) : undefined;
  const begun: Event = { type: 'ready' };
  port.postMessage([begun]);
  let idle = 0;
  let { frozen } = setup;
  /** What came while the loop rests. */
  const late: Command[] = [];
  const tidying = new Tidying();
  const carryOut = (command: Command): void => {
    loop.command(command);
    if (command.type === 'add-peer') tidying.made(clock());
    if (command.type === 'set-hole') watch();
  };
  const take = (command: Command): void => {
    if (command.type === 'thaw') {
      frozen = false;
      for (const waiting of late.splice(0)) carryOut(waiting);
    } else if (frozen) late.push(command);
    else if (command.type === 'freeze') {
      frozen = true;
      const event: Event = { type: 'frozen', held: loop.freeze() };
      port.postMessage([event]);
    } else carryOut(command);
  };
  const takeCommands = (): void => {
    if (Atomics.load(shared.control, ThreadWord.posted) === 0) return;
    Atomics.store(shared.control, ThreadWord.posted, 0);
    loop.commandsBegin();
    for (;;) {
      const received = receiveMessageOnPort(port) as { message: Command } | undefined;
      if (received === undefined) break;
      take(received.message);
    }
    if (!frozen) loop.commandsDone();
  };
  const happened = (place: number): boolean => polled(arena.view, pollfds, place);
  const arrived = (): boolean => {
    let found = happened(1);
    for (let place = 3; !found && place < count; place++) found = happened(place);
    return found;
  };
  const early = new EarlyCompilation();
  let ready: number = Ready.both;
  while (Atomics.load(shared.control, ThreadWord.stop) === 0) {
    takeCommands();
    if (frozen) {
      c.poll(arena.base + pollfds + 2 * Pollfd.size, 1, lookUpMs);
      c.read(setup.wakeFd, arena.base + drain, 8);
      ready = Ready.both;
      continue;
    }
    const found = loop.round(ready);
    early.end();
    if (found !== Round.idle) idle = 0;
    ready = Ready.both;
    setUrgent?.(urgency.urgent);
    // Who is to read what was written may wait for this processor, with a buffer for few packets.
    if (found >= Round.drained) c.sched_yield();
    if (found === Round.more) continue;
    // poll() would tell of it without end.
    if (loop.deviceLost) arena.view.setInt32(pollfds, (watched[0] = -1), true);
    if (urgency.bulk) urgency.pause(clock());
    if (tidying.dueAt !== Infinity && clock() >= tidying.dueAt) tidying.tick();
    c.poll(arena.base + pollfds, count, Math.min(lookUpMs, loop.restMs));
    ready = (happened(0) ? Ready.device : 0) | (arrived() ? Ready.network : 0);
    if (ready !== 0) early.begin();
    if (happened(2)) {
      c.read(setup.wakeFd, arena.base + drain, 8);
      idle = 0;
    } else if (++idle > idleWakes) {
      c.poll(arena.base + pollfds + 2 * Pollfd.size, 1, restMs);
    }
  }
  loop.close();
}

const setup = workerData as WorkerSetup;
run(setup);
setup.port.close();

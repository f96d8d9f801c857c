/**
 * The forwarding thread. It sleeps in poll() on the sockets and an eventfd; its event loop never turns, so commands are
 * taken with `receiveMessageOnPort`.
 */
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Arena } from '../../core/native/arena.js';
import { monotonicClock } from '../../core/native/clock.js';
import { libc, PollEvent, polled, Pollfd } from '../../core/native/libc.js';
import { ThreadWord } from '../../core/native/supervised-thread.js';
import { EarlyCompilation } from '../../core/native/v8.js';
import { CounterBlock } from '../counters.js';
import { ForwardLoop } from './forward-loop.js';
import type { ForwardCommand, ForwardSetup } from './forward-messages.js';
import { boundLength } from './forward-socket.js';
import { ForwardTable } from './forward-table.js';

/** The loop looks up at least this often, in case the main thread went without a word. */
const lookUpMs = 5_000;

function run(setup: ForwardSetup): void {
  const c = libc();
  const arena = new Arena(setup.arenaLength, setup.arenaAddress);
  const { port } = setup;
  const control = new Int32Array(setup.control);
  const table = new ForwardTable(boundLength(setup.socket.ipv6), setup.seed, setup.limits, setup.table);
  table.keepOnly(setup.associations);
  const counters = new CounterBlock(setup.counters);
  const loop = new ForwardLoop(arena, setup, table, counters, monotonicClock(arena), (event, transfer) => {
    port.postMessage(event, transfer);
  });
  const pollfds = arena.alloc(3 * Pollfd.size);
  const drain = arena.alloc(8);
  const watch = (place: number, fd: number): void => {
    arena.view.setInt32(pollfds + place * Pollfd.size, fd, true);
    arena.view.setUint16(pollfds + place * Pollfd.size + Pollfd.events, PollEvent.in, true);
  };
  watch(0, setup.wakeFd);
  watch(1, setup.socket.fd);
  watch(2, setup.alternate?.fd ?? -1);

  const happened = (place: number): boolean => polled(arena.view, pollfds, place);
  const early = new EarlyCompilation();
  let rests = setup.rests;
  if (rests) port.postMessage({ type: 'rests' });
  while (Atomics.load(control, ThreadWord.stop) === 0) {
    if (Atomics.exchange(control, ThreadWord.posted, 0) === 1) {
      for (;;) {
        const received = receiveMessageOnPort(port) as { message: ForwardCommand } | undefined;
        if (received === undefined) break;
        const command = received.message;
        if (command.type === 'crash') throw new Error('told to crash');
        if (command.type === 'alternate') {
          loop.openAlternate(command.socket);
          watch(2, command.socket.fd);
        } else if (command.type === 'rest') {
          rests = true;
          port.postMessage({ type: 'rests' });
        } else if (command.type === 'begin') {
          if (command.anew) table.learn();
          rests = false;
        } else loop.command(command);
      }
    }
    const more = !rests && loop.round();
    early.end();
    if (more) continue;
    c.poll(arena.base + pollfds, rests ? 1 : 3, lookUpMs);
    if (happened(1)) early.begin();
    if (happened(0)) {
      c.read(setup.wakeFd, arena.base + drain, 8);
    }
  }
}

const setup = workerData as ForwardSetup;
run(setup);
setup.port.close();

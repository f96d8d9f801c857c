/**
 * What a service manager keeps of a service from one process to the next: descriptors, each by a name (sd_notify(3), FDSTORE=;
 * sd_listen_fds_with_names(3)). They stay as long as the service is wanted; a stop ends them.
 */
import { EvioError } from '../lib/errors.js';
import { descriptorPair, PairType } from '../native/descriptor-pair.js';
import { Arena } from '../native/arena.js';
import { libc, PollEvent, Pollfd } from '../native/libc.js';
import { sendToSocket } from '../native/notify.js';
import { closeOnExec, keepOnExec } from '../native/on-exec.js';

/** The first that a service is given. */
const firstLeft = 3;
/** How long the manager has to do what it was asked for, ms. */
const settleMs = 5_000;

/** The manager's store, as a process sees it that leaves something there. */
export class DescriptorStore {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /**
   * Keeps a copy of the descriptor. Several of one name come back in whatever order.
   *
   * @throws EvioError EVIO_UPGRADE
   */
  put(name: string, fd: number): void {
    // Without FDPOLL=0 one that is in error, as a socket may be whose peer is gone, would be thrown out.
    if (!sendToSocket(this.#socket, `FDSTORE=1\nFDPOLL=0\nFDNAME=${name}`, true, fd))
      throw new EvioError('EVIO_UPGRADE', 'The service manager takes nothing.');
  }

  /** Closes all copies of this name. */
  remove(name: string): void {
    sendToSocket(this.#socket, `FDSTOREREMOVE=1\nFDNAME=${name}`, true);
  }

  /** Waits, with this thread, until all that was said before is done: the manager closes what it is given now. False after the time. */
  settle(): boolean {
    const pair = descriptorPair(PairType.stream);
    if (!pair) return false;
    const c = libc();
    const [mine, theirs] = pair;
    const told = sendToSocket(this.#socket, 'BARRIER=1', true, theirs);
    c.close(theirs);
    const { view, base } = new Arena(64);
    view.setInt32(Pollfd.fd, mine, true);
    const closed = told && c.poll(base, 1, settleMs) > 0;
    const hung = (view.getUint16(Pollfd.revents, true) & PollEvent.hangup) !== 0;
    c.close(mine);
    return closed && hung;
  }
}

/** Undefined where no manager asked to be told. */
export function descriptorStore(env: NodeJS.ProcessEnv): DescriptorStore | undefined {
  const socket = env['NOTIFY_SOCKET'] ?? '';
  return socket === '' ? undefined : new DescriptorStore(socket);
}

function countLeft(env: NodeJS.ProcessEnv): number {
  const count = Number(env['LISTEN_FDS']);
  return env['LISTEN_PID'] === `${process.pid}` && Number.isInteger(count) ? count : 0;
}

/** What lies in the store for this process outlives an execution of another program, which has its number and environment. */
export function keepLeft(env: NodeJS.ProcessEnv): void {
  for (let i = countLeft(env) - 1; i >= 0; i--) keepOnExec(firstLeft + i);
}

/** What lies in the store for this process, by name. Programs that it starts do not get any of it. */
export function leftDescriptors(env: NodeJS.ProcessEnv): Map<string, number[]> {
  const count = countLeft(env);
  const names = (env['LISTEN_FDNAMES'] ?? '').split(':');
  for (const name of ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'])
    Reflect.deleteProperty(env, name);
  const left = new Map<string, number[]>();
  for (let i = 0; i < count; i++) {
    const fd = firstLeft + i;
    closeOnExec(fd);
    const name = names[i] ?? '';
    left.set(name, [...(left.get(name) ?? []), fd]);
  }
  return left;
}

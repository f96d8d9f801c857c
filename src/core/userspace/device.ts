/** A device without a kernel's interface: the other end of the cable is a stack of this process (stack-worker.ts). */
import { Worker } from 'node:worker_threads';
import type { Logger } from '../lib/env.js';
import { messageOf } from '../lib/errors.js';
import { libc } from '../native/libc.js';
import { compiledProgram } from '../native/supervised-thread.js';
import type { Device, DeviceOptions } from '../tap/device.js';
import type { Destination } from './destination.js';
import { openCable } from './frame-port.js';
import type { StackCommand, StackEvent, StackSetup } from './messages.js';
import type { UserspaceOptions } from './options.js';

export interface UserspaceParts {
  readonly options: UserspaceOptions;
  readonly log: Logger;
  resolve(host: string): Destination;
}

/** What the interface is called where there is none. */
export const userspaceName = 'userspace';
/** Pause before a stack that crashed is made anew; its connections are gone. */
const restartMs = 500;

class UserspaceDevice implements Device {
  readonly name = userspaceName;
  readonly fds: [number];
  readonly ipv6: boolean;
  readonly datagramOffload = false;
  readonly #cable: number;
  readonly #setup: StackSetup;
  readonly #parts: UserspaceParts;
  #worker: Worker | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: DeviceOptions, parts: UserspaceParts) {
    const [packets, cable] = openCable();
    this.fds = [packets];
    this.#cable = cable;
    this.#parts = parts;
    const { mac, ip, prefix, ip6, mtu } = options;
    this.ipv6 = ip6 !== null;
    this.#setup = {
      cable,
      mac: mac.slice(),
      ip,
      prefix,
      ip6: ip6?.slice() ?? null,
      mtu,
      options: parts.options,
    };
    this.#begin();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#worker?.postMessage({ kind: 'stop' } satisfies StackCommand);
    libc().close(this.#cable);
    libc().close(this.fds[0]);
  }

  #begin(): void {
    const program = compiledProgram('./stack-worker.js', import.meta.url);
    const worker = new Worker(program, {
      eval: typeof program === 'string',
      workerData: this.#setup,
      name: 'evio-userspace',
      execArgv: [],
    });
    this.#worker = worker;
    const { log } = this.#parts;
    worker.on('message', (event: StackEvent) => {
      if (event.kind === 'log') {
        log[event.level](event.message, event.fields);
        return;
      }
      const destination = this.#parts.resolve(event.host);
      worker.postMessage({ kind: 'resolved', id: event.id, destination } satisfies StackCommand);
    });
    worker.on('error', (error) => {
      log.error('userspace stack crashed', { reason: messageOf(error) });
    });
    worker.on('exit', () => {
      this.#worker = undefined;
      if (this.#closed) return;
      this.#timer = setTimeout(() => {
        this.#begin();
      }, restartMs);
    });
  }
}

/** Throws EVIO_DEVICE, EVIO_NO_NATIVE. */
export function createUserspaceDevice(options: DeviceOptions, parts: UserspaceParts): Device {
  return new UserspaceDevice(options, parts);
}

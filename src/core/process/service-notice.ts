/**
 * What the service manager is told of this process: that it is ready, that it lives, that it stops (sd_notify(3)). Only
 * where it asks, by NOTIFY_SOCKET; WATCHDOG_USEC says how long it waits for a sign of life.
 */
import type { Clock } from '../lib/env.js';
import { sendToSocket } from '../native/notify.js';

export interface ServiceNotice {
  /** Once the interfaces or the doors are there. `status` is what `systemctl status` shows. Idempotent. */
  ready(status: string): void;
  /** Replaces what `ready` said. Nothing before it, and nothing at the end. */
  status(text: string): void;
  /** Ends the signs of life. Idempotent. */
  stopping(): void;
  /** There is somebody to tell. */
  readonly asked: boolean;
  /**
   * Another process is the service from now on: nothing more is told by this one. To be said at once: whom the manager takes for
   * the service may not end before, and it hears nobody else, be it a third process that goes on after the second.
   */
  handedOver(pid: number): void;
}

/** A thread that hangs gives no sign of life: the timer runs on the thread that does the work. */
export function serviceNotice(
  env: NodeJS.ProcessEnv,
  clock: Clock,
  send: (socket: string, text: string) => boolean = sendToSocket,
): ServiceNotice {
  const socket = env['NOTIFY_SOCKET'] ?? '';
  const wanted = Number(env['WATCHDOG_USEC']) / 1000;
  const isMeant = (env['WATCHDOG_PID'] ?? `${process.pid}`) === `${process.pid}`;
  const everyMs = socket !== '' && isMeant && wanted > 0 ? wanted / 3 : undefined;
  let state: 'starting' | 'ready' | 'stopping' = 'starting';
  let cancel: () => void = () => undefined;
  const tell = (...lines: string[]): void => {
    if (socket !== '') send(socket, lines.join('\n'));
  };
  const live = (): void => {
    if (everyMs === undefined) return;
    tell('WATCHDOG=1');
    cancel = clock.after(everyMs, live);
  };
  // A start that takes long is watched from the beginning.
  live();
  return {
    asked: socket !== '',
    handedOver: (pid) => {
      if (state === 'stopping') return;
      state = 'stopping';
      cancel();
      tell(`MAINPID=${pid}`);
    },
    ready: (status) => {
      if (state !== 'starting') return;
      state = 'ready';
      tell('READY=1', statusLine(status));
    },
    status: (text) => {
      if (state === 'ready') tell(statusLine(text));
    },
    stopping: () => {
      if (state === 'stopping') return;
      state = 'stopping';
      cancel();
      tell('STOPPING=1');
    },
  };
}

const statusLine = (text: string): string => `STATUS=${text.replaceAll('\n', ' ')}`;

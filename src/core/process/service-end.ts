/**
 * How a service ends that cannot go on. What time may mend (a full disk, an address that is taken) is worth another start; what only a
 * person mends is not, and has an exit status of its own: the units name it (RestartPreventExitStatus=).
 */
import { EvioError, ExitStatus, failedPrefix, type ErrorCode } from '../lib/errors.js';
import { printable } from '../lib/printable.js';
import { sendToSocket } from '../native/notify.js';

const final: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'EVIO_REVOKED',
  'EVIO_NO_NETWORK',
  'EVIO_AMBIGUOUS_NETWORK',
  'EVIO_PROFILE_CORRUPT',
  'EVIO_PROFILE_NEWER',
  'EVIO_NO_PRIVILEGE',
  'EVIO_BAD_VALUE',
  'EVIO_USAGE',
]);
/** Of the reasons for which a file cannot be used, those that stay: others are full disks, and disks that are mounted later. */
const finalStorage: readonly unknown[] = ['EACCES', 'EPERM', 'ENOTDIR', 'EEXIST', 'EISDIR'];

const longestLingerMs = 60_000;

/** Another start would end in the same way. */
export function isFinal(thrown: unknown): boolean {
  if (!(thrown instanceof EvioError)) return false;
  if (final.has(thrown.code)) return true;
  const { code } = (thrown.cause ?? {}) as NodeJS.ErrnoException;
  return thrown.code === 'EVIO_STORAGE' && finalStorage.includes(code);
}

/** Of the errors that several networks ended with, the one that decides whether it is worth another start. */
export function decisive<T>(errors: readonly T[]): T | undefined {
  return errors.find((thrown) => !isFinal(thrown)) ?? errors[0];
}

/** Tells the service manager, if there is one, why this process ends; returns the exit status for it. */
export function endOfService(
  error: EvioError,
  env: NodeJS.ProcessEnv,
  send: (socket: string, text: string) => boolean = sendToSocket,
): number {
  const socket = env['NOTIFY_SOCKET'] ?? '';
  if (socket === '') return error.exitStatus;
  try {
    send(socket, `STATUS=${failedPrefix}${printable(error.message)}`);
  } catch {
    // Without native code nobody can be told; the log has it.
  }
  return isFinal(error) ? ExitStatus.final : error.exitStatus;
}

/**
 * How long this process waits before it ends, ms: where the manager cannot tell exit statuses, it gives up on what ends often in a
 * short time (EVIO_LINGER_MS, set by service/openrc-scripts.ts), and what time may mend is to go on being started.
 */
export function lingerMs(error: EvioError, env: NodeJS.ProcessEnv): number {
  const asked = Number(env['EVIO_LINGER_MS'] ?? 0);
  return isFinal(error) || !(asked > 0) ? 0 : Math.min(asked, longestLingerMs);
}

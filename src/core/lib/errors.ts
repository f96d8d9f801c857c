/**
 * Operator errors: a stable code, one plain sentence, and what to do next.
 *
 * Exceptions are for our own mistakes and for what an operator must fix. A packet from a stranger
 * is never an exception: parsers return `undefined` or a drop reason, and a counter moves.
 */

/** Exit statuses of the command line (docs/cli.md). */
export const ExitStatus = {
  failed: 1,
  usage: 2,
  notRunning: 3,
  unreachable: 4,
  privilege: 5,
  /** Of a service that is not to be started again: it would end in the same way until somebody acts. */
  final: 6,
  /** Of a service that rests: the manager starts it again, and that process goes on where this one ended. */
  rests: 7,
} as const;

/** Every operator error evio can print, with its exit status. Codes are part of the CLI contract. */
export const errorCodes = {
  EVIO_TOKEN_DAMAGED: ExitStatus.usage,
  EVIO_TOKEN_EXPIRED: ExitStatus.failed,
  EVIO_TOKEN_USED_UP: ExitStatus.failed,
  EVIO_TOKEN_REVOKED: ExitStatus.failed,
  EVIO_TOKEN_FOREIGN: ExitStatus.failed,
  EVIO_TOKEN_UNKNOWN: ExitStatus.failed,
  EVIO_NOT_ADMIN: ExitStatus.failed,
  EVIO_REVOKED: ExitStatus.failed,
  EVIO_ROOT_KEY: ExitStatus.failed,
  EVIO_ADDRESS_OUTSIDE: ExitStatus.usage,
  EVIO_ADDRESS_TAKEN: ExitStatus.failed,
  EVIO_ADDRESS_RANGE: ExitStatus.failed,
  EVIO_NO_RIGHT: ExitStatus.failed,
  EVIO_SUBNET_TAKEN: ExitStatus.failed,
  EVIO_BRIDGE_REFUSED: ExitStatus.failed,
  EVIO_EXIT: ExitStatus.failed,
  EVIO_POD_RANGE: ExitStatus.failed,
  EVIO_CNI_CONFLICT: ExitStatus.failed,
  EVIO_KUBE_ACCESS: ExitStatus.failed,
  EVIO_KUBE_NODE: ExitStatus.failed,
  EVIO_BAD_VALUE: ExitStatus.usage,
  EVIO_USAGE: ExitStatus.usage,
  EVIO_RELAY_UNREACHABLE: ExitStatus.unreachable,
  EVIO_RELAY_KEY_MISMATCH: ExitStatus.failed,
  EVIO_RELAY_KEY_HIDDEN: ExitStatus.failed,
  EVIO_RELAY_REFUSED: ExitStatus.failed,
  EVIO_ADDRESS_IN_USE: ExitStatus.failed,
  EVIO_NO_TUN: ExitStatus.privilege,
  EVIO_NO_PRIVILEGE: ExitStatus.privilege,
  EVIO_NO_NATIVE: ExitStatus.failed,
  EVIO_ALREADY_RUNNING: ExitStatus.failed,
  EVIO_NOT_RUNNING: ExitStatus.notRunning,
  EVIO_NO_NETWORK: ExitStatus.failed,
  EVIO_AMBIGUOUS_NETWORK: ExitStatus.usage,
  EVIO_ALREADY_JOINED: ExitStatus.failed,
  EVIO_PROFILE_CORRUPT: ExitStatus.failed,
  EVIO_PROFILE_NEWER: ExitStatus.failed,
  EVIO_STORAGE: ExitStatus.failed,
  EVIO_UNKNOWN_PEER: ExitStatus.failed,
  EVIO_TIMEOUT: ExitStatus.unreachable,
  EVIO_WAITING: ExitStatus.unreachable,
  EVIO_DEVICE: ExitStatus.failed,
  EVIO_UPGRADE: ExitStatus.failed,
  EVIO_SERVICE: ExitStatus.failed,
  EVIO_LAB: ExitStatus.failed,
  EVIO_INTERRUPTED: ExitStatus.failed,
  EVIO_INTERNAL: ExitStatus.failed,
} as const;

/** What a service tells its manager before the reason for its end, so that it is known from a status of better days. */
export const failedPrefix = 'failed: ';

/** Next step of who lacks root's power. A person is shown the whole command line (cli/errors.ts). */
export const runAsRoot = 'Run it with sudo.';

export type ErrorCode = keyof typeof errorCodes;

/**
 * What the operator sees. `message` is one sentence; `suggestions` are next steps, most likely first.
 *
 * A command is written `evio WORDS`, `sudo evio WORDS` where it takes root: a person gets it as it can be pasted on this machine
 * (cli/program-name.ts). One for another machine, or that is only named, stands in double quotes.
 */
export class EvioError extends Error {
  override readonly name = 'EvioError';
  readonly code: ErrorCode;
  readonly suggestions: readonly string[];

  constructor(code: ErrorCode, message: string, suggestions: readonly string[] = [], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.suggestions = suggestions;
  }

  /** Exit status of the process when this error ends it. */
  get exitStatus(): number {
    return errorCodes[this.code];
  }

  /** The `--json` form fixed by the CLI contract. */
  toJSON(): { error: { code: ErrorCode; message: string; suggestions: readonly string[] } } {
    return { error: { code: this.code, message: this.message, suggestions: this.suggestions } };
  }
}

/** The message of anything thrown, for logs and for wrapping. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  try {
    return String(thrown);
  } catch {
    // An object may refuse to be text.
    return 'something that has no text was thrown';
  }
}

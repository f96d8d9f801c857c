/** What the control socket, or its absence, means to who asks. */
import { errorCodes, EvioError, type ErrorCode } from '../lib/errors.js';

/** Time for an answer that needs no waiting in the node, ms. */
export const answerTimeoutMs = 5000;
/** An answer of thousands of peers is long. */
export const maxAnswerLength = 64 * 1024 * 1024;

/** One line that the node wrote. */
export interface Answer {
  id?: number | null;
  result?: unknown;
  error?: { code?: string; message?: string; suggestions?: string[] };
  event?: string;
  keys?: string;
}

/** Whoever knows of a service may say more (cli/service-hint.ts). */
export const noNode = 'No node runs here.';

export function notRunning(): EvioError {
  const asOther = process.getuid?.() !== 0;
  return new EvioError('EVIO_NOT_RUNNING', noNode, [
    'Start it with: sudo evio node',
    ...(asOther ? ['A node that root started is asked with sudo.'] : []),
    'For a node with another state folder set EVIO_HOME.',
  ]);
}

/** The control socket at this path does not let us in. */
export function notOurs(path: string): EvioError {
  return new EvioError('EVIO_NO_PRIVILEGE', `The node at ${path} belongs to another user.`, [
    'Run the command as the user that runs the node, for example with sudo.',
  ]);
}

export function noAnswer(timeoutMs: number): EvioError {
  return new EvioError('EVIO_TIMEOUT', `The node did not answer within ${timeoutMs / 1000} s.`, [
    'Look at its log; start it again with: evio down, then sudo evio node',
  ]);
}

function isErrorCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && Object.hasOwn(errorCodes, code);
}

/** What the node refused, as it said it. */
export function refusalOf({ code, message, suggestions }: NonNullable<Answer['error']>): EvioError {
  return new EvioError(
    isErrorCode(code) ? code : 'EVIO_INTERNAL',
    message ?? 'The node failed.',
    suggestions ?? [],
  );
}

/**
 * <home>/relay/lock: a Unix socket, mode 0600 in a folder of mode 0700, that says that a relay runs with this folder, and
 * by which its operator asks it. Two relays would overwrite each other's counts of invites, and so admit more machines
 * than an invite allows.
 *
 *   operator ── request, a line of JSON ──▶ relay        one request a connection
 *            ◀── {"result":…} or {"error":{"code","message","suggestions"}}, a line ──
 */
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { ensureFolder, type Home } from '../config/home.js';
import { listenExclusively, listenInPlace } from './socket-file.js';
import type { Logger } from '../lib/env.js';
import { EvioError, errorCodes, messageOf } from '../lib/errors.js';
import { parseJson } from '../lib/json.js';

/** Longest request and, since it is the operator's own relay, generous answer, characters. */
const requestLimit = 4_096;
const answerLimit = 64 * 1024 * 1024;
const waitMs = 10_000;
/** An answer may take this long where the relay begins another process of itself. */
const patienceMs = 120_000;

/** Answers a request of the operator. An EvioError that it throws is told as such. */
export type AnswerOperator = (request: unknown) => Promise<object>;

function relayRunsAlready(path: string): EvioError {
  return new EvioError('EVIO_ALREADY_RUNNING', `A relay runs already with this state folder (${path}).`, [
    'Stop it first; one relay serves any number of networks.',
    'For a second relay on this machine set EVIO_HOME: it gets a key of its own.',
  ]);
}

/**
 * Takes the relay's folder for this process. Resolves to a function that gives it back. A disk on which nothing can be
 * written, or that has no sockets, is reported and does not stop the relay: it runs from memory there.
 *
 * @param inPlace another process of the relay holds it until now
 * @param answer without it whoever asks is hung up on
 * @throws EvioError EVIO_ALREADY_RUNNING
 */
export async function lockRelay(
  home: Home,
  log: Logger,
  answer?: AnswerOperator,
  inPlace = false,
): Promise<() => void> {
  const server = createServer((socket) => {
    if (answer) serve(socket, answer);
    else socket.destroy();
  });
  server.maxConnections = 16;
  let release: () => void;
  try {
    ensureFolder(home.relay);
    const path = join(home.relay, 'lock');
    release = inPlace
      ? await listenInPlace(server, path)
      : await listenExclusively(server, path, relayRunsAlready);
  } catch (thrown) {
    if (thrown instanceof EvioError && thrown.code === 'EVIO_ALREADY_RUNNING') throw thrown;
    log.warn('the state folder cannot be locked: let no other relay use it', { reason: messageOf(thrown) });
    return () => undefined;
  }
  return () => {
    release();
    server.close();
  };
}

function serve(socket: Socket, answer: AnswerOperator): void {
  const say = (message: object): void => {
    socket.end(`${JSON.stringify(message)}\n`);
  };
  socket.setTimeout(waitMs, () => socket.destroy());
  socket.on('error', () => undefined);
  readLine(socket, requestLimit, (line) => {
    if (line === undefined) return;
    socket.setTimeout(patienceMs);
    answer(parseJson(line)).then(
      (result) => say({ result }),
      (thrown: unknown) => {
        const known = thrown instanceof EvioError;
        const error = known ? thrown : new EvioError('EVIO_INTERNAL', messageOf(thrown));
        say(error.toJSON());
      },
    );
  });
}

/** Calls back once: with the first line, or with undefined when none came. */
function readLine(socket: Socket, limit: number, then: (line: string | undefined) => void): void {
  let text = '';
  let told = false;
  const tell = (line: string | undefined): void => {
    if (told) return;
    told = true;
    then(line);
  };
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    text += chunk;
    const end = text.indexOf('\n');
    if (end >= 0) tell(text.slice(0, end));
    else if (text.length > limit) socket.destroy();
  });
  socket.on('close', () => tell(undefined));
}

/**
 * Asks the relay that runs with this home. Resolves to undefined when none does.
 *
 * @throws EvioError what the relay answered; EVIO_TIMEOUT when it does not
 */
export function askRelay(home: Home, request: object, answerMs = waitMs): Promise<object | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(join(home.relay, 'lock'));
    let connected = false;
    const silent = (): EvioError =>
      new EvioError('EVIO_TIMEOUT', 'The relay on this machine does not answer.', [
        'Perhaps it stops or starts just now: try again.',
      ]);
    socket.once('connect', () => {
      connected = true;
      socket.write(`${JSON.stringify(request)}\n`);
    });
    socket.setTimeout(answerMs, () => socket.destroy());
    socket.on('error', () => undefined);
    readLine(socket, answerLimit, (line) => {
      const answer = parseJson(line ?? '') as { result?: object; error?: unknown } | undefined;
      socket.destroy();
      if (answer?.result) resolve(answer.result);
      else if (answer?.error) reject(errorFrom(answer.error));
      else if (connected) reject(silent());
      else resolve(undefined);
    });
  });
}

function errorFrom(told: unknown): EvioError {
  const { code, message, suggestions } = told as Partial<EvioError>;
  const known = typeof code === 'string' && Object.hasOwn(errorCodes, code);
  const next = Array.isArray(suggestions) ? suggestions.map(String) : [];
  return new EvioError(known ? code : 'EVIO_INTERNAL', String(message), next);
}

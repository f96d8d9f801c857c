/**
 * Signals, and the ends of a process. Nothing else in evio listens for either, but for bin/run.js, which keeps SIGUSR1
 * from Node's inspector before anything is loaded.
 */
import type { Logger } from '../lib/env.js';
import { messageOf } from '../lib/errors.js';

/** Wrappers such as timeout, sudo and npm pass one Ctrl-C on twice: what follows so soon is its echo, ms. */
const echoMs = 400;

const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Ending = (typeof endings)[number];
/** Exit status of a process that such a signal ended, as shells tell it. */
const statusOf: Record<Ending, number> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/**
 * The first of these signals begins the end, the second ends the process at once. Returns a function that stops
 * listening.
 */
function onFirst(signals: readonly Ending[], begin: (signal: Ending) => void): () => void {
  let askedAt: number | undefined;
  const onSignal = (signal: Ending): void => {
    if (askedAt === undefined) {
      askedAt = performance.now();
      begin(signal);
    } else if (performance.now() - askedAt > echoMs) process.exit(statusOf[signal]);
  };
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    for (const signal of signals) process.removeListener(signal, onSignal);
  };
}

/**
 * For a command that runs until it is told to stop: the first SIGINT, SIGTERM or SIGHUP stops in order, the second ends
 * at once. With `reread`, SIGHUP calls that instead where there is no terminal. An error nobody caught stops in order too, with exit status 1. Returns a function that stops listening.
 */
export function stopOnSignals(stop: () => Promise<void>, log: Logger, reread?: () => void): () => void {
  let asked = false;
  // A program without a terminal cannot lose one: to it the signal says that something is to be read again.
  const hangUp = reread !== undefined && !process.stderr.isTTY ? reread : undefined;
  if (hangUp) process.on('SIGHUP', hangUp);
  const release = onFirst(hangUp ? endings.filter((signal) => signal !== 'SIGHUP') : endings, (signal) => {
    if (asked) return;
    asked = true;
    log.info('stopping', { signal });
    void stop();
  });
  const onError = (thrown: unknown): void => {
    log.error('stopping after an internal error', {
      error: messageOf(thrown),
      stack: thrown instanceof Error ? thrown.stack : undefined,
    });
    if (asked) process.exit(1);
    asked = true;
    setTimeout(() => process.exit(1), 5000).unref();
    void stop().finally(() => process.exit(1));
  };
  process.on('uncaughtException', onError);
  process.on('unhandledRejection', onError);
  return () => {
    release();
    if (hangUp) process.removeListener('SIGHUP', hangUp);
    process.removeListener('uncaughtException', onError);
    process.removeListener('unhandledRejection', onError);
  };
}

/** For a command that runs on: SIGUSR1 has it report to its log. Returns a function that stops listening. */
export function reportOnSignal(report: () => void): () => void {
  // Without a listener the signal would be Node's again, which opens its inspector: where bin/run.js put none, one stays.
  if (process.listenerCount('SIGUSR1') === 0) process.on('SIGUSR1', () => undefined);
  process.on('SIGUSR1', report);
  return () => {
    process.removeListener('SIGUSR1', report);
  };
}

/** A piece of work that a person may interrupt. */
export interface Interruptible {
  /** Aborts at the first signal, with the reason given. */
  readonly signal: AbortSignal;
  /** Stops listening. */
  readonly release: () => void;
}

/** For a command that comes to an end by itself: SIGINT or SIGTERM aborts it, another one ends the process at once. */
export function interruptible(reason?: () => Error): Interruptible {
  const abort = new AbortController();
  const release = onFirst(['SIGINT', 'SIGTERM'], () => {
    abort.abort(reason?.());
  });
  return { signal: abort.signal, release };
}

const undoings = new Set<() => void>();

function undoAll(): void {
  for (const undo of [...undoings]) {
    undoings.delete(undo);
    undo();
  }
}

/** Undoes, and passes on, a signal that nobody else handles; who handles it ends the process, and `exit` comes then. */
function undoOnSignal(signal: Ending): void {
  if (process.listenerCount(signal) > 1) return;
  undoAll();
  process.removeListener(signal, undoOnSignal);
  process.kill(process.pid, signal);
}

/**
 * Has something undone when the process ends, by itself or by a signal (not by SIGKILL). `undo` must not wait for
 * anything. Returns a function that takes it back.
 */
export function atExit(undo: () => void): () => void {
  if (undoings.size === 0) {
    process.on('exit', undoAll);
    for (const signal of endings) process.on(signal, undoOnSignal);
  }
  undoings.add(undo);
  return () => {
    undoings.delete(undo);
    if (undoings.size > 0) return;
    process.removeListener('exit', undoAll);
    for (const signal of endings) process.removeListener(signal, undoOnSignal);
  };
}

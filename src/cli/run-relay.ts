/** Runs the relay in this process: what `evio relay` is, and what goes on in its place after `evio upgrade`. */
import path from 'node:path';
import type { Home } from '../core/config/home.js';
import { giveOver, type Gave } from '../core/handover/give.js';
import { openTaker } from '../core/handover/open.js';
import { leaveToNext } from '../core/handover/rest.js';
import { startedWith } from '../core/handover/started.js';
import { descriptorStore, type DescriptorStore } from '../core/handover/store.js';
import { systemClock, systemRandom, type Logger } from '../core/lib/env.js';
import { EvioError, messageOf } from '../core/lib/errors.js';
import { afterwards } from '../core/process/afterwards.js';
import { outputLog, reopened } from '../core/process/reopen-log.js';
import { lockRelay } from '../core/process/relay-lock.js';
import { serviceNotice, type ServiceNotice } from '../core/process/service-notice.js';
import { restOnSignal } from '../core/process/rest-on-signal.js';
import { reportOnSignal, stopOnSignals } from '../core/process/signals.js';
import { successorProgram } from '../core/process/successor.js';
import { deskRequest } from '../rendezvous/desk.js';
import { backMs } from '../rendezvous/move/hub-move.js';
import { RelayServer, type RelayListening } from '../rendezvous/server.js';
import { givenRelay, relayHeritage } from './give-relay.js';

export interface RelayFlags {
  readonly listen: string;
  readonly public?: string | undefined;
  readonly stun?: string[] | undefined;
  readonly 'tls-cert'?: string | undefined;
  readonly 'tls-key'?: string | undefined;
  readonly open: boolean;
  readonly allow?: string[] | undefined;
  readonly metrics?: string | undefined;
  readonly 'limit-node'?: number | undefined;
  readonly 'limit-network'?: number | undefined;
  readonly 'alternate-port'?: number | undefined;
}

const plain = [
  'listen',
  'public',
  'stun',
  'open',
  'allow',
  'metrics',
  'limit-node',
  'limit-network',
  'alternate-port',
] as const;

/** What else this relay does when its operator asks, told to whoever asks for its networks: relays of before end by other orders. */
const orders = ['stop', 'upgrade', 'members'];

/** The words after `evio relay` that mean the same, in whatever folder. */
export function relayWords(flags: RelayFlags): string[] {
  const said = (name: keyof RelayFlags, file = false): string[] => {
    const value = flags[name];
    if (value === undefined || value === false) return [];
    const values = Array.isArray(value) ? value : [value];
    return values.flatMap((one) =>
      one === true ? [`--${name}`] : [`--${name}`, file ? path.resolve(String(one)) : String(one)],
    );
  };
  return [...plain.flatMap((name) => said(name)), ...said('tls-cert', true), ...said('tls-key', true)];
}

/** What `evio upgrade` is answered. */
export interface UpgradedRelay {
  readonly from: string;
  readonly to: string;
  readonly gapMs: number;
  readonly pid: number;
}

export interface RunRelayOptions {
  readonly home: Home;
  readonly flags: RelayFlags;
  readonly version: string;
  readonly log: Logger;
  /** Events are told as lines of JSON: by a successor, too. */
  readonly json: boolean;
  /** It listens. Not told of a successor, of which everybody knows where it listens. */
  listening(relay: RelayListening): void | Promise<void>;
}

/** Resolves when the relay was stopped in order. Throws EvioError. */
export async function runRelay(options: RunRelayOptions): Promise<void> {
  const { home, flags, log, version } = options;
  const words = ['relay', ...relayWords(flags), ...(options.json ? ['--json'] : [])];
  const taker = await openTaker(version, words, log);
  const cert = flags['tls-cert'];
  const key = flags['tls-key'];
  const server = new RelayServer({
    listen: flags.listen,
    public: flags.public,
    tls: cert !== undefined && key !== undefined ? { certFile: cert, keyFile: key } : undefined,
    open: flags.open,
    allow: flags.allow,
    metrics: flags.metrics,
    alternatePort: flags['alternate-port'],
    limits: { nodeMbps: flags['limit-node'], networkMbps: flags['limit-network'] },
    home: home.path,
    env: { clock: systemClock, random: systemRandom, log },
  });
  const notice = serviceNotice(process.env, systemClock);
  const outputs = await outputLog(home.relayLog);
  let finish = (): void => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  let gave: Gave | undefined;
  let giving: Promise<unknown> | undefined;
  const abandon = new AbortController();

  const upgrade = async (program?: readonly string[]): Promise<UpgradedRelay> => {
    if (giving || gave) throw new EvioError('EVIO_UPGRADE', 'Another process is to go on already.');
    const [file, ...before] = successorProgram(program);
    log.info('gives over to another process', { program: [file, ...before].join(' ') });
    const given = giveOver({
      command: [file, ...before, ...words],
      env: process.env,
      supervised: notice.asked,
      given: [givenRelay(server)],
      version,
      log,
      signal: abandon.signal,
    });
    giving = given.catch(() => undefined);
    try {
      gave = await given;
    } finally {
      giving = undefined;
    }
    notice.handedOver(gave.pid);
    const gapMs = Math.round(gave.gapMs * 10) / 10;
    log.info('another process goes on', { pid: gave.pid, to: gave.to, gapMs });
    // After the answer, which the end would cut off.
    setImmediate(finish);
    return { from: version, to: gave.to, gapMs, pid: gave.pid };
  };

  const rest = async (store: DescriptorStore): Promise<void> => {
    await giving;
    // Another process has it all.
    if (gave) return;
    const started = startedWith(words, process.env);
    await leaveToNext({
      given: [givenRelay(server, true)],
      kept: [...server.kept(), ...(taker?.kept ?? [])],
      version,
      started,
      store,
      log,
    });
    unlock();
  };
  const stop = async (): Promise<void> => {
    notice.stopping();
    // What half belongs to another process is not stopped before it is known whose it is.
    abandon.abort();
    await giving;
    gave?.signal('SIGTERM');
    await server.stop();
    finish();
  };
  const answer = async (asked: unknown): Promise<object> => {
    const { do: what, program } = (asked ?? {}) as { do?: unknown; program?: unknown };
    if (what === 'upgrade') return upgrade(isWords(program) ? program : undefined);
    if (what === 'stop') {
      setImmediate(() => void stop());
      return { pid: process.pid };
    }
    const request = deskRequest.safeParse(asked);
    if (!request.success) throw unknownOrder();
    const answered = await server.desk.answer(request.data);
    return what === 'networks' ? { ...answered, orders } : answered;
  };
  let unlock = taker?.beforeLives ? (): void => undefined : await lockRelay(home, log, answer);
  const onUpgrade = (): void => {
    upgrade().catch((thrown: unknown) => {
      log.error('not upgraded', { reason: messageOf(thrown) });
    });
  };
  process.on('SIGUSR2', onUpgrade);
  const releases = [
    () => process.removeListener('SIGUSR2', onUpgrade),
    stopOnSignals(stop, log, () => {
      reopened(outputs, log);
      server.reread().catch((thrown: unknown) => {
        log.error('goes on with the certificate of before', { reason: messageOf(thrown) });
      });
    }),
    () => {
      outputs.release();
    },
    restOnSignal(descriptorStore(process.env), rest, stop, log),
    reportOnSignal(() => {
      log.info('report', { nodes: server.clients, ...server.totals() });
    }),
  ];
  try {
    const listening = await server.start(taker && (await relayHeritage(taker)));
    notice.ready(`listens on ${listening.listen}`);
    if (taker) {
      if (taker.beforeLives) unlock = await lockRelay(home, log, answer, true);
      taker.done();
      // Those who were connected to a process that has ended come to this one meanwhile.
      setTimeout(() => void taker.settled(), taker.beforeLives ? 0 : backMs).unref();
    } else await options.listening(listening);
    await finished;
    if (gave) await leave(gave, server, notice);
  } finally {
    notice.stopping();
    await server.stop();
    unlock();
    for (const release of releases) release();
  }
}

/** The WebSockets are this process's until their nodes have come to the other one. */
async function leave(gave: Gave, server: RelayServer, notice: ServiceNotice): Promise<never> {
  await Promise.race([server.passedOn, gave.ended]);
  return afterwards(gave, notice);
}

function unknownOrder(): EvioError {
  return new EvioError('EVIO_BAD_VALUE', 'The relay does not know this request.', [
    'Have it run the version installed now: evio upgrade',
  ]);
}

function isWords(program: unknown): program is string[] {
  return Array.isArray(program) && program.every((word) => typeof word === 'string');
}

/** Runs the networks of a home in this process: what `evio node` and `evio join` share. */
import type { Home } from '../core/config/home.js';
import { Store } from '../core/config/store.js';
import type { NodeEvent } from '../core/control/schema.js';
import { systemClock, systemRandom, type Logger } from '../core/lib/env.js';
import type { LogRing } from '../core/lib/log-ring.js';
import { messageOf } from '../core/lib/errors.js';
import { reportOnSignal, stopOnSignals } from '../core/process/signals.js';
import { restOnSignal } from '../core/process/rest-on-signal.js';
import { decisive } from '../core/process/service-end.js';
import { serviceNotice } from '../core/process/service-notice.js';
import { outputLog, reopened } from '../core/process/reopen-log.js';
import type { NodeSwitches } from '../core/node/switches.js';
import { nodeArguments } from './node-flags.js';
import { openTaker } from '../core/handover/open.js';
import { descriptorStore } from '../core/handover/store.js';
import { afterwards } from '../core/process/afterwards.js';
import { Runner, type RunnerNetwork } from '../core/process/runner.js';
import { storedNetwork } from '../core/process/stored-network.js';
import type { NodeMetricsDoor } from '../core/process/node-metrics.js';

/** While the process before holds the place of the metrics, ms and how often. */
const metricsRetryMs = 250;
const metricsTries = 80;

export interface RunNodeOptions {
  readonly home: Home;
  readonly networks: readonly string[];
  readonly version: string;
  readonly log: Logger;
  /** Keeps the last lines of `log`. */
  readonly logRing: LogRing;
  readonly port?: number | undefined;
  readonly switches?: NodeSwitches;
  readonly links?: readonly string[] | undefined;
  /** Where numbers for Prometheus are served, as `--metrics` has it. */
  readonly metrics?: string | undefined;
  readonly onEvent: (event: NodeEvent) => void;
  /** Events are told as lines of JSON: by a successor, too. */
  readonly json: boolean;
}

/** Resolves when the node was stopped in order: by a signal or by `evio down`. Throws EvioError. */
export async function runNode(options: RunNodeOptions): Promise<void> {
  const { home, log } = options;
  const store = new Store(home);
  const words = (ids: readonly string[]): string[] => [
    'node',
    ...nodeArguments({ ...options, networks: ids }),
    ...(options.json ? ['--json'] : []),
  ];
  const taker = await openTaker(options.version, words([]), log);
  const networks = readNetworks(store, options.networks, log);
  const { createNode } = await import('../core/node/create-node.js');
  const rekeyAfterMs = advanced('EVIO_REKEY_AFTER_MS');
  const certificateLifeMs = advanced('EVIO_CERTIFICATE_LIFE_MS');
  const notice = serviceNotice(process.env, systemClock);
  const outputs = await outputLog(home.log);
  const running = new Set<string>();
  const runner = new Runner({
    home,
    networks,
    stored: () => store.list(),
    load: (id) => storedNetwork(store, id, log),
    env: { clock: systemClock, random: systemRandom, log },
    version: options.version,
    logRing: options.logRing,
    createNode,
    port: options.port,
    ...(options.switches === undefined ? {} : { switches: options.switches }),
    links: options.links,
    taker,
    words,
    supervised: notice.asked,
    gaveOver: (pid) => {
      notice.handedOver(pid);
      metrics?.close();
    },
    rekeyAfterMs,
    certificateLifeMs,
    onEvent: (event) => {
      // Interfaces are there; who can be reached is another matter, and may take long after a boot.
      if (event.event === 'started') {
        running.add(event.network.id);
        notice.ready(howMany(networks.length));
      } else if (event.event === 'stopped') running.delete(event.network);
      if (event.event === 'started' || event.event === 'stopped') notice.status(howMany(running.size));
      options.onEvent(event);
    },
  });
  const metrics = await (taker?.beforeLives ? openMetricsSoon(options) : openMetrics(options));
  const releases = [
    () => {
      notice.stopping();
    },
    stopOnSignals(
      () => {
        notice.stopping();
        return runner.stop();
      },
      log,
      () => {
        reopened(outputs, log);
        runner.reread();
      },
    ),
    reportOnSignal(() => {
      runner.report();
    }),
    restOnSignal(
      descriptorStore(process.env),
      (store) => runner.rest(store),
      () => runner.stop(),
      log,
    ),
  ];
  const upgrade = (): void => {
    runner.upgrade().catch((thrown: unknown) => {
      log.error('not upgraded', { reason: messageOf(thrown) });
    });
  };
  process.on('SIGUSR2', upgrade);
  try {
    const gave = await runner.run();
    if (gave) await afterwards(gave, notice, () => runner.leave());
  } finally {
    process.removeListener('SIGUSR2', upgrade);
    for (const release of releases) release();
    outputs.release();
    metrics?.close();
  }
}

/** What the service manager shows of this process. */
const howMany = (networks: number): string => `runs ${networks === 1 ? '1 network' : `${networks} networks`}`;

/** Before the node: a place that is taken ends the command while nothing runs. Until the node answers, scrapes get 503. */
async function openMetrics({
  metrics,
  home,
  version,
  log,
}: RunNodeOptions): Promise<NodeMetricsDoor | undefined> {
  if (metrics === undefined) return undefined;
  const { metricsPlace, serveNodeMetrics } = await import('../core/process/node-metrics.js');
  const door = await serveNodeMetrics(metricsPlace(metrics), home.controlSocket, version);
  log.info('metrics are served', { at: door.address });
  return door;
}

/** The process before may still hold the place for a moment: it is tried again until that is free. */
function openMetricsSoon(options: RunNodeOptions): Pick<NodeMetricsDoor, 'close'> {
  let door: NodeMetricsDoor | undefined;
  let closed = false;
  const open = async (triesLeft: number): Promise<void> => {
    try {
      door = await openMetrics(options);
      if (closed) door?.close();
    } catch (thrown) {
      if (triesLeft > 0 && !closed) setTimeout(() => void open(triesLeft - 1), metricsRetryMs).unref();
      else options.log.error('metrics are not served', { reason: messageOf(thrown) });
    }
  };
  void open(metricsTries);
  return {
    close: () => {
      closed = true;
      door?.close();
    },
  };
}

/** A whole number above 0 from the environment. */
function advanced(name: string): number | undefined {
  const value = Number(process.env[name]);
  return Number.isInteger(value) && value > 0 ? value : undefined;
}

/** The networks whose profiles can be read; the others are logged. Throws the first one's error when there is none. */
function readNetworks(store: Store, ids: readonly string[], log: Logger): RunnerNetwork[] {
  const networks: RunnerNetwork[] = [];
  const errors: unknown[] = [];
  for (const id of ids) {
    try {
      networks.push(storedNetwork(store, id, log));
    } catch (thrown) {
      errors.push(thrown);
    }
  }
  if (networks.length === 0 && errors.length > 0) throw decisive(errors);
  for (const thrown of errors) log.error('network left out', { error: messageOf(thrown) });
  return networks;
}

/** An event as a line of the log. What the engine logs itself is not said twice. */
export function logEvent(log: Logger, event: NodeEvent): void {
  if (event.event === 'ready') log.info('connected', { network: event.network, peers: event.peers });
  if (event.event === 'stopped') log.info('node stopped', { network: event.network });
}

/** Runs the networks of a home in this process: what `evio node` and `evio join` share. */
import type { Home } from '../core/config/home.js';
import { Store } from '../core/config/store.js';
import type { NodeEvent } from '../core/control/schema.js';
import { systemClock, systemRandom, type Logger } from '../core/lib/env.js';
import { messageOf } from '../core/lib/errors.js';
import { stopOnSignals } from './signals.js';
import { Runner, type RunnerNetwork, type RunnerOptions } from '../core/runner.js';

export interface RunNodeOptions {
  readonly home: Home;
  readonly networks: readonly string[];
  readonly version: string;
  readonly log: Logger;
  readonly port?: number | undefined;
  readonly threads?: number | undefined;
  readonly onEvent: (event: NodeEvent) => void;
}

/** Resolves when the node was stopped in order: by a signal or by `evio down`. Throws EvioError. */
export async function runNode(options: RunNodeOptions): Promise<void> {
  const { home, log } = options;
  const store = new Store(home);
  const networks = readNetworks(store, options.networks, log);
  const createNode = await loadEngine();
  const rekey = Number(process.env['EVIO_REKEY_AFTER_MS']);
  const runner = new Runner({
    home,
    networks,
    env: { clock: systemClock, random: systemRandom, log },
    version: options.version,
    createNode,
    port: options.port,
    threads: options.threads,
    rekeyAfterMs: Number.isInteger(rekey) && rekey > 0 ? rekey : undefined,
    onEvent: options.onEvent,
  });
  const release = stopOnSignals(() => runner.stop(), log);
  try {
    await runner.run();
  } finally {
    release();
  }
}

async function loadEngine(): Promise<RunnerOptions['createNode']> {
  const path = '../core/engine.js';
  const { createNode } = (await import(path)) as { createNode: RunnerOptions['createNode'] };
  return createNode;
}

/** The networks whose profiles can be read; the others are logged. Throws the first one's error when there is none. */
function readNetworks(store: Store, ids: readonly string[], log: Logger): RunnerNetwork[] {
  const networks: RunnerNetwork[] = [];
  const errors: unknown[] = [];
  for (const id of ids) {
    try {
      networks.push({
        profile: store.profile(id),
        state: store.state(id, (error) => {
          log.warn('state is damaged, beginning anew', { error: error.message });
        }),
        saveState: (state) => {
          store.saveState(id, state);
        },
      });
    } catch (thrown) {
      errors.push(thrown);
    }
  }
  if (networks.length === 0 && errors.length > 0) throw errors[0];
  for (const thrown of errors) log.error('network left out', { error: messageOf(thrown) });
  return networks;
}

/** An event as a line of the log. */
export function logEvent(log: Logger, event: NodeEvent): void {
  switch (event.event) {
    case 'started': {
      const { network, node, device } = event;
      log.info('node started', { network: network.name, name: node.name, ip: node.ip, device });
      return;
    }
    case 'ready':
      log.info('connected', { peers: event.peers });
      return;
    case 'peer-connected':
      log.info('peer connected', { peer: event.name, ip: event.ip, path: event.path });
      return;
    case 'peer-path':
      log.info('peer path changed', {
        peer: event.name,
        from: event.from,
        to: event.to,
        endpoint: event.endpoint,
      });
      return;
    case 'peer-lost':
      log.info('peer lost', { peer: event.name });
      return;
    case 'relay-up':
      log.info('relay up', { url: event.url, transport: event.transport });
      return;
    case 'relay-down':
      log.warn('relay down', { url: event.url, reason: event.reason });
      return;
    case 'stopped':
      log.info('node stopped', { network: event.network });
  }
}

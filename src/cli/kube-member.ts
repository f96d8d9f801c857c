/** `evio kube init`: this machine as a member that runs, by its service where there is one. */
import { spawnSync } from 'node:child_process';
import type { Home } from '../core/config/home.js';
import { ask, ControlClient } from '../core/control/client.js';
import type { Result } from '../core/control/methods.js';
import { EvioError } from '../core/lib/errors.js';
import { errorInLog } from '../core/process/detach.js';
import { inspectorFlags } from '../core/process/inspector.js';
import { selfArguments } from '../core/process/self.js';
import { runningNetworks } from './run-detached.js';
import { installService } from './service-command.js';

export interface MemberOptions {
  /** Text of the invite; undefined: the machine is a member already. */
  readonly token: string | undefined;
  /** More words for `evio join`: name and address. */
  readonly words: readonly string[];
  /** By its service; else the node runs in the background. */
  readonly service: boolean;
  /** Until it is connected, ms. */
  readonly waitMs: number;
  /** Descriptor of the lock (kube/setup/lock.ts), which a join keeps that outlives us. */
  readonly held: number;
}

/** Runs `evio ARGV --json` to its end, which may ask or tell on stderr. Throws the EvioError that it printed. */
function runSelf(argv: readonly string[], input: string, held: number): void {
  const { status, stdout, error } = spawnSync(
    process.execPath,
    selfArguments([...argv, '--json'], inspectorFlags()),
    { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'inherit', held] },
  );
  if (error) throw new EvioError('EVIO_INTERNAL', `evio ${argv[0] ?? ''}: ${error.message}`);
  if (status !== 0)
    throw errorInLog(stdout) ?? new EvioError('EVIO_INTERNAL', `evio ${argv[0] ?? ''} failed (${status}).`);
}

/**
 * Joins by the token, unless the machine is a member already, has the node run, and waits until it is connected.
 *
 * @returns what the node says of itself
 * @throws EvioError as `evio join`, EVIO_SERVICE, EVIO_TIMEOUT
 */
export async function runMember(home: Home, options: MemberOptions): Promise<Result<'status'>> {
  const { token, words, service, waitMs, held } = options;
  const wait = ['--wait', `${Math.ceil(waitMs / 1000)}s`];
  const running = (await runningNetworks(home)).length > 0;
  const byService = service && !running;
  if (token !== undefined)
    runSelf(['join', '-', ...words, ...(byService ? ['--no-start'] : ['--detach', ...wait])], token, held);
  else if (!running && !byService) runSelf(['node', '--detach', ...wait], '', held);
  if (byService) await installService('node', { home, start: true });
  const client = await ControlClient.connect(home.controlSocket);
  try {
    const { connected } = await client.request('wait', { timeoutMs: waitMs }, waitMs + 1000);
    if (!connected)
      throw new EvioError('EVIO_TIMEOUT', `The node is not connected after ${waitMs / 1000} s.`, [
        'See how far it is: evio status',
        'Then run the same command again.',
      ]);
  } finally {
    client.close();
  }
  return ask(home.controlSocket, 'status', {});
}

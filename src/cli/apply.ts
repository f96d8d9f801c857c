/** Carries out what a file says (`evio apply`): looks, plans, and runs one command of evio for each change. */
import { execFile } from 'node:child_process';
import type { Home } from '../core/config/home.js';
import { Store } from '../core/config/store.js';
import { ask } from '../core/control/client.js';
import { networkAsStored } from '../core/enroll/amend.js';
import { errorCodes, EvioError, type ErrorCode } from '../core/lib/errors.js';
import { exitCidr } from '../core/subnets/exits.js';
import { selfArguments } from '../core/process/self.js';
import type { WantedNetwork } from './apply-file.js';
import { changesOf, type Change, type PresentNetwork } from './apply-plan.js';
import { runningNetworks } from './run-detached.js';

/** A join waits for a relay, and for a path. */
const commandMs = 120_000;

/** How it stands with the network here. Throws EvioError. */
async function presentNetwork(home: Home, wanted: WantedNetwork): Promise<PresentNetwork | undefined> {
  const store = new Store(home);
  const found = store
    .list()
    .filter(({ id, name }) =>
      wanted.tokenNetworkId === undefined ? name === wanted.name : id === wanted.tokenNetworkId,
    );
  const [one, another] = found;
  if (another)
    throw new EvioError('EVIO_AMBIGUOUS_NETWORK', `Several networks are called ${wanted.name}.`, [
      'Give the token of the one that you mean: its network counts then.',
    ]);
  if (!one) return undefined;
  const { id } = one;
  const running = (await runningNetworks(home)).includes(id);
  const { announced = [], acceptedRoutes = [], name, bridge, exit, services = [] } = store.profile(id);
  const isOffer = ({ cidr }: { readonly cidr: string }): boolean => cidr === exitCidr;
  const network = { network: id };
  return {
    id,
    running,
    nodeName: name,
    relays: running
      ? (await ask(home.controlSocket, 'status', network)).network.relays
      : networkAsStored(store, id, Date.now()).relays,
    announced: announced.filter((one) => !isOffer(one)),
    local: { bridge: bridge?.interface, announced: announced.some(isOffer), use: exit, services },
    accepted: acceptedRoutes,
    policy: running ? (await ask(home.controlSocket, 'policy', network)).text : null,
  };
}

/**
 * What would change, in order. What concerns a network that does not run yet is planned as if it had nothing.
 *
 * @throws EvioError EVIO_NO_NETWORK for a network that this machine is not in, and has no token for
 */
export async function planOf(home: Home, all: readonly WantedNetwork[]): Promise<Change[]> {
  const changes: Change[] = [];
  for (const wanted of all) {
    const now = await presentNetwork(home, wanted);
    if (!now && wanted.token === undefined)
      throw new EvioError('EVIO_NO_NETWORK', `This machine is not in the network ${wanted.name}.`, [
        'Nothing was changed. Give the file a token or a tokenFile for it.',
      ]);
    changes.push(...changesOf(wanted, now));
  }
  return changes;
}

/**
 * Makes it so, one network after the other: after it is joined and runs it is looked at again, so that nothing is done that
 * is so already. `each` hears of what was done.
 *
 * @throws EvioError what the command that failed said; those before it are done
 */
export async function applyAll(
  home: Home,
  all: readonly WantedNetwork[],
  each: (change: Change) => void,
): Promise<Change[]> {
  const done: Change[] = [];
  const carryOut = async (changes: readonly Change[], token: string | undefined): Promise<void> => {
    for (const change of changes) {
      await evio(home, change.command, token);
      done.push(change);
      each(change);
    }
  };
  for (const wanted of all) {
    const isFirst = ({ do: what }: Change): boolean => what === 'join' || what === 'start';
    const before = changesOf(wanted, await presentNetwork(home, wanted));
    await carryOut(before.filter(isFirst), wanted.token);
    const after = changesOf(wanted, await presentNetwork(home, wanted));
    await carryOut(
      after.filter((change) => !isFirst(change)),
      undefined,
    );
  }
  return done;
}

/** Runs a command of this program. A token goes by its environment, which other users cannot read. */
function evio(home: Home, words: readonly string[], token: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const env = {
      ...process.env,
      EVIO_HOME: home.path,
      ...(token === undefined ? {} : { EVIO_TOKEN: token }),
    };
    const options = { env, timeout: commandMs, maxBuffer: 16 * 1024 * 1024 };
    execFile(process.execPath, selfArguments([...words, '--json']), options, (failed, stdout) => {
      if (failed) reject(errorIn(stdout, words));
      else resolve();
    });
  });
}

function errorIn(stdout: string, words: readonly string[]): EvioError {
  const line = stdout.trim().split('\n').at(-1) ?? '';
  try {
    const { error } = JSON.parse(line) as {
      error: { code: string; message: string; suggestions?: string[] };
    };
    const code = Object.hasOwn(errorCodes, error.code) ? (error.code as ErrorCode) : 'EVIO_INTERNAL';
    return new EvioError(code, error.message, error.suggestions ?? []);
  } catch {
    return new EvioError('EVIO_INTERNAL', `evio ${words.slice(0, 2).join(' ')} failed.`, [
      `See why: evio ${words.join(' ')}`,
    ]);
  }
}

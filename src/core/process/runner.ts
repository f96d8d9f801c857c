/**
 * The process `evio node`: every network of a home, one control socket, one life.
 *
 *   start   control socket (it keeps a second process out), then each network in order
 *   run     until `stop`, until `down` took the last network, or until the last network failed for good
 *   stop    the networks in reverse, then the socket
 *
 * A network that cannot start, or dies, does not take the others with it.
 */
import type { Home } from '../config/home.js';
import type { LedgerKeeper } from '../ledger/keeper.js';
import type { NodeState, Profile } from '../membership/profile.js';
import { selectNetwork, type NamedNetwork } from '../config/select.js';
import type { ControlHost, Upgraded } from '../control/method.js';
import { handlersOf } from '../control/methods.js';
import { ControlServer } from '../control/server.js';
import { openNetwork } from '../identity/network.js';
import { fromBase64Url } from '../lib/bytes.js';
import { withFields, type Env } from '../lib/env.js';
import { LogRing } from '../lib/log-ring.js';
import { EvioError, messageOf } from '../lib/errors.js';
import { giveOver, type Gave } from '../handover/give.js';
import { leaveToNext } from '../handover/rest.js';
import type { DescriptorStore } from '../handover/store.js';
import { startedWith } from '../handover/started.js';
import type { Taker } from '../handover/taker.js';
import { namesOf, privileges } from '../native/capabilities.js';
import type { NodeEvent } from '../node/events.js';
import type { Node, NodeOptions } from '../node/node.js';
import type { NodeSwitches } from '../node/switches.js';
import type { LocalRange } from '../surroundings/local-ranges.js';
import { machineRanges, runningRanges } from '../native/machine-ranges.js';
import { checkFree } from './free-range.js';
import { givenNode, nodeHeritage } from './give-node.js';
import { decisive } from './service-end.js';
import { successorProgram } from './successor.js';

/** While relays are still to be registered at, the process before keeps its connections to them: ms, and how often that is looked at. */
const relaysMs = 8_000;
const lookMs = 100;

/** A network to run, with where its state goes. */
export interface RunnerNetwork {
  readonly profile: Profile;
  readonly state: NodeState;
  saveState(state: NodeState): void;
  /** See `NodeOptions`. */
  changeProfile?(change: (profile: Profile) => Profile): Promise<unknown>;
  readonly ledger?: LedgerKeeper | undefined;
}

export interface RunnerOptions {
  readonly home: Home;
  readonly networks: readonly RunnerNetwork[];
  /** The networks of the home, whether they run or not, and how one is read; default: those given, and no others. */
  readonly stored?: () => readonly NamedNetwork[];
  readonly load?: (id: string) => RunnerNetwork;
  readonly env: Env;
  /** The last lines of its log; default: none are kept. */
  readonly logRing?: LogRing | undefined;
  readonly version: string;
  readonly createNode: (options: NodeOptions) => Node;
  readonly port?: number | undefined;
  readonly switches?: NodeSwitches;
  /** Peers to stay linked with, beside those of the profiles. Makes sense for one network. */
  readonly links?: readonly string[] | undefined;
  readonly rekeyAfterMs?: number | undefined;
  readonly certificateLifeMs?: number | undefined;
  /** What addresses this machine uses, without the interfaces of evio. Default: what the kernel tells. */
  readonly machine?: () => readonly LocalRange[];
  /** What networks that run on it have. Default: what the kernel tells. */
  readonly running?: () => readonly LocalRange[];
  readonly onEvent?: (event: NodeEvent) => void;
  /** What the process before left: this one goes on in its place. */
  readonly taker?: Taker | undefined;
  /** Words after the program that start this node again, for these networks. */
  readonly words?: (networks: readonly string[]) => readonly string[];
  /** A service manager watches over this process. */
  readonly supervised?: boolean;
  /** Another process goes on, whatever becomes of this one: what it opens beside the node is free. */
  readonly gaveOver?: (pid: number) => void;
}

export class Runner {
  readonly #options: RunnerOptions;
  readonly #control: ControlServer;
  /** In the order they were started. */
  readonly #nodes: Node[] = [];
  /** The node that is coming up: it is stopped with the others. */
  #starting: Node | undefined;
  /** Networks are taken up one after the other. */
  #takingUp: Promise<unknown> = Promise.resolve();
  /** Those that a person put down stay down until they are asked for by name. */
  readonly #putDown = new Set<string>();
  /** What networks failed with that were not started since, the last of them last. */
  readonly #failures = new Map<string, Error>();
  /** The last one that ran has failed. */
  #failed = false;
  #stopping: Promise<void> | undefined;
  #gave: Gave | undefined;
  /** Ends a handover under way; and that one, which rejects never. */
  readonly #abandon = new AbortController();
  #givingOver: Promise<unknown> = Promise.resolve();
  #ended = false;
  #finish: () => void = () => undefined;
  readonly #finished: Promise<void>;
  #startedAll: () => void = () => undefined;
  readonly #whenStarted: Promise<void>;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#finished = new Promise((resolve) => (this.#finish = resolve));
    this.#whenStarted = new Promise((resolve) => (this.#startedAll = resolve));
    this.#control = new ControlServer(options.home.controlSocket, handlersOf(this.#host()), options.env.log);
  }

  /**
   * Starts and runs. Resolves when all was stopped in order.
   *
   * @throws EvioError EVIO_ALREADY_RUNNING, EVIO_STORAGE, EVIO_ADDRESS_RANGE; a network's error when none could start, or all have
   * failed since: one that may pass, if there is one; the first to fail at the start, later the last.
   */
  async run(): Promise<Gave | undefined> {
    const { taker } = this.#options;
    if (!taker?.beforeLives) await this.#control.start();
    try {
      for (const network of this.#options.networks) {
        if (this.#stopping) break;
        try {
          await this.#startNode(network);
        } catch (thrown) {
          if (this.#stopping) break;
          this.#failures.set(network.profile.network, errorOf(thrown));
          this.#options.env.log.error('network did not start', { error: messageOf(thrown) });
        }
      }
      if (this.#nodes.length === 0 && !this.#stopping)
        throw decisive([...this.#failures.values()]) ?? new Error('no network to run');
      if (taker) await this.#inPlace(taker);
      this.#startedAll();
      await this.#finished;
      this.#ended = true;
    } finally {
      this.#startedAll();
      await this.stop();
    }
    if (this.#failed) throw decisive([...this.#failures.values()].reverse()) ?? new Error('no network runs');
    return this.#gave;
  }

  /** All networks go on here: whoever asks is answered here, too, and once the relays know us the process before may end. */
  async #inPlace(taker: Taker): Promise<void> {
    if (taker.beforeLives) await this.#control.startInPlace();
    taker.done();
    const { clock } = this.#options.env;
    const end = clock.now() + relaysMs;
    const look = (): void => {
      const waits = this.#nodes.some((node) =>
        node.status().relays.some(({ state }) => state === 'connecting'),
      );
      if (waits && clock.now() < end) clock.after(lookMs, look);
      else void taker.settled();
    };
    clock.after(lookMs, look);
  }

  /**
   * Gives all networks to another process, which goes on without a packet lost; `run` resolves then.
   *
   * @param program what to start: executable and words before the command's own; default: this program as it is on disk now
   * @throws EvioError EVIO_UPGRADE, and all goes on here
   */
  upgrade(program?: readonly string[]): Promise<Upgraded> {
    const done = this.#takingUp.then(async () => {
      const { env, version, words } = this.#options;
      if (this.#stopping || this.#gave || !words)
        throw new EvioError('EVIO_UPGRADE', 'The node is stopping.');
      const [file, ...before] = successorProgram(program);
      const command = [file, ...before, ...words(this.#nodes.map((node) => node.networkId))] as const;
      env.log.info('gives over to another process', { program: [file, ...before].join(' ') });
      const giving = giveOver({
        command,
        env: process.env,
        supervised: this.#options.supervised ?? false,
        given: this.#nodes.map(givenNode),
        version,
        log: env.log,
        signal: this.#abandon.signal,
      });
      this.#givingOver = giving.catch(() => undefined);
      const gave = await giving;
      this.#gave = gave;
      // Whoever waits here, for events or for keys, would wait in vain, however long this process stays.
      void this.#control.stop();
      const { to, gapMs, pid } = gave;
      this.#options.gaveOver?.(pid);
      env.log.info('another process goes on', { pid, to, gapMs: Math.round(gapMs) });
      void gave.settled.then(() => {
        this.#finish();
      });
      return { from: version, to, gapMs: Math.round(gapMs * 10) / 10, pid };
    });
    this.#takingUp = done.catch(() => undefined);
    return done;
  }

  /**
   * Leaves all networks to the process that the service manager starts next, in its store: nothing is lost meanwhile. This process has
   * to end then, at once; `run` does not resolve.
   *
   * @throws Error and all goes on here
   */
  rest(store: DescriptorStore): Promise<void> {
    const done = this.#takingUp.then(async () => {
      await this.#whenStarted;
      const { env, version, words, taker } = this.#options;
      // Another process has it all.
      if (this.#gave) return;
      if (this.#stopping || !words || this.#nodes.length === 0)
        throw new EvioError('EVIO_UPGRADE', 'There is nothing to leave.');
      const started = startedWith(words([]), process.env);
      const kept = [...this.#nodes.flatMap(({ move }) => move.kept()), ...(taker?.kept ?? [])];
      await leaveToNext({
        given: this.#nodes.map(givenNode),
        kept,
        version,
        started,
        store,
        log: env.log,
      });
      // Who comes finds no socket that somebody might answer at.
      void this.#control.stop();
    });
    this.#takingUp = done.catch(() => undefined);
    return done;
  }

  /** After `run` has resolved to another process, for one that stays: nothing of the networks is held here any more. */
  async leave(): Promise<void> {
    await Promise.all(this.#nodes.map(({ move }) => move.leave()));
  }

  /** Ends `run`. Idempotent; resolves when everything is down. */
  stop(): Promise<void> {
    if (this.#gave) {
      this.#stopSuccessor(this.#gave);
      return Promise.resolve();
    }
    this.#stopping ??= (async () => {
      // What half belongs to another process is not stopped before it is known whose it is.
      this.#abandon.abort();
      await this.#givingOver;
      if (this.#gave) {
        this.#stopSuccessor(this.#gave);
        return;
      }
      await this.#starting?.stop();
      for (const node of [...this.#nodes].reverse()) await this.#stopNode(node);
      await this.#control.stop();
      this.#finish();
    })();
    return this.#stopping;
  }

  /** All that there is to stop is the other process's: it is told, unless this one just comes to its end. */
  #stopSuccessor({ signal }: Gave): void {
    if (!this.#ended) signal('SIGTERM');
    this.#finish();
  }

  /** Reads the home again: networks that came since are taken up. */
  reread(): void {
    const { log } = this.#options.env;
    log.info('home is read again');
    this.#takeUp(undefined).catch((thrown: unknown) => {
      log.error('network did not start', { error: messageOf(thrown) });
    });
  }

  /** Starts what is stored and does not run: one network, or all but those that a person put down. Returns the ids. */
  #takeUp(selector: string | undefined): Promise<string[]> {
    const done = this.#takingUp.then(async () => {
      const { stored = () => [], load } = this.#options;
      const all = stored();
      const wanted =
        selector === undefined
          ? all.filter(({ id }) => !this.#putDown.has(id))
          : [selectNetwork(all, selector)];
      const started: string[] = [];
      for (const { id } of wanted) {
        if (this.#stopping || !load || this.#nodes.some((node) => node.networkId === id)) continue;
        this.#putDown.delete(id);
        const network = load(id);
        await this.#startNode(network);
        started.push(id);
      }
      return started;
    });
    this.#takingUp = done.catch(() => undefined);
    return done;
  }

  /** One line of the log for each network: how it is. */
  report(): void {
    for (const node of this.#nodes) {
      const { network, device, relays, peerCount } = node.status();
      this.#options.env.log.info('report', {
        network: network.id,
        peers: peerCount,
        connected: node.peers().filter(({ state }) => state === 'connected').length,
        relays: relays.filter(({ state }) => state === 'connected').length,
        rxBytes: device.rxBytes,
        txBytes: device.txBytes,
        drops: Object.values(device.drops).reduce((sum, count) => sum + count, 0),
        restarts: device.restarts,
      });
    }
  }

  #checkFree(network: RunnerNetwork): void {
    const { machine = machineRanges, running = runningRanges, switches } = this.#options;
    // What the machine has of the range is no matter to a stack of its own.
    if (!switches?.userspace) checkFree(network, machine(), running());
  }

  async #startNode(network: RunnerNetwork): Promise<void> {
    const { env, version, createNode, port, switches, rekeyAfterMs, certificateLifeMs } = this.#options;
    const links = new Set([...(network.profile.links ?? []), ...(this.#options.links ?? [])]);
    let fatal: Error | undefined;
    const { taker } = this.#options;
    const made: { node?: Node } = {};
    const log = withFields(env.log, () => ({ network: made.node?.networkName ?? nameOf(network) }));
    const node = createNode({
      ...(taker === undefined ? {} : { heritage: (id) => nodeHeritage(taker, id) }),
      profile: network.profile,
      state: network.state,
      saveState: (state) => {
        network.saveState(state);
      },
      ...(network.changeProfile === undefined ? {} : { changeProfile: network.changeProfile.bind(network) }),
      ...(network.ledger === undefined ? {} : { ledger: network.ledger }),
      env: { ...env, log },
      version,
      ...(port === undefined ? {} : { port }),
      ...switches,
      ...(links.size === 0 ? {} : { links: [...links] }),
      ...(rekeyAfterMs === undefined ? {} : { rekeyAfterMs }),
      ...(certificateLifeMs === undefined ? {} : { certificateLifeMs }),
      onEvent: (event) => {
        this.#publish(event);
      },
      onFatal: (error) => {
        fatal ??= error;
        this.#failures.delete(network.profile.network);
        this.#failures.set(network.profile.network, error);
        void this.#fail(node, error);
      },
    });
    made.node = node;
    // What is taken from a process before has its addresses already.
    const inherits = taker?.left.has(node.networkId) === true;
    if (!inherits) this.#checkFree(network);
    this.#starting = node;
    try {
      await node.start();
      if (fatal) throw fatal;
      if (!this.#stopping) this.#nodes.push(node);
      this.#failures.delete(network.profile.network);
    } catch (thrown) {
      // Half of what was left is in use: it can be tried again from the beginning only.
      if (inherits && !taker.beforeLives && !this.#stopping) await taker.fail(messageOf(thrown));
      await node.stop();
      throw thrown;
    } finally {
      this.#starting = undefined;
    }
  }

  async #fail(node: Node, error: Error): Promise<void> {
    if (!this.#nodes.includes(node)) return;
    this.#options.env.log.error('network failed', { network: node.networkName, error: error.message });
    await this.#stopNode(node);
    if (this.#nodes.length > 0 || this.#stopping) return;
    this.#failed = true;
    this.#finish();
  }

  async #stopNode(node: Node): Promise<void> {
    const at = this.#nodes.indexOf(node);
    if (at < 0) return;
    this.#nodes.splice(at, 1);
    await node.stop();
  }

  #publish(event: NodeEvent): void {
    this.#options.onEvent?.(event);
    this.#control.publish(event);
  }

  #running(): { id: string; name: string }[] {
    return this.#nodes.map((node) => ({ id: node.networkId, name: node.networkName }));
  }

  #resting(): NamedNetwork[] {
    const { stored = () => [] } = this.#options;
    return stored().filter(({ id }) => this.#nodes.every(({ networkId }) => networkId !== id));
  }

  /** Throws EvioError EVIO_NO_NETWORK, EVIO_AMBIGUOUS_NETWORK. */
  #pick(selector: string | undefined): Node {
    if (this.#nodes.length === 0) {
      throw new EvioError('EVIO_NOT_RUNNING', 'The node is just starting or stopping.', [
        'Try again in a moment.',
      ]);
    }
    // A whole id means one network, whatever else the home holds: those who ask often do not cost a look at the disk.
    const exact = this.#nodes.find(({ networkId }) => networkId === selector);
    if (exact) return exact;
    const running = this.#running();
    const asleep = this.#resting().find(({ id, name }) => selector === name || selector === id);
    if (asleep && !running.some(({ name }) => name === selector)) {
      throw new EvioError(
        'EVIO_NOT_RUNNING',
        `The network ${asleep.name} is on this machine, but does not run.`,
        [`Take it up with: evio up --network ${asleep.name}`],
      );
    }
    const { id } = selectNetwork(running, selector);
    return this.#nodes.find((node) => node.networkId === id) as Node;
  }

  #host(): ControlHost {
    return {
      log: this.#options.logRing ?? new LogRing(),
      networks: () => this.#running(),
      resting: () => this.#resting(),
      node: (network) => this.#pick(network),
      stop: (network) => this.#down(network),
      start: async (network) => {
        // A person who asks for all means those that were put down, too.
        if (network === undefined) this.#putDown.clear();
        await this.#whenStarted;
        return this.#takeUp(network);
      },
      upgrade: (program) => this.upgrade(program),
      report: () => {
        const { permitted, noNewPrivileges } = privileges();
        return { capabilities: namesOf(permitted), noNewPrivileges, refusedUsers: this.#control.refused };
      },
      started: () => this.#whenStarted,
    };
  }

  async #down(selector: string | undefined): Promise<string[]> {
    const nodes = selector === undefined ? [...this.#nodes].reverse() : [this.#pick(selector)];
    for (const node of nodes) {
      this.#putDown.add(node.networkId);
      await this.#stopNode(node);
    }
    if (this.#nodes.length === 0) this.#finish();
    return nodes.map((node) => node.networkId);
  }
}

/** The name of the network as it is stored. */
function nameOf({ profile, ledger }: RunnerNetwork): string | undefined {
  const bytes = fromBase64Url(profile.network);
  return ledger?.ledger.standing.facts?.name ?? (bytes && openNetwork(bytes)?.name);
}

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown));
}

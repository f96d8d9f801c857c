/**
 * Evio in the lab: a relay on the public segment and nodes at its sites, each a real `evio` process with a home
 * folder of its own. Knows the command line (docs/cli.md) and nothing of what is behind it.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EvioError, messageOf } from '../core/lib/errors.js';
import { programFile } from '../core/process/self.js';
import { atExit } from '../core/process/signals.js';
import type { LabProcess, RunResult } from './exec.js';
import { Lab } from './topology.js';
import type { LabHost } from './topology.js';

/** As long as a timer can be, ms. */
const never = '2147483647';

/** Name by which every machine of the lab finds the relay, in both address families. */
export const relayName = 'relay.evio.example';

export interface RigOptions {
  readonly prefix?: string;
  /** Port of the relay; 443 by default, which is the only one some firewalls let out to. */
  readonly relayPort?: number;
  readonly signal?: AbortSignal | undefined;
  /** Every line any evio process prints. */
  readonly onLine?: (source: string, line: string) => void;
}

interface NodeFacts {
  readonly id: string;
  readonly name: string;
  readonly ip: string;
  readonly mac: string;
}

/** `evio peers --json`, the part the lab reads. */
export interface PeerFacts {
  readonly id: string;
  readonly name: string;
  readonly ip: string;
  readonly state: string;
  readonly path: { readonly kind: string; readonly endpoint: string; readonly rttMs: number } | null;
}

/** A machine with an evio home: the network's first node, a member, or the relay. */
export class RigNode {
  readonly name: string;
  readonly host: LabHost;
  /** EVIO_HOME. */
  readonly home: string;
  /** The running `evio relay`, `evio node` or `evio join`. */
  process: LabProcess | undefined;
  /** The `run.js` that commands run here; may be changed. */
  program = programFile;
  /** Environment of its processes beside that of every node of the lab; may be changed. */
  environment: Readonly<Record<string, string>> = {};
  #facts: NodeFacts | undefined;
  readonly #rig: Rig;

  constructor(rig: Rig, name: string, host: LabHost) {
    this.#rig = rig;
    this.name = name;
    this.host = host;
    this.home = join(rig.folder, name);
    mkdirSync(this.home, { recursive: true, mode: 0o700 });
  }

  get #environment(): Record<string, string | undefined> {
    return {
      EVIO_HOME: this.home,
      NO_COLOR: '1',
      CI: 'true',
      EVIO_LOG: process.env['EVIO_LOG'] ?? 'info',
      // Nothing is measured while that is done.
      EVIO_KEEP_CODE_MS: process.env['EVIO_KEEP_CODE_MS'] ?? never,
      ...this.environment,
    };
  }

  /** Overlay address. Throws until `start` or `up` has learnt it. */
  get ip(): string {
    return this.#known.ip;
  }

  get id(): string {
    return this.#known.id;
  }

  get #known(): NodeFacts {
    if (this.#facts === undefined) throw new EvioError('EVIO_LAB', `node ${this.name} has no address yet`);
    return this.#facts;
  }

  /** `program` is a script for Node, or runs by itself. */
  #command(args: readonly string[], nodeFlags: readonly string[] = []): string[] {
    return this.program.endsWith('.js')
      ? [process.execPath, ...nodeFlags, this.program, ...args]
      : [this.program, ...args];
  }

  /** Runs `evio …` here to its end. */
  cli(
    args: readonly string[],
    options: { allowFailure?: boolean; timeoutMs?: number } = {},
  ): Promise<RunResult> {
    return this.host.run(this.#command(args), {
      ...options,
      timeoutMs: options.timeoutMs ?? 60_000,
      env: this.#environment,
      signal: this.#rig.signal,
    });
  }

  /** Runs `evio … --json` here and parses what it printed. */
  async json<T>(args: readonly string[], options: { timeoutMs?: number } = {}): Promise<T> {
    const { stdout } = await this.cli([...args, '--json'], options);
    try {
      return JSON.parse(stdout) as T;
    } catch (thrown) {
      throw new EvioError(
        'EVIO_LAB',
        `evio ${args.join(' ')} on ${this.name} printed no JSON: ${stdout.slice(0, 200)}`,
        [],
        {
          cause: thrown,
        },
      );
    }
  }

  /** Starts a long-running `evio … --json` here; `nodeFlags` are for Node.js. */
  launch(args: readonly string[], nodeFlags: readonly string[] = []): LabProcess {
    const running = this.host.launch(this.#command([...args, '--json'], nodeFlags), {
      env: this.#environment,
      onLine: (line) => this.#rig.onLine(this.name, line),
    });
    this.process = running;
    return running;
  }

  /** Makes the network here. Returns the token of `evio init`. */
  async init(network: string, relayUrl: string, extra: readonly string[] = []): Promise<string> {
    const made = await this.json<{ node: NodeFacts; token: string }>([
      ...['init', network, '--relay', relayUrl, '--node-name', this.name],
      ...extra,
    ]);
    this.#facts = made.node;
    return made.token;
  }

  /** Waits for the event `started` of the running process, and learns the node's address. */
  async up(timeoutMs = 30_000): Promise<void> {
    if (this.process === undefined) throw new EvioError('EVIO_LAB', `node ${this.name} was not launched`);
    const line = await this.process.line(/"event":\s*"started"/, timeoutMs, this.#rig.signal);
    const { node } = JSON.parse(line) as { node?: NodeFacts };
    this.#facts = node ?? (await this.json<{ node: NodeFacts }>(['status'])).node;
  }

  async peers(): Promise<readonly PeerFacts[]> {
    return (await this.json<{ peers: readonly PeerFacts[] }>(['peers'])).peers;
  }

  /** SIGTERM (or another signal) and wait for the end. */
  async stop(graceMs = 5_000): Promise<void> {
    await this.process?.stop(graceMs);
  }
}

export class Rig {
  readonly lab: Lab;
  /** Holds the homes; removed by `destroy`. */
  readonly folder: string;
  readonly signal: AbortSignal | undefined;
  readonly nodes: RigNode[] = [];
  readonly #options: RigOptions;
  /** When a node last chose another path, as its events told. */
  lastPathChange = 0;
  #relay: { node: RigNode; url: string } | undefined;

  private constructor(lab: Lab, options: RigOptions) {
    this.lab = lab;
    this.#options = options;
    this.signal = options.signal;
    this.folder = mkdtempSync(join(tmpdir(), 'evio-lab-'));
  }

  static async create(options: RigOptions = {}): Promise<Rig> {
    const rig = new Rig(
      await Lab.create(options.prefix === undefined ? {} : { prefix: options.prefix }),
      options,
    );
    // The homes go when the process does, however it ends; the namespaces see to themselves.
    rig.#forget = atExit(rig.#removeFolder);
    return rig;
  }

  #forget: () => void = () => undefined;

  readonly #removeFolder = (): void => {
    rmSync(this.folder, { recursive: true, force: true });
  };

  onLine(source: string, line: string): void {
    if (line.includes('"event":"peer-path"')) this.lastPathChange = performance.now();
    this.#options.onLine?.(source, line);
  }

  /** Runs `evio relay` on a public host of its own. Returns the relay's URL with its key. */
  async startRelay(extra: readonly string[] = []): Promise<string> {
    const node = this.#relay?.node ?? new RigNode(this, 'relay', await this.lab.publicHost('relay'));
    this.lab.names({ [relayName]: node.host });
    const port = this.#options.relayPort ?? 443;
    const running = node.launch([
      'relay',
      '--listen',
      `[::]:${port}`,
      '--public',
      `${relayName}:${port}`,
      ...extra,
    ]);
    const line = await running.line(/"event":\s*"listening"/, 20_000, this.signal);
    const { url } = JSON.parse(line) as { url: string };
    this.#relay = { node, url };
    return url;
  }

  get relay(): RigNode {
    if (this.#relay === undefined) throw new EvioError('EVIO_LAB', 'the lab has no relay yet');
    return this.#relay.node;
  }

  get relayUrl(): string {
    if (this.#relay === undefined) throw new EvioError('EVIO_LAB', 'the lab has no relay yet');
    return this.#relay.url;
  }

  /** A machine with an empty home. */
  node(host: LabHost, name: string = host.name): RigNode {
    const node = new RigNode(this, name, host);
    this.nodes.push(node);
    return node;
  }

  /** Stops nodes, then the relay, and removes everything. Can be called again. `report` hears of failures. */
  async destroy(report: (text: string) => void = () => undefined): Promise<void> {
    await Promise.all(
      this.nodes.map((node) =>
        node.stop(3_000).catch((thrown: unknown) => {
          report(messageOf(thrown));
        }),
      ),
    );
    await this.#relay?.node.stop(2_000);
    await this.lab.destroy();
    this.#removeFolder();
    this.#forget();
  }
}

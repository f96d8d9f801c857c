/** A network of two versions of the program in the lab: relay, first node and the others each of the one or the other. */
import { basename, join } from 'node:path';
import { programFile } from '../../src/core/process/self.js';
import { sleep } from '../../src/lab/exec.js';
import { relayName, Rig, type RigNode } from '../../src/lab/rig.js';
import type { SiteOptions } from '../../src/lab/site.js';
import type { TestNode } from '../lab/support.js';

const before = process.env['EVIO_SKEW_PROGRAM'];
if (!before) throw new Error('run it by: npm run test:skew');

export type Version = 'before' | 'now';
export const programs: Readonly<Record<Version, string>> = { before, now: programFile };
/** Commit of the version before, in which folder its program lies. */
export const baseCommit = basename(join(before, '../../..')).slice(0, 7);

export interface World {
  readonly relay: Version;
  /** Of the machine that makes the network and its tokens. */
  readonly maker: Version;
  /** Of those that join. */
  readonly joiners: Version;
}

export interface Refusals {
  readonly name: string;
  readonly count: Readonly<Record<string, number>>;
}

export class SkewNet {
  readonly rig: Rig;
  readonly relay: RigNode;
  readonly world: World;
  readonly nodes: TestNode[] = [];
  /** Lines by which somebody is accused. */
  readonly accusations: readonly string[];
  token = '';

  private constructor(rig: Rig, relay: RigNode, world: World, accusations: readonly string[]) {
    this.rig = rig;
    this.relay = relay;
    this.world = world;
    this.accusations = accusations;
  }

  /** A relay, and the network made at a first site, running. */
  static async create(world: World, first: SiteOptions): Promise<SkewNet> {
    const accusations: string[] = [];
    const rig = await Rig.create({
      onLine: (source, line) => {
        if (process.env['EVIO_LAB_LOG']) console.log(`[${source}] ${line}`);
        if (/"event":"(peer-suspect|anomaly)"/.test(line)) accusations.push(`${source}: ${line}`);
      },
    });
    try {
      const relay = rig.node(await rig.lab.publicHost('relay'), 'relay');
      rig.lab.names({ [relayName]: relay.host });
      const net = new SkewNet(rig, relay, world, accusations);
      const maker = await net.#place('n0', first, world.maker);
      const url = await net.startRelay(world.relay);
      await maker.node.init('lab', url);
      const words = ['token', 'create', '--uses', '100', '--expires', '1h', '--right', 'route'];
      net.token = (await maker.node.json<{ token: string }>(words)).token;
      maker.node.launch(['node']);
      await maker.node.up();
      return net;
    } catch (thrown) {
      await rig.destroy();
      throw thrown;
    }
  }

  /** @returns its URL, with its key */
  async startRelay(version: Version): Promise<string> {
    this.relay.program = programs[version];
    const words = ['relay', '--listen', '[::]:443', '--public', `${relayName}:443`];
    const line = await this.relay.launch(words).line(/"event":\s*"listening"/, 20_000);
    return (JSON.parse(line) as { url: string }).url;
  }

  async #place(name: string, site: SiteOptions, version: Version): Promise<TestNode> {
    const at = await this.rig.lab.site(name, site);
    const node = this.rig.node(at.host, name);
    node.program = programs[version];
    const placed = { node, site: at, kind: site.nat, ns: at.host.ns };
    this.nodes.push(placed);
    return placed;
  }

  /** Joins at a site of its own, and waits until the node answers. */
  async add(site: SiteOptions): Promise<TestNode> {
    const { joiners } = this.world;
    const placed = await this.#place(`n${this.nodes.length}`, site, joiners);
    placed.node.launch(['join', this.token, '--name', placed.node.name]);
    await placed.node.up();
    return placed;
  }

  destroy(): Promise<void> {
    return this.rig.destroy((text) => {
      console.error(text);
    });
  }
}

export async function until(what: string, timeoutMs: number, done: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + timeoutMs; !(await done()); await sleep(100))
    if (performance.now() > end) throw new Error(`not after ${timeoutMs} ms: ${what}`);
}

/** What a node refused of others. */
export async function refusalsOf({ node }: TestNode): Promise<readonly Refusals[]> {
  return (await node.json<{ refusals?: readonly Refusals[] }>(['status'])).refusals ?? [];
}

/** The code of the error that a command ends with. */
export async function codeOf(node: RigNode, words: readonly string[]): Promise<string> {
  const { stdout } = await node.cli([...words, '--json'], { allowFailure: true });
  const last = stdout.trim().split('\n').at(-1) ?? '{}';
  return (JSON.parse(last) as { error?: { code: string } }).error?.code ?? 'none';
}

/** A network of real evio processes in the lab, as the tests of this folder need it. */
import { expect } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import { firstPing } from '../../src/lab/measure.js';
import { Rig, type PeerFacts, type RigNode } from '../../src/lab/rig.js';
import type { Site, SiteOptions } from '../../src/lab/site.js';

export interface TestNode {
  readonly node: RigNode;
  readonly site: Site;
  readonly kind: string;
  /** Namespace of the machine. */
  readonly ns: string;
}

export class TestNet {
  readonly rig: Rig;
  readonly nodes: TestNode[] = [];
  readonly #birthday: boolean;
  #token = '';

  private constructor(rig: Rig, birthday: boolean) {
    this.rig = rig;
    this.#birthday = birthday;
  }

  /** A relay, and the network made at a first site, running. */
  static async create(
    first: SiteOptions,
    options: {
      relay?: readonly string[];
      init?: readonly string[];
      /** Members find a way by luck, too (`--birthday`); else what luck makes direct stays on a relay, as most tests want it. */
      birthday?: boolean;
      /** Hears every line that a process prints. */
      onLine?: (source: string, line: string) => void;
    } = {},
  ): Promise<TestNet> {
    const rig = await Rig.create({
      onLine: (source, line) => {
        if (process.env['EVIO_LAB_LOG']) console.log(`[${source}] ${line}`);
        options.onLine?.(source, line);
      },
    });
    const net = new TestNet(rig, options.birthday ?? false);
    try {
      const url = await rig.startRelay(options.relay);
      const maker = await net.#place('n0', first);
      net.#token = await maker.node.init('lab', url, options.init);
      const { token } = await maker.node.json<{ token: string }>([
        'token',
        'create',
        '--uses',
        '100',
        '--expires',
        '1h',
      ]);
      net.#token = token;
      maker.node.launch(['node']);
      await maker.node.up();
      return net;
    } catch (thrown) {
      await rig.destroy();
      throw thrown;
    }
  }

  get token(): string {
    return this.#token;
  }

  async #place(name: string, options: SiteOptions): Promise<TestNode> {
    const site = await this.rig.lab.site(name, options);
    const node = this.rig.node(site.host, name);
    if (!this.#birthday) node.environment = { EVIO_BIRTHDAY: '0' };
    const placed = { node, site, kind: options.nat, ns: site.host.ns };
    this.nodes.push(placed);
    return placed;
  }

  /** A machine at a site of its own, not joined yet. */
  place(options: SiteOptions, name = `n${this.nodes.length}`): Promise<TestNode> {
    return this.#place(name, options);
  }

  /** Starts `evio join` and returns at once; `at` is when it was started. */
  join(to: TestNode, extra: readonly string[] = []): { at: number } {
    to.node.launch(['join', this.#token, '--name', to.node.name, ...extra]);
    return { at: performance.now() };
  }

  /** Joins and waits until the node answers. */
  async add(options: SiteOptions, name?: string): Promise<TestNode> {
    const placed = await this.place(options, name);
    this.join(placed);
    await placed.node.up();
    return placed;
  }

  destroy(): Promise<void> {
    return this.rig.destroy((text) => {
      console.error(text);
    });
  }
}

/** UDP port that carries packets, as the node's log has it: it binds others, too, for beacons and names. */
export function udpPortOf({ node }: TestNode): number {
  const line = node.process?.stderr.findLast((text) => text.includes('"node started"'));
  const { port } = JSON.parse(line ?? '{}') as { port?: number };
  if (!port) throw new Error(`${node.name} has not told its port`);
  return port;
}

/** What `from` says of its way to `to`. */
export async function peerOf(from: TestNode, to: TestNode): Promise<PeerFacts | undefined> {
  return (await from.node.peers()).find((peer) => peer.name === to.node.name);
}

/** `direct`, `webrtc`, `relay-udp`, `relay-ws` or `none`. */
export function pathWord(peer: PeerFacts | undefined): string {
  if (!peer?.path) return 'none';
  if (peer.path.kind === 'direct' || peer.path.kind === 'webrtc') return peer.path.kind;
  return peer.path.endpoint.startsWith('ws') ? 'relay-ws' : 'relay-udp';
}

/** Waits until the path from one to the other is of this sort; returns the ms it took. */
export async function untilPath(
  from: TestNode,
  to: TestNode,
  wanted: string,
  timeoutMs: number,
): Promise<number> {
  const begun = performance.now();
  let seen = 'none';
  while (performance.now() - begun < timeoutMs) {
    seen = pathWord(await peerOf(from, to));
    if (seen === wanted) return performance.now() - begun;
    await sleep(100);
  }
  const why = await from.node.cli(['why', to.node.name], { allowFailure: true });
  throw new Error(
    `path from ${from.node.name} to ${to.node.name} is ${seen}, not ${wanted}, after ${timeoutMs} ms\n${why.stdout}`,
  );
}

/** ms until a ping is answered; fails the test after the time. */
export async function reaches(from: TestNode, to: TestNode, timeoutMs: number): Promise<number> {
  const ms = await firstPing(from.ns, to.node.ip, timeoutMs);
  if (ms === undefined) {
    const why = await from.node.cli(['why', to.node.name], { allowFailure: true });
    throw new Error(
      `${from.node.name} (${from.kind}) does not reach ${to.node.name} (${to.kind}) in ${timeoutMs} ms\n${why.stdout}`,
    );
  }
  return ms;
}

/**
 * Pings every 100 ms while `disturb` runs and until answers come again.
 *
 * @returns the longest time without an answer, ms, and how many pings were lost.
 */
export async function outage(
  from: TestNode,
  to: TestNode,
  disturb: () => Promise<void>,
  afterMs = 8_000,
): Promise<{ longestMs: number; lost: number; sent: number }> {
  const intervalMs = 100;
  const answers: number[] = [];
  const seen = new Set<number>();
  let last = 0;
  const running = from.site.host.launch(
    ['ping', '-n', '-O', '-D', '-i', `${intervalMs / 1000}`, '-W', '1', to.node.ip],
    {
      onLine: (line) => {
        const match = /^\[(\d+\.\d+)\] .*icmp_seq=(\d+)/.exec(line);
        if (!match) return;
        last = Math.max(last, Number(match[2]));
        if (!line.includes('bytes from') || seen.has(Number(match[2]))) return;
        seen.add(Number(match[2]));
        answers.push(Number(match[1]) * 1000);
      },
    },
  );
  await running.line(/bytes from/, 5_000);
  await sleep(1_000);
  await disturb();
  await sleep(afterMs);
  const endedAt = Date.now();
  await running.stop(500);
  answers.sort((a, b) => a - b);
  expect(answers.length).toBeGreaterThan(0);
  let longest = endedAt - (answers.at(-1) as number);
  for (let i = 1; i < answers.length; i++)
    longest = Math.max(longest, (answers[i] as number) - (answers[i - 1] as number));
  return { longestMs: Math.round(longest - intervalMs), lost: last - seen.size, sent: last };
}

/** Text columns, right-aligned but for the first. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number)))
        .join('  '),
    )
    .join('\n');
}

/** What `evio sim` plays: a network grows, is measured, is hurt, and heals. */
import { ringSize } from '../core/topology/position.js';
import { degreeOf, isLinked, isPlaced, measureRoutes, misplaced, reachesAll, spreadOf } from './measure.js';
import { churn, type ChurnOptions } from './churn.js';
import { fieldNatMix, type NatMix } from './net.js';
import type { Member } from './link.js';
import type { SimNode } from './node.js';
import { sendFlood } from './packets.js';
import type { SeededRandom } from './random.js';
import type { SimMoment, SimPicture, SimProgress, SimReport } from './report.js';
import { World } from './world.js';

/** Parts that follow the joining and the measuring. */
export const parts = ['leave', 'crash', 'split'] as const;
export type Part = (typeof parts)[number];
/** The partition takes longer than all the others together. */
const usualParts: readonly Part[] = ['leave', 'crash'];

export interface SimOptions extends ChurnOptions {
  readonly nodes: number;
  readonly seed: number;
  /** Share of control datagrams lost by chance. Routed packets and broadcasts are not: what is measured is the overlay. */
  readonly loss?: number;
  readonly natMix?: NatMix;
  readonly relay?: boolean;
  /** `log10`: the long links of the published Evio, and greedy routing without look-ahead, as it had. */
  readonly baseline?: 'log10' | undefined;
  /** Default: leave and crash. */
  readonly parts?: readonly Part[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: SimProgress) => void;
  /** Given the network every two seconds of virtual time. */
  readonly record?: (moment: SimMoment) => void;
  /** Awaited now and then, so that the process stays responsive. */
  readonly breathe?: () => Promise<void>;
}

export interface SimResult {
  readonly report: SimReport;
  readonly picture: SimPicture;
}

/** Newcomers a second, and how long the joining lasts at least and at most, ms. */
const joinsPerS = 50;
const leastJoinMs = 2_000;
const mostJoinMs = 60_000;
/** Quiet before measuring: links that nobody needs any more are gone by then. */
const settleMs = 15_000;
const trafficMs = 15_000;
const floodMs = 5_000;
const routedPairs = 20_000;
const floodOrigins = 20;
const probeOrigins = 5;
/** How often it is looked whether all is whole again, how long it must stay so, and when that is given up. */
const pollMs = 250;
const holdMs = 3_000;
const healLimitMs = 60_000;
const splitMs = 30_000;
const crashedShare = 0.1;
const leavingShare = 0.05;
const eventsPerBreath = 20_000;
const recordMs = 2_000;

/** Throws the reason of `signal` when that aborts. The same options give the same result. */
export async function simulate(options: SimOptions): Promise<SimResult> {
  return new Scenario(options).run();
}

export class Scenario {
  readonly world: World;
  readonly options: SimOptions;
  readonly #random: SeededRandom;
  #recordedMs = 0;

  constructor(options: SimOptions) {
    this.options = options;
    const drawBase = options.baseline ?? 'ln';
    const { seed, loss = 0.005, natMix = fieldNatMix, relay = true } = options;
    const lookAhead = options.baseline === undefined;
    this.world = new World({ seed, loss, natMix, relay, lookAhead, overlay: { drawBase } });
    this.#random = this.world.random.split('scenario');
  }

  async run(): Promise<SimResult> {
    const { nodes, seed } = this.options;
    const wanted = this.options.parts ?? usualParts;
    await this.#join();
    this.tell('settle', 'waiting until all is quiet');
    await this.advance(settleMs);
    const quiet = await this.#measure();
    const picture = this.#picture();
    const healMs = {
      ...(wanted.includes('leave') ? await this.#leave() : {}),
      ...(wanted.includes('crash') ? await this.#crash() : {}),
      ...(wanted.includes('split') ? await this.#split() : {}),
    };
    const report: SimReport = { nodes, seed, ...quiet, healMs };
    if (!this.options.churn) return { report, picture };
    return { report: { ...report, churn: await churn(this) }, picture };
  }

  /** Lets virtual time pass. */
  async advance(ms: number): Promise<void> {
    const end = this.world.clock.now() + ms;
    for (;;) {
      const next = this.options.record ? Math.min(end, this.#recordedMs + recordMs) : end;
      const done = this.world.clock.run(next, eventsPerBreath);
      this.options.signal?.throwIfAborted();
      if (done && next < end) this.#record();
      else if (done) return;
      await this.options.breathe?.();
    }
  }

  #record(): void {
    this.#recordedMs = this.world.clock.now();
    const { ring } = this.world;
    const places = new Map(ring.map(({ id }, i) => [id, i]));
    const links: [number, number][] = [];
    for (const [from, node] of ring.entries()) {
      for (const { up, peer } of node.links.values()) {
        const to = up ? places.get(peer.id) : undefined;
        if (to !== undefined && from < to) links.push([from, to]);
      }
    }
    this.options.record?.({ nowMs: this.#recordedMs, members: ring.map(({ id }) => id), links });
  }

  tell(phase: SimProgress['phase'], text: string): void {
    this.options.onProgress?.({ phase, text, nowMs: this.world.clock.now() });
  }

  async #join(): Promise<void> {
    const { world } = this;
    const { nodes } = this.options;
    const lasts = Math.min(mostJoinMs, Math.max(leastJoinMs, (nodes / joinsPerS) * 1000));
    this.tell('join', `${nodes} members join`);
    world.ticked = (node) => {
      if (node.completeMs !== undefined && node.linkedMs !== undefined) return;
      const passed = world.clock.now() - node.startedAt;
      if (node.completeMs === undefined && isPlaced(world.ring, world.indexOf(node)))
        node.completeMs = passed;
      if (node.linkedMs === undefined && node.firstLinkMs !== undefined && isLinked(node))
        node.linkedMs = passed;
    };
    const random = this.#random.split('join');
    for (let i = 0; i < nodes; i++) {
      world.clock.at((lasts * (i + random.unit())) / nodes, () => {
        world.join();
      });
    }
    await this.advance(lasts);
    this.tell('join', 'waiting for the ring');
    await this.untilWhole(world.ring);
  }

  async #measure(): Promise<Omit<SimReport, 'nodes' | 'seed' | 'healMs'>> {
    const { world } = this;
    const random = this.#random.split('measure');
    const members = [...world.ring];
    this.tell('measure', `${routedPairs} routed packets, ${floodOrigins} broadcasts, idle traffic`);
    const { hops, lost } = measureRoutes(members, routedPairs, random);
    const wrong = misplaced(members);
    const degree = spreadOf(members.map(degreeOf));
    const before = members.map(({ sentBytes, sentPackets }) => ({ sentBytes, sentPackets }));
    await this.advance(trafficMs);
    const seconds = trafficMs / 1000;
    const bytes = spreadOf(
      members.map((node, i) => (node.sentBytes - (before[i]?.sentBytes ?? 0)) / seconds),
    );
    const packets = spreadOf(
      members.map((node, i) => (node.sentPackets - (before[i]?.sentPackets ?? 0)) / seconds),
    );
    const floods = random.sample(members, floodOrigins).map((origin) => sendFlood(origin));
    await this.advance(floodMs);
    const total = (of: (flood: (typeof floods)[number]) => number): number =>
      floods.reduce((sum, flood) => sum + of(flood), 0);
    const spread = spreadOf(hops);
    const joined = spreadOf(members.map((node) => node.completeMs ?? Infinity));
    const first = spreadOf(members.map((node) => node.firstLinkMs ?? Infinity));
    const linked = spreadOf(
      members.map(({ linkedMs = Infinity, firstLinkMs = 0 }) => linkedMs - firstLinkMs),
    );
    return {
      joinMs: {
        p50: whole(joined.p50),
        p99: whole(joined.p99),
        max: whole(joined.max),
        firstLink: { p50: whole(first.p50), p99: whole(first.p99) },
        links: { p50: whole(linked.p50), p99: whole(linked.p99) },
      },
      misplaced: wrong,
      hops: { mean: rounded(spread.mean), p99: spread.p99, max: spread.max },
      delivered: hops.length + lost === 0 ? 1 : rounded(hops.length / (hops.length + lost), 5),
      degree: { mean: rounded(degree.mean, 2), max: degree.max },
      flood: {
        broadcasts: floods.length,
        copies: rounded(total(({ copies }) => copies) / Math.max(1, floods.length), 2),
        missed: total(({ reached }) => members.length - reached.size),
        duplicates: total(({ duplicates }) => duplicates),
      },
      traffic: {
        meanBytesPerS: whole(bytes.mean),
        p99BytesPerS: whole(bytes.p99),
        maxBytesPerS: whole(bytes.max),
        meanPacketsPerS: rounded(packets.mean, 1),
      },
    };
  }

  async #leave(): Promise<Pick<SimReport['healMs'], 'leave'>> {
    const going = this.#some(leavingShare, 'leave');
    this.tell('leave', `${going.length} members leave`);
    for (const node of going) this.world.leave(node);
    const { ring, floods } = await this.#healed();
    return { leave: ring === null || floods === null ? null : Math.max(ring, floods) };
  }

  async #crash(): Promise<Pick<SimReport['healMs'], 'ring' | 'floods'>> {
    const going = this.#some(crashedShare, 'crash');
    this.tell('crash', `${going.length} members crash at once`);
    for (const node of going) this.world.crash(node);
    return this.#healed();
  }

  /** The relay stays with one half. In the other, whoever has no UDP is cut off from everybody and does not count. */
  async #split(): Promise<Pick<SimReport['healMs'], 'split' | 'merge'>> {
    const { world } = this;
    const begun = world.clock.now();
    this.tell('split', 'the network is cut in two, the relay in one half');
    world.split(true);
    const halves = [0, 1].map((side) =>
      world.ring.filter((node) => node.place.side === side && world.isReachable(node)),
    );
    const split = await this.untilWhole(...halves);
    await this.advance(Math.max(0, splitMs - (world.clock.now() - begun)));
    this.tell('merge', 'the halves are joined again');
    world.split(false);
    const { ring, floods } = await this.#healed();
    return { split, merge: ring === null || floods === null ? null : Math.max(ring, floods) };
  }

  #some(share: number, label: string): SimNode[] {
    const { ring } = this.world;
    return this.#random.split(label).sample(ring, Math.round(share * ring.length));
  }

  async #healed(): Promise<{ ring: number | null; floods: number | null }> {
    const { ring } = this.world;
    const origins = this.#random.split('probes').sample(ring, probeOrigins);
    return this.#until([() => misplaced(ring, 1) === 0, () => reachesAll(ring, origins)]).then(
      ([ringMs = null, floodsMs = null]) => ({ ring: ringMs, floods: floodsMs }),
    );
  }

  /** Ms until each of these rings is whole, and stays so; null when that is not within a minute. */
  async untilWhole(...rings: readonly (readonly SimNode[])[]): Promise<number | null> {
    const [ms = null] = await this.#until([() => rings.every((ring) => misplaced(ring, 1) === 0)]);
    return ms;
  }

  /** For each check the time since when it holds without a break; ends when all hold for a while. */
  async #until(checks: readonly (() => boolean)[]): Promise<(number | null)[]> {
    const { clock } = this.world;
    const begun = clock.now();
    const since: (number | null)[] = checks.map(() => null);
    for (;;) {
      await this.advance(pollMs);
      const passed = clock.now() - begun;
      checks.forEach((check, i) => {
        since[i] = check() ? (since[i] ?? passed) : null;
      });
      if (passed >= healLimitMs || since.every((at) => at !== null && passed - at >= holdMs)) return since;
    }
  }

  #picture(): SimPicture {
    const { ring } = this.world;
    const turn = (node: Member): number => node.position / ringSize;
    const focus = ring[0];
    if (!focus) return { members: [], focus: { id: '', at: 0 }, links: [] };
    const { predecessor, successors } = focus.report();
    const links = [...focus.links.values()].filter(({ up }) => up);
    return {
      members: ring.map(turn),
      focus: { id: focus.id, at: turn(focus) },
      links: links.map(({ peer }) => ({
        at: turn(peer),
        kind: peer.id === predecessor || successors.includes(peer.id) ? 'ring' : 'long',
      })),
    };
  }
}

function whole(value: number): number {
  return Math.round(value);
}

function rounded(value: number, digits = 3): number {
  return Number(value.toFixed(digits));
}

/** One contender, measured once. Every contender is measured by the same steps in the same order. */
import { EvioError } from '../core/lib/errors.js';
import type { Sample } from './bench-report.js';
import { Crew } from './contender.js';
import type { Contender, Running, Stage } from './contender.js';
import { sleep } from '../lab/exec.js';
import { firstPing, iperfBothWays, iperfTcp, iperfUdp, ping } from '../lab/measure.js';
import { cpuSeconds, residentMiB } from '../lab/usage.js';

export interface Effort {
  /** Length of one TCP measurement. */
  readonly seconds: number;
  /** Steps of the search for the highest UDP rate; 0 leaves it with what a flood brings. */
  readonly searchSteps: number;
  /** Also: eight streams, both directions, a lossy link. */
  readonly whole: boolean;
}

/** Attempts at bringing a contender up, and how long each may take to the first ping. */
const attempts = 3;
const startMs = 20_000;
/** Paths settle: n2n finds its direct path, evio leaves the relay. In brief half of it has to do. */
const settleMs = { whole: 4_000, brief: 2_000 } as const;
const datagramBytes = 100;
/** The stream that is not counted: just-in-time compilation takes some seconds, caches and congestion control less. */
const warmUpSeconds = { whole: 5, brief: 3 } as const;
/** A rate counts while no more than this is lost. */
const acceptedLossPercent = 1;
const probeSeconds = 1;
/** The long thin link: loss in each direction, and what the round trip grows by. */
const lossyLink = { loss: 0.01, roundTripMs: 40, seconds: 5 } as const;

/** Starts the contender, again when that fails or nothing answers. Throws EVIO_LAB with the last reason. */
async function bringUp(stage: Stage, contender: Contender): Promise<{ up: Running; connectMs: number }> {
  for (let attempt = 1; ; attempt++) {
    const crew = new Crew();
    let up: Running | undefined;
    try {
      up = await contender.start(stage, crew);
      if ((await firstPing(up.client.ns, up.address, startMs)) === undefined)
        throw new EvioError('EVIO_LAB', `no ping within ${startMs} ms, at attempt ${attempt}`);
      return { up, connectMs: performance.now() - up.startedAt };
    } catch (thrown) {
      await (up ?? crew).stop();
      if (attempt === attempts) throw thrown;
    }
  }
}

/** Datagrams per second that arrive, at the highest rate at which at most 1 % is lost, by bisection. */
export async function udpRate(
  probe: (mbps: number) => Promise<{ pps: number; sentPps: number; lossPercent: number }>,
  steps: number,
): Promise<{ pps: number; lossPercent: number; floodPps: number }> {
  const flood = await probe(0);
  let best = { pps: flood.pps, lossPercent: flood.lossPercent };
  if (flood.lossPercent <= acceptedLossPercent || steps === 0) return { ...best, floodPps: flood.pps };
  best = { pps: 0, lossPercent: 100 };
  let [low, high] = [0, flood.sentPps];
  for (let step = 0; step < steps; step++) {
    const offered = (low + high) / 2;
    const found = await probe((offered * datagramBytes * 8) / 1e6);
    if (found.lossPercent <= acceptedLossPercent) {
      low = offered;
      if (found.pps > best.pps) best = { pps: found.pps, lossPercent: found.lossPercent };
    } else {
      high = offered;
    }
  }
  return { ...best, floodPps: flood.pps };
}

export async function sample(
  stage: Stage,
  contender: Contender,
  round: number,
  effort: Effort,
): Promise<Sample> {
  const { up, connectMs } = await bringUp(stage, contender);
  try {
    const { seconds } = effort;
    const length = effort.whole ? 'whole' : 'brief';
    const [client, server, to] = [up.client.ns, up.server.ns, up.address];
    const pids = up.programs.map((program) => program.pid);
    await ping(client, to, { count: Math.round(settleMs[length] / 100), intervalMs: 100 });
    await iperfTcp(client, server, to, { seconds: warmUpSeconds[length] });
    const before = cpuSeconds(pids);
    const tcp = await iperfTcp(client, server, to, { seconds });
    const cpu = cpuSeconds(pids) - before;
    await sleep(200);
    const idle = await ping(client, to, { count: 200, intervalMs: 10 });
    const loading = iperfTcp(client, server, to, { seconds: 3 });
    await sleep(600);
    const loaded = await ping(client, to, { count: 100, intervalMs: 20 });
    await loading;
    const udp = await udpRate(
      (mbps) => iperfUdp(client, server, to, { seconds: probeSeconds, size: datagramBytes, mbps }),
      effort.searchSteps,
    );
    const eight = effort.whole ? await iperfTcp(client, server, to, { seconds, streams: 8 }) : null;
    const both = effort.whole ? await iperfBothWays(client, server, to, { seconds }) : null;
    const memory = pids.length === 0 ? null : residentMiB(pids);
    // Last, because it changes the link.
    const path = (await up.path?.()) ?? null;
    const lossy = effort.whole ? await overLossyLink(up) : null;
    return {
      round,
      contender: contender.name,
      connectMs: Number.isNaN(connectMs) ? null : connectMs,
      tcpMbps: tcp.mbps,
      retransmits: tcp.retransmits,
      cpuSecondsPerGbit: pids.length === 0 ? null : cpu / ((tcp.mbps * seconds) / 1_000),
      tcp8Mbps: eight?.mbps ?? null,
      bothWaysMbps: both?.mbps ?? null,
      lossyMbps: lossy,
      pingMs: idle.medianMs,
      pingP99Ms: idle.p99Ms,
      loadedPingMs: loaded.medianMs,
      loadedPingP99Ms: loaded.p99Ms,
      udpPps: udp.pps,
      udpLossPercent: udp.lossPercent,
      udpFloodPps: udp.floodPps,
      residentMiB: memory,
      path,
    };
  } finally {
    await up.stop();
  }
}

/** One TCP stream while the client's uplink loses and delays packets; null when it carries nothing. */
async function overLossyLink(up: Running): Promise<number | null> {
  const { site } = up.client;
  await site.setLoss(lossyLink.loss);
  await site.setDelay(lossyLink.roundTripMs / 2);
  try {
    if ((await firstPing(up.client.ns, up.address, 10_000)) === undefined) return null;
    const { seconds } = lossyLink;
    return (await iperfTcp(up.client.ns, up.server.ns, up.address, { seconds })).mbps;
  } catch (thrown) {
    if (thrown instanceof EvioError) return null;
    throw thrown;
  } finally {
    await site.setDelay(0);
    await site.setLoss(0);
  }
}

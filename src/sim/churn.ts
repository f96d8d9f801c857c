/** Members come and go all the time while packets are routed between those that are there. */
import { sendRoute } from './packets.js';
import type { ChurnReport } from './report.js';
import type { SimNode } from './node.js';
import type { World } from './world.js';

const defaultForMs = 300_000;
const defaultCrashShare = 0.5;
/** Packets a second, and when one that did not arrive is sent again; ms since the first. */
const packetsPerS = 200;
const triesMs = [0, 1_000, 3_000] as const;
/** Then it is lost. */
const lostMs = 5_000;

interface Probe {
  /** Number of the try that arrived; undefined: none. */
  arrived: number | undefined;
  /** Source or destination went before anything arrived: says nothing. */
  void: boolean;
}

export interface ChurnOptions {
  /** Share of the members replaced in a second; 0: no churn. */
  readonly churn?: number;
  readonly churnForMs?: number;
  /** Share of the replaced that crash; the others leave in order. */
  readonly crashShare?: number;
}

/** Where it is played. */
export interface Stage {
  readonly world: World;
  readonly options: ChurnOptions;
  /** Lets virtual time pass. */
  advance(ms: number): Promise<void>;
  tell(phase: 'churn', text: string): void;
}

export async function churn(stage: Stage): Promise<ChurnReport> {
  const { world, options } = stage;
  const { clock } = world;
  const perS = options.churn ?? 0;
  const forMs = options.churnForMs ?? defaultForMs;
  const crashShare = options.crashShare ?? defaultCrashShare;
  const random = world.random.split('churn');
  const draws = random.split('packets');
  const begun = clock.now();
  const end = begun + forMs;
  const gapMs = 1000 / (perS * world.ring.length);
  let replaced = 0;
  stage.tell('churn', `${(perS * 100).toFixed(1)} % of the members are replaced each second`);

  const replace = (): void => {
    if (clock.now() >= end) return;
    const going = random.pick(world.ring);
    if (random.unit() < crashShare) world.crash(going);
    else world.leave(going);
    world.join();
    replaced++;
    clock.after(random.exponential(gapMs), replace);
  };
  clock.after(random.exponential(gapMs), replace);

  const probes: Probe[] = [];
  const settled = (): SimNode => {
    // Somebody who is still joining asks nobody yet, and nobody asks for it.
    for (;;) {
      const node = draws.pick(world.ring);
      if (node.completeMs !== undefined) return node;
    }
  };
  const send = (): void => {
    if (clock.now() >= end) return;
    const [from, to] = [settled(), settled()];
    if (from !== to) {
      const probe: Probe = { arrived: undefined, void: false };
      probes.push(probe);
      clock.after(lostMs, () => {
        if (probe.arrived === undefined && !to.alive) probe.void = true;
      });
      triesMs.forEach((ms, i) => {
        clock.after(ms, () => {
          if (probe.arrived !== undefined) return;
          if (!from.alive || !to.alive) probe.void = true;
          else
            sendRoute(from, to, ({ delivered }) => {
              if (delivered) probe.arrived ??= i;
            });
        });
      });
    }
    clock.after(1000 / packetsPerS, send);
  };
  send();

  const sent = world.sentBytes;
  await stage.advance(forMs);
  const bytes = world.sentBytes - sent;
  await stage.advance(lostMs);
  const valid = probes.filter(({ arrived, void: vain }) => arrived !== undefined || !vain);
  const share = (tries: number): number =>
    valid.filter(({ arrived }) => arrived !== undefined && arrived < tries).length /
    Math.max(1, valid.length);
  return {
    perS,
    crashShare,
    forMs,
    replaced,
    packets: valid.length,
    firstTry: Number(share(1).toFixed(5)),
    delivered: Number(share(triesMs.length).toFixed(5)),
    meanBytesPerS: Math.round(((bytes / forMs) * 1000) / world.ring.length),
  };
}

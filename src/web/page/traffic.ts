/** Rates from counters that only grow, picture by picture. */
import type { Picture } from '../model.js';

/** So much is kept for the chart, seconds. */
const keptS = 300;

export interface Rates {
  /** Bytes a second of a member, both ways, by id. */
  readonly members: ReadonlyMap<string, number>;
  /** Seconds since 1970, bytes a second in and out: columns of a chart. */
  readonly history: readonly [number[], number[], number[]];
}

/** Less than this, bytes a second, is what keeps a path open, and no traffic. */
const quiet = 128;

export const noRates: Rates = { members: new Map(), history: [[], [], []] };

export function ratesOf(before: Picture | undefined, now: Picture, rates: Rates): Rates {
  const seconds = before ? (now.at - before.at) / 1000 : 0;
  // Another network, or a counter that began anew.
  if (!before || before.network.id !== now.network.id || seconds <= 0) return noRates;
  const per = (a: number, b: number, time = seconds): number => Math.max(0, (b - a) / time);
  const membersAt = ({ membersAt: told, at: moment }: Picture): number => told ?? moment;
  const membersS = (membersAt(now) - membersAt(before)) / 1000;
  const earlier = new Map(membersS > 0 ? before.members.map((member) => [member.id, member]) : []);
  const members = new Map<string, number>();
  const sum = { rx: 0, tx: 0 };
  for (const { id, rxBytes, txBytes } of membersS > 0 ? now.members : []) {
    const was = earlier.get(id);
    if (!was) continue;
    const [read, written] = [per(was.rxBytes, rxBytes, membersS), per(was.txBytes, txBytes, membersS)];
    sum.rx += read;
    sum.tx += written;
    if (read + written >= quiet) members.set(id, read + written);
  }
  const [at, rx, tx] = rates.history;
  const old = at.findIndex((time) => time > now.at / 1000 - keptS);
  const push = (column: readonly number[], value: number): number[] => [...column.slice(old), value];
  const whole =
    now.self && before.self
      ? { rx: per(before.self.rxBytes, now.self.rxBytes), tx: per(before.self.txBytes, now.self.txBytes) }
      : now.relay && sum;
  const history: Rates['history'] = whole
    ? [push(at, now.at / 1000), push(rx, whole.rx), push(tx, whole.tx)]
    : [at, rx, tx];
  // The same map where nothing is new, so that nothing is drawn again for it.
  const same = membersS <= 0 || (members.size === 0 && rates.members.size === 0);
  return { members: same ? rates.members : members, history };
}

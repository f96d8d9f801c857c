/** What a relay counts, in one array of numbers that the main thread and the forwarding thread can share. */

/** How a packet came in and went out. */
export const ways = ['udp-udp', 'udp-ws', 'ws-udp', 'ws-ws'] as const;
export type Way = (typeof ways)[number];

/** Why a packet of a member or a stranger was dropped. */
export const relayDrops = [
  'malformed',
  'unknown-association',
  'wrong-source',
  'no-destination',
  'destination-offline',
  'queue-full',
  'node-limit',
  'network-limit',
  'send-failed',
  'bad-bind',
  'stale-bind',
  'rate-limited',
  'source-limited',
  'strangers-limited',
  'unproven',
] as const;
export type RelayDrop = (typeof relayDrops)[number];

const events = ['stun', 'binds', 'hints'] as const;
type Event = (typeof events)[number];

/** Positions in the array. */
export const Count = {
  packets: 0,
  bytes: ways.length,
  drops: 2 * ways.length,
  events: 2 * ways.length + relayDrops.length,
  length: 2 * ways.length + relayDrops.length + events.length,
} as const;

export const wayIndex = Object.fromEntries(ways.map((way, i) => [way, i])) as Record<Way, number>;
export const dropIndex = Object.fromEntries(relayDrops.map((drop, i) => [drop, Count.drops + i])) as Record<
  RelayDrop,
  number
>;
export const eventIndex = Object.fromEntries(events.map((event, i) => [event, Count.events + i])) as Record<
  Event,
  number
>;

/** Totals as metrics and tests read them. */
export interface RelayTotals {
  packets: Record<Way, number>;
  bytes: Record<Way, number>;
  drops: Record<RelayDrop, number>;
  stun: number;
  binds: number;
  hints: number;
}

/** One writer each; `totals` may be called by another thread and is then at most a moment old. */
export class CounterBlock {
  readonly values: Float64Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(Count.length * 8)) {
    this.values = new Float64Array(shared);
  }

  get buffer(): SharedArrayBuffer {
    return this.values.buffer as SharedArrayBuffer;
  }

  forwarded(way: Way, packets: number, bytes: number): void {
    const i = wayIndex[way];
    this.values[Count.packets + i] = (this.values[Count.packets + i] as number) + packets;
    this.values[Count.bytes + i] = (this.values[Count.bytes + i] as number) + bytes;
  }

  drop(reason: RelayDrop, packets = 1): void {
    const i = dropIndex[reason];
    this.values[i] = (this.values[i] as number) + packets;
  }

  /** Goes on from what another process counted. */
  add({ packets, bytes, drops, stun, binds, hints }: RelayTotals): void {
    const more = (i: number, count: number | undefined): void => {
      this.values[i] = (this.values[i] as number) + (count ?? 0);
    };
    for (const way of ways) {
      more(Count.packets + wayIndex[way], packets[way]);
      more(Count.bytes + wayIndex[way], bytes[way]);
    }
    for (const reason of relayDrops) more(dropIndex[reason], drops[reason]);
    more(eventIndex.stun, stun);
    more(eventIndex.binds, binds);
    more(eventIndex.hints, hints);
  }

  event(event: Event): void {
    const i = eventIndex[event];
    this.values[i] = (this.values[i] as number) + 1;
  }
}

/** The sum of several blocks. */
export function totalsOf(blocks: readonly CounterBlock[]): RelayTotals {
  const sum = (i: number): number => blocks.reduce((total, block) => total + (block.values[i] as number), 0);
  const each = <K extends string>(names: readonly K[], at: number): Record<K, number> =>
    Object.fromEntries(names.map((name, i) => [name, sum(at + i)])) as Record<K, number>;
  return {
    packets: each(ways, Count.packets),
    bytes: each(ways, Count.bytes),
    drops: each(relayDrops, Count.drops),
    ...each(events, Count.events),
  };
}

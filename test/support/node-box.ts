/** Whole nodes on a net in memory, under a virtual clock: real handshakes and real sealing, no kernel. */
import type { NodeEvent } from '../../src/core/node/events.js';
import { stateSchema } from '../../src/core/config/schema.js';
import type { NodeState, Profile } from '../../src/core/membership/profile.js';
import { macOf } from '../../src/core/identity/node-id.js';
import { selfOf } from '../../src/core/membership/self.js';
import { Engine } from '../../src/core/node/engine.js';
import type { EnginePorts } from '../../src/core/node/ports.js';
import type { NodeOptions } from '../../src/core/node/node.js';
import { memberProfiles } from './members.js';
import { MemoryNet } from './memory-net.js';
import { MemoryPlane } from './memory-plane.js';
import { virtualEnv, VirtualClock } from './virtual.js';

/** One node, with what it told, saved and received. */
export interface Box {
  engine: Engine;
  plane: MemoryPlane;
  events: NodeEvent[];
  saved: NodeState | undefined;
  frames: Uint8Array[];
  profile: Profile;
  mac: Uint8Array;
  /** Address of its machine, which may change; the plane's socket stays at the old one until it binds again. */
  host: string;
}

export interface BoxWish {
  readonly net: MemoryNet;
  readonly clock: VirtualClock;
  readonly profile: Profile;
  readonly host: string;
  readonly state?: Partial<NodeState>;
  readonly seed: number;
  readonly options?: Partial<NodeOptions>;
  readonly ports?: Partial<EnginePorts>;
}

/** A node, not started. */
export function boxOf({ net, clock, profile, host, state, seed, options, ports }: BoxWish): Box {
  const events: NodeEvent[] = [];
  const frames: Uint8Array[] = [];
  const mac = macOf(selfOf(profile).id);
  const out = { events, frames, profile, mac, host, saved: undefined } as unknown as Box;
  out.engine = new Engine(
    {
      profile,
      state: stateSchema.parse({ version: 1, ...state }),
      saveState: (saved) => {
        out.saved = saved;
      },
      env: virtualEnv(clock, seed),
      version: '0.0.0',
      port: 5000,
      onEvent: (event) => events.push(event),
      rekeyAfterMs: 20_000,
      ...options,
    },
    {
      makePlane: (wish) => {
        const machine = {
          net,
          get host() {
            return out.host;
          },
        };
        out.plane = new MemoryPlane(wish, machine);
        out.plane.onFrame = (frame) => frames.push(frame);
        return out.plane;
      },
      addresses: () => [{ device: 'eth0', address: out.host, internal: false }],
      ...ports,
    },
  );
  return out;
}

export interface Pair {
  readonly clock: VirtualClock;
  readonly net: MemoryNet;
  readonly a: Box;
  readonly b: Box;
  readonly ids: readonly [string, string];
}

/** Two members that know each other, started; b remembers where a was unless told otherwise. */
export async function startedPair(options: { knowsEndpoint?: boolean } = {}): Promise<Pair> {
  const clock = new VirtualClock();
  const net = new MemoryNet({ clock, latencyMs: 5 });
  const [pa, pb] = memberProfiles(2, clock) as [Profile, Profile];
  const ids = [selfOf(pa).idText, selfOf(pb).idText] as const;
  const endpoints = (options.knowsEndpoint ?? true) ? { [ids[0]]: ['192.0.2.1:5000'] } : {};
  const a = boxOf({
    net,
    clock,
    profile: pa,
    host: '192.0.2.1',
    state: { members: [pb.credential] },
    seed: 11,
  });
  const state = { members: [pa.credential], endpoints };
  const b = boxOf({ net, clock, profile: pb, host: '192.0.2.2', state, seed: 12 });
  await a.engine.start();
  await b.engine.start();
  return { clock, net, a, b, ids };
}

/** An Ethernet frame of 100 bytes from one to the other. */
export function frameOf(to: Box, from: Box, fill: number): Uint8Array {
  const out = new Uint8Array(100).fill(fill);
  out.set(to.mac, 0);
  out.set(from.mac, 6);
  out[12] = 0x88;
  out[13] = 0xb5;
  return out;
}

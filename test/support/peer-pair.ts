/**
 * Two members that are each other's only peer: real sessions, probers and doors above the real packet loop, on a net in
 * memory, under a virtual clock. No engine and no overlay. A relay in memory stands between them: a carrier.
 */
import { onTestFinished } from 'vitest';
import type { Origin, Path, PlaneListener } from '../../src/core/dataplane/plane/plane.js';
import { macOf } from '../../src/core/identity/node-id.js';
import type { Authority } from '../../src/core/identity/authority.js';
import type { Member } from '../../src/core/identity/certificate.js';
import { utf8 } from '../../src/core/lib/bytes.js';
import { claimantOf, selfOf, type Self } from '../../src/core/membership/self.js';
import { StampSource } from '../../src/core/noise/tai64n.js';
import type { RelayChoice } from '../../src/core/path/path.js';
import { HandshakeDoor } from '../../src/core/peer/handshake-door.js';
import { IndexTable } from '../../src/core/peer/index-table.js';
import { NamedAddresses } from '../../src/core/peer/named-addresses.js';
import { Peer } from '../../src/core/peer/peer.js';
import type { PeerPorts } from '../../src/core/peer/peer-ports.js';
import { Peers } from '../../src/core/peer/peers.js';
import type { Session, SessionContext } from '../../src/core/peer/session.js';
import { parseControl } from '../../src/core/wire/control.js';
import { PacketType, Suite } from '../../src/core/wire/packet.js';
import { batchOf } from '../../src/core/wire/relay.js';
import { parseRing } from '../../src/core/wire/ring.js';
import { memberProfiles } from './members.js';
import { MemoryNet } from './memory-net.js';
import { MemoryPlane } from './memory-plane.js';
import { virtualEnv, VirtualClock } from './virtual.js';

/** What a peer told, and when. */
export interface Told {
  readonly at: number;
  readonly what: string;
}

export interface PeerSide {
  readonly self: Self;
  readonly plane: MemoryPlane;
  readonly peers: Peers;
  readonly door: HandshakeDoor;
  readonly context: SessionContext;
  /** The other member, as it is known here. */
  readonly peer: Peer;
  readonly told: Told[];
  readonly frames: Uint8Array[];
  /** Handshake packets that went out, and where. */
  readonly handshakes: { readonly packet: Uint8Array; readonly path: Path }[];
  /** Sends a frame of 100 bytes to the other. */
  transmit(fill?: number): void;
  /** Times that `peer.tick` was called. */
  ticks: number;
}

/** `every`: peers tick each 50 ms. `due`: when they say so, and when they stir. */
export type Pace = 'every' | 'due';

export interface PeerPair {
  readonly clock: VirtualClock;
  readonly net: MemoryNet;
  readonly a: PeerSide;
  readonly b: PeerSide;
  /** The relay carries; what is under way arrives. */
  relay: boolean;
  /** Moves time by `ms`. */
  run(ms: number): Promise<void>;
  /** The relay comes or goes, and both are told. */
  setRelay(up: boolean): void;
}

const everyMs = 50;
const relayMs = 20;
const carrier = 7;

/** @param options.authority by which `a` and `b` judge members. Default: the root key, and nobody is barred */
export async function peerPair(
  options: { pace?: Pace; seed?: number; authority?: () => Authority } = {},
): Promise<PeerPair> {
  const { pace = 'every', seed = 1 } = options;
  const clock = new VirtualClock();
  const net = new MemoryNet({ clock, latencyMs: 5 });
  const selves = memberProfiles(2, clock).map((profile) => selfOf(profile));
  const [sa, sb] = selves as [Self, Self];
  const pair = { clock, net, relay: true } as unknown as PeerPair & { a: PeerSide; b: PeerSide };
  const wakes: (() => void)[] = [];

  const make = async (self: Self, other: Self, host: string, find: () => PeerSide): Promise<PeerSide> => {
    const env = virtualEnv(clock, seed + host.charCodeAt(host.length - 1));
    const plane = new MemoryPlane(
      {
        deviceName: 'evio%d',
        nodeId: self.id,
        seed: self.keys.seed,
        mac: macOf(self.id),
        ip: self.certificate.ip,
        prefix: 16,
        prefix6: new Uint8Array(8),
        mtu: 1350,
        port: 5000,
      },
      { net, host },
    );
    onTestFinished(() => plane.stop());
    const context: SessionContext = {
      env,
      localStatic: self.keys.dh,
      prologue: utf8('test'),
      suite: Suite.aes256gcm,
      boot: seed * 1_000 + host.charCodeAt(host.length - 1),
      stamps: new StampSource(clock),
      indexes: new IndexTable<Session>(env.random),
      rekeyAfterMs: 120_000,
      credential: () => self.credential,
    };
    const told: Told[] = [];
    const tell = (what: string): void => {
      told.push({ at: clock.now(), what });
    };
    const frames: Uint8Array[] = [];
    const handshakes: { packet: Uint8Array; path: Path }[] = [];
    const carry = (batch: Uint8Array): void => {
      if (!pair.relay) return;
      const bytes = batch.slice();
      clock.after(relayMs, () => {
        find().plane.carried(carrier, self.id, bytes);
      });
    };
    const sendPacket = (packet: Uint8Array, path: Path): void => {
      handshakes.push({ packet: packet.slice(), path });
      if (path.kind === 'carrier') carry(batchOf(packet));
      else plane.sendPacket(packet, path);
    };
    const choice: RelayChoice = {
      path: { kind: 'carrier', carrier, destination: other.id },
      label: 'ws://192.0.2.100:80',
    };
    const ports: PeerPorts<Peer> = {
      env,
      plane,
      session: context,
      named: new NamedAddresses(clock.now()),
      fullPing: 18 + 1350,
      sendPacket,
      relays: () => (pair.relay ? [choice] : []),
      dataWays: () => (pair.relay ? [choice] : []),
      direct: true,
      loops: () => false,
      veiled: () => false,
      candidates: () => [{ kind: 'host', endpoint: { host, port: 5000 } }],
      nat: () => ({ mapping: 'unknown', filtering: 'unknown', ports: 'unknown', range: undefined }),
      punching: () => undefined,
      checkRelays: () => {
        tell('check relays');
      },
      relaySilent: () => {
        tell('relay silent');
      },
      connected: () => {
        tell('connected');
      },
      moved: (_peer, from, to) => {
        if (from?.endpoint !== to?.endpoint) tell(`path ${to?.endpoint ?? 'none'}`);
      },
      restarted: () => {
        tell('restarted');
      },
      disconnected: () => {
        tell('disconnected');
      },
      pong: () => undefined,
      used: () => undefined,
      unanswered: () => undefined,
      ring: () => undefined,
    };
    const peers = new Peers(self.network, () => claimantOf(self), {
      env,
      makePeer: (slot: number, member: Member) => new Peer(ports, slot, member, []),
      isOnline: () => false,
      changed: () => undefined,
      removed: () => undefined,
      ...(options.authority && { authority: options.authority }),
    });
    const door = new HandshakeDoor({
      localStatic: self.keys.dh,
      prologue: context.prologue,
      random: env.random,
      members: peers,
      indexes: context.indexes,
      credential: () => context.credential(),
      send: sendPacket,
    });
    const mac = macOf(self.id);
    let tickedAt = -Infinity;
    const side = { self, plane, peers, door, context, told, frames, handshakes, ticks: 0 } as unknown as {
      -readonly [Key in keyof PeerSide]: PeerSide[Key];
    };
    let cancel: () => void = () => undefined;
    let restless = 0;
    const tick = (): void => {
      restless = clock.now() === tickedAt ? restless + 1 : 0;
      if (restless > 100) throw new Error(`${self.idText} is due again and again at ${clock.now()}`);
      tickedAt = clock.now();
      side.ticks++;
      side.peer.tick(clock.now());
      wake();
    };
    const wake = (): void => {
      if (pace !== 'due') return;
      cancel();
      const { dueAt } = side.peer;
      if (dueAt < Infinity) cancel = clock.after(Math.max(0, dueAt - clock.now()), tick);
    };
    side.transmit = (fill = 1) => {
      const frame = new Uint8Array(100).fill(fill);
      frame.set(macOf(other.id), 0);
      frame.set(mac, 6);
      frame.set([0x88, 0xb5], 12);
      plane.transmit(frame);
    };
    plane.onFrame = (frame) => {
      frames.push(frame);
    };
    const control = (slot: number, bytes: Uint8Array, origin: Origin): void => {
      const message = parseControl(bytes) ?? parseRing(bytes);
      if (message) peers.bySlot(slot)?.control(clock.now(), message, origin);
    };
    const packet = (bytes: Uint8Array, origin: Origin): void => {
      if (bytes[0] === PacketType.handshakeInit) door.initiation(clock.now(), bytes, origin);
      if (bytes[0] === PacketType.handshakeResponse) door.response(clock.now(), bytes, origin);
      if (bytes[0] === PacketType.cookieReply) door.cookie(clock.now(), bytes);
    };
    const listener = {
      packet,
      control,
      confirmed: (slot: number, index: number) => peers.bySlot(slot)?.session.confirm(clock.now(), index),
      wanted: (slot: number) => peers.bySlot(slot)?.connect(clock.now()),
      unknown: () => undefined,
      stranger: () => undefined,
      conduct: () => undefined,
      lanHello: () => undefined,
      roamed: (slot: number, endpoint) => peers.bySlot(slot)?.roamed(clock.now(), endpoint),
      carry: (_carrier: number, _destination: Uint8Array, batch: Uint8Array) => {
        carry(batch);
      },
      exhausted: () => undefined,
      stirred: (slot: number) => {
        if (pace !== 'due') return;
        side.ticks++;
        peers.bySlot(slot)?.stirred(clock.now());
      },
      suspect: () => undefined,
      restarted: () => undefined,
      failed: () => undefined,
    } satisfies PlaneListener & Record<string, unknown>;
    // Whatever comes in may have made something due.
    const waking = Object.fromEntries(
      Object.entries(listener).map(([name, hear]) => [
        name,
        (...values: never[]) => {
          (hear as (...all: never[]) => void)(...values);
          wake();
        },
      ]),
    ) as unknown as PlaneListener;
    await plane.start(waking);
    const peer = peers.take(other.credential);
    if (!peer) throw new Error('the other member is refused');
    side.peer = peer;
    plane.setLinks([], true);
    wakes.push(wake);
    if (pace === 'every') {
      const again = (): void => {
        tick();
        clock.after(everyMs, again);
      };
      clock.after(everyMs, again);
    }
    return side;
  };

  pair.a = await make(sa, sb, '192.0.2.1', () => pair.b);
  pair.b = await make(sb, sa, '192.0.2.2', () => pair.a);
  pair.run = async (ms) => {
    // What a test did to a peer from outside may have made something due.
    for (const wake of wakes) wake();
    await clock.run(ms);
  };
  pair.setRelay = (up) => {
    pair.relay = up;
    for (const { peer } of [pair.a, pair.b]) peer.prober.relaysChanged(clock.now());
  };
  return pair;
}

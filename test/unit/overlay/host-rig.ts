/** The real overlay host among peers that only note what is asked of them; sessions come and go when the test says so. */
import { Role } from '../../../src/core/identity/invite.js';
import { macOf } from '../../../src/core/identity/node-id.js';
import { fromHex, toHex } from '../../../src/core/lib/bytes.js';
import { OverlayHost } from '../../../src/core/overlay/overlay-host.js';
import type { LinkPeer } from '../../../src/core/overlay/ports.js';
import type { PeerState } from '../../../src/core/peer/peer-state.js';
import type { FindKey } from '../../../src/core/relays/relay-queries.js';
import type { LinkRoute } from '../../../src/core/topology/overlay-ports.js';
import type { Candidate } from '../../../src/core/wire/candidate.js';
import type { RingMessage, TableMessage } from '../../../src/core/wire/ring.js';
import { virtualEnv, VirtualClock } from '../../support/virtual.js';

/** Node id whose position on the ring is `share` of a turn. */
export function idAt(share: number): string {
  return Math.floor(share * 0x1_0000_0000)
    .toString(16)
    .padStart(8, '0')
    .padEnd(32, '5');
}

export class FakePeer implements LinkPeer {
  readonly member;
  readonly slot: number;
  state: PeerState = 'idle';
  indirect = false;
  relayed = false;
  cutOff = false;
  remembered: unknown[] = [];
  whereabouts: readonly Candidate[] = [];
  silenceMs = 0;
  /** What was asked of it. */
  readonly asked: string[] = [];
  endpoints: readonly Candidate[] = [];
  /** Called by `disconnect`, as a real peer tells that it is lost. */
  onLost: () => void = () => undefined;

  constructor(slot: number, idText: string, name: string, role: keyof typeof Role) {
    const id = fromHex(idText) as Uint8Array;
    this.slot = slot;
    this.member = { id, idText, name, role: Role[role], credential: id };
  }

  waitingMs(): number {
    return 0;
  }

  connect(): void {
    this.asked.push('connect');
    if (this.state === 'idle') this.state = 'connecting';
  }

  introduced(_now: number, candidates: readonly Candidate[]): void {
    this.asked.push('introduced');
    this.endpoints = candidates;
  }

  disconnect(): void {
    this.asked.push('disconnect');
    const stood = this.state === 'connected';
    this.state = 'idle';
    if (stood) this.onLost();
  }

  waysChanged(): void {
    this.asked.push('ways');
  }

  /** What was asked since the last time, and nothing more of it. */
  take(): string[] {
    return this.asked.splice(0);
  }
}

export interface RigOptions {
  readonly id?: string;
  readonly role?: 'switch' | 'leaf';
  readonly relays?: boolean;
  readonly fixed?: readonly string[];
}

export function hostRig({
  id = idAt(0),
  role = 'switch',
  relays: anyUp = true,
  fixed = [],
}: RigOptions = {}) {
  const clock = new VirtualClock();
  const env = virtualEnv(clock);
  const peers = new Map<string, FakePeer>();
  const sent: { to: string; message: RingMessage }[] = [];
  const found: FindKey[] = [];
  const given: { at: number; routes: readonly LinkRoute[]; complete: boolean }[] = [];
  const relays = {
    anyUp,
    lostAt: -Infinity,
    online: new Set<string>(),
    asked: [] as string[],
    located: 0,
    isOnline: (other: string) => relays.online.has(other),
    ask: (other: string) => void relays.asked.push(other),
    find: (key: FindKey) => void found.push(key),
    locate: () => {
      relays.located++;
      return relays.anyUp;
    },
  };
  const wakes = { at: Infinity, waysChanged: 0 };
  const all = (): FakePeer[] => [...new Set(peers.values())];
  const host: OverlayHost = new OverlayHost({
    env,
    self: { idText: id, role },
    members: {
      get: (other) => peers.get(other),
      lookup: (text) => all().find(({ member }) => member.name === text),
      all,
      // A credential is the id of its owner here.
      take: (credential) => peers.get(toHex(credential)),
    },
    relays,
    send: (peer, message) => void sent.push({ to: peer.member.name, message }),
    setRoutes: (routes, complete) => void given.push({ at: clock.now(), routes, complete }),
    waysChanged: () => void wakes.waysChanged++,
    candidates: () => [],
    credential: () => fromHex(id) as Uint8Array,
    wake: (at) => void (wakes.at = Math.min(wakes.at, at)),
  });
  /** Time goes by, and the host is called when it said that it wants to be, and at no other time. */
  const run = (ms: number): void => {
    const end = clock.now() + ms;
    for (let calls = 0; ; calls++) {
      if (calls > 10 * ms + 100) throw new Error('the host is never done');
      const next = Math.min(wakes.at, host.dueAt);
      if (next > end) break;
      clock.advance(Math.max(0, next - clock.now()));
      wakes.at = Infinity;
      wakes.at = host.tick(clock.now());
    }
    clock.advance(end - clock.now());
  };
  const add = (name: string, other: string, as: 'switch' | 'leaf' = 'switch'): FakePeer => {
    const peer = new FakePeer(peers.size, other, name, as);
    peer.onLost = () => {
      host.lost(clock.now(), peer);
    };
    peers.set(other, peer);
    return peer;
  };
  /** A session with the peer stands. */
  const connect = (peer: FakePeer): void => {
    peer.state = 'connected';
    host.connected(clock.now(), peer);
  };
  /** The peer tells whom it is linked with. */
  const table = (peer: FakePeer, lists: Partial<TableMessage> = {}): void => {
    host.ring(clock.now(), peer, {
      type: 'table',
      version: 1,
      claims: 1,
      leaf: false,
      settled: true,
      successors: [],
      predecessors: [],
      others: [],
      indirect: [],
      ...lists,
    });
  };
  /** Messages sent since the last time, without the beats and tables of the overlay. */
  const takeSent = (): { to: string; message: RingMessage }[] =>
    sent.splice(0).filter(({ message }) => message.type !== 'table' && message.type !== 'beat');
  host.start(clock.now(), fixed);
  return { clock, host, peers, relays, found, given, wakes, run, add, connect, table, sent, takeSent };
}

/** The Ethernet address of a member. */
export function macOfId(idText: string): Uint8Array {
  return macOf(fromHex(idText) as Uint8Array);
}

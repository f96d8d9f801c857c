import { beforeEach, describe, expect, it } from 'vitest';
import type { Path } from '../../../src/core/dataplane/plane/plane.js';
import { zeroCounters } from '../../../src/core/peer/zero-counters.js';
import type { ActivePath, RelayChoice } from '../../../src/core/path/path.js';
import { Prober } from '../../../src/core/path/prober.js';
import { Traffic } from '../../../src/core/peer/traffic.js';
import { virtualEnv, VirtualClock } from '../../support/virtual.js';

const peerAt = { host: '198.51.100.1', port: 4000 };
const nearAt = { host: '192.168.1.9', port: 4000 };
const relay: RelayChoice = {
  path: { kind: 'relay', relay: 0, destination: new Uint8Array(16) },
  label: 'udp://192.0.2.1:3478',
};

/** A prober against a world where `reach` says which direct endpoints carry packets of up to how many bytes. */
function rig() {
  const clock = new VirtualClock();
  const reach = new Map<string, { maxSize: number; delayMs: number }>();
  const traffic = { txDirect: 0, rxDirect: 0, txRelayed: 0, lastRx: 0 };
  const peer = { received: 0, joins: true, copies: true };
  const relayed = { maxSize: 2000, dead: new Set<number>() };
  const besides: (Path | undefined)[] = [];
  const moves: (ActivePath | null)[] = [];
  const paths: (Path | null)[] = [];
  /** What leads through the network itself. */
  const loops = new Set<string>();
  /** What leads into an interface of which nobody sees on what it stands. */
  const veiled = new Set<string>();
  let relays: RelayChoice[] = [relay];
  let offers = 0;
  let pings = 0;
  const prober = new Prober(
    virtualEnv(clock),
    {
      ping: (transaction, size, path) => {
        pings++;
        if (path.kind !== 'direct') {
          clock.after(40, () => {
            if (size <= relayed.maxSize && !(path.kind === 'relay' && relayed.dead.has(path.relay)))
              prober.pong(clock.now(), transaction, peer.received, false, peer);
          });
          return;
        }
        const way = reach.get(path.endpoint.host);
        if (!way || size > way.maxSize) return;
        clock.after(way.delayMs, () => {
          traffic.lastRx = clock.now();
          prober.pong(clock.now(), transaction, peer.received, true, peer);
        });
      },
      offer: () => offers++,
      setPath: (path, beside) => {
        paths.push(path);
        besides.push(beside);
      },
      suspicious: () => undefined,
      relays: () => relays,
      direct: true,
      blind: () => true,
      loops: (host) => loops.has(host),
      veiled: (host) => veiled.has(host),
      changed: (_from, to) => moves.push(to),
      log: () => undefined,
    },
    1368,
  );
  const seen = new Traffic();
  let sent = 0;
  let sentAt = 0;
  const look = (): Traffic => {
    const { txDirect, rxDirect, txRelayed, lastRx } = traffic;
    if (txDirect !== sent) sentAt = clock.now();
    sent = txDirect;
    const times = { lastRxMs: lastRx, lastRxDirectMs: lastRx, lastTxMs: sentAt };
    seen.look(clock.now(), { ...zeroCounters(), txDirect, rxDirect, txRelayed, ...times }, clock.now());
    return seen;
  };
  const run = (ms: number, each: () => void = () => undefined): void => {
    for (let t = 0; t < ms; t += 50) {
      clock.advance(50);
      each();
      prober.tick(clock.now(), look());
    }
  };
  /** Time goes on without a look; what would be answered meanwhile is answered after the first one. */
  const late = (ms: number): void => {
    const [ways, gone] = [new Map(reach), new Set(relayed.dead)];
    reach.clear();
    relayed.dead.add(0);
    clock.advance(ms);
    prober.tick(clock.now(), look());
    for (const [host, way] of ways) reach.set(host, way);
    if (!gone.has(0)) relayed.dead.delete(0);
  };
  return {
    clock,
    late,
    reach,
    traffic,
    peer,
    relayed,
    moves,
    paths,
    besides,
    loops,
    veiled,
    prober,
    run,
    offers: () => offers,
    pings: () => pings,
    setRelays: (list: RelayChoice[]) => {
      relays = list;
      prober.relaysChanged(clock.now());
    },
    open: (host: string, maxSize = 2000, delayMs = 5) => reach.set(host, { maxSize, delayMs }),
  };
}

describe('prober', () => {
  let r: ReturnType<typeof rig>;
  beforeEach(() => {
    r = rig();
  });
  const kind = () => r.prober.active?.kind ?? null;
  const offer = () => r.prober.offer(r.clock.now(), [{ kind: 'reflexive', endpoint: peerAt }]);

  it('begins on the relay, offers its candidates, and moves to a direct path once full-size packets pass', () => {
    r.prober.start(r.clock.now());
    expect(kind()).toBe('relay');
    expect(r.offers()).toBe(1);
    r.open(peerAt.host);
    offer();
    r.run(200);
    expect(kind()).toBe('direct');
    expect(r.prober.path).toMatchObject({ kind: 'direct', endpoint: peerAt });
  });

  it('sends nothing to where the network itself would carry it, also when routes come to lead there later', () => {
    r.prober.start(r.clock.now());
    r.open(peerAt.host);
    r.open(nearAt.host, 2000, 1);
    r.loops.add(nearAt.host);
    r.prober.offer(r.clock.now(), [{ kind: 'host', endpoint: nearAt }]);
    r.prober.observed(r.clock.now(), nearAt, 'packet');
    offer();
    r.run(2_000);
    expect(r.prober.path).toMatchObject({ kind: 'direct', endpoint: peerAt });
    expect(r.prober.remotes.map(({ endpoint }) => endpoint)).toEqual(['198.51.100.1:4000']);
    r.loops.add(peerAt.host);
    r.prober.rerouted(r.clock.now());
    expect(kind()).toBe('relay');
    r.run(5_000);
    expect(kind()).toBe('relay');
  });

  it('keeps on the relay when the peer is silent, and tries again every minute', () => {
    r.prober.start(r.clock.now());
    offer();
    r.run(10_000);
    expect(kind()).toBe('relay');
    r.open(peerAt.host);
    r.run(60_000);
    expect(kind()).toBe('direct');
    expect(r.offers()).toBeGreaterThanOrEqual(2);
  });

  it('tries for a direct path by another relay at once, and not again by the one that comes back', () => {
    const { path } = relay;
    const carrier: RelayChoice = {
      path: { ...path, kind: 'carrier', carrier: 1 } as Path,
      label: 'ws://192.0.2.1:3478',
    };
    r.prober.start(r.clock.now());
    r.run(5_000);
    const before = r.offers();
    for (const ways of [[], [carrier], [relay]]) {
      r.setRelays(ways);
      r.run(300);
    }
    expect(r.offers()).toBe(before);
    r.setRelays([{ ...relay, label: 'udp://192.0.2.2:3478' }]);
    expect(r.offers()).toBe(before + 1);
  });

  it.each([
    [1_300, true],
    [1_050, true],
    [1_000, true],
    [1_368, false],
  ])(
    'takes a path that carries up to %i bytes, and says so, when the peer joins pieces: %s',
    (most, joins) => {
      r.peer.joins = joins;
      r.open(peerAt.host, most);
      r.prober.start(r.clock.now());
      offer();
      r.run(500);
      expect(kind()).toBe('direct');
      r.run(8_000);
      const path = r.paths.at(-1);
      const limit = path?.kind === 'direct' ? path.limit : 0;
      if (joins) expect(limit).toBeLessThanOrEqual(most + 1);
      if (joins) expect(limit).toBeGreaterThan(most - 9);
      else expect(limit).toBeUndefined();
      expect(r.prober.path).toEqual(path);
    },
  );

  it('finds out what the path by a relay carries, and goes on when that becomes less or more', () => {
    r.prober.start(r.clock.now());
    const limit = () => {
      const { path } = r.prober;
      return path?.kind === 'relay' ? path.limit : -1;
    };
    r.run(3_000);
    expect(limit()).toBe(1_420);
    r.relayed.maxSize = 1_200;
    let silent = 0;
    r.run(8_000, () => {
      r.traffic.txRelayed++;
      silent += limit() === 1_420 ? 50 : 0;
    });
    expect(silent).toBeLessThan(4_000);
    expect(limit()).toBeGreaterThan(1_192);
    expect(limit()).toBeLessThanOrEqual(1_201);
    expect(r.paths.at(-1)).toEqual(r.prober.path);
    r.relayed.maxSize = 2_000;
    r.run(130_000);
    expect(limit()).toBe(1_420);
  });

  it('knows what the path by a relay carries when that comes back, and asks only what waits for an answer', () => {
    r.relayed.maxSize = 1_200;
    r.prober.start(r.clock.now());
    r.run(12_000);
    const known = r.prober.path;
    expect(known).toMatchObject({ kind: 'relay' });
    const { rttMs } = r.prober.active ?? {};
    for (const waits of [false, true]) {
      r.setRelays([]);
      r.run(1_000);
      expect(r.prober.path).toBeNull();
      const asked = r.pings();
      r.setRelays([relay]);
      expect(r.prober.path).toEqual(known);
      expect(r.prober.active).toMatchObject({ rttMs });
      r.run(1_000, () => (r.traffic.txRelayed += waits ? 1 : 0));
      if (waits) expect(r.pings() - asked).toBeGreaterThan(0);
      else expect(r.pings() - asked).toBe(0);
    }
    r.setRelays([]);
    r.setRelays([{ ...relay, label: 'udp://192.0.2.2:3478' }]);
    expect(r.prober.path).not.toEqual(known);
    expect(r.prober.active).toMatchObject({ rttMs: null });
  });

  it.each([
    ['while', 1_400],
    ['just before', 4_000],
  ])('finds out anew what the path by a relay carries that was seen to go %s that was found out', (_, ms) => {
    r.relayed.maxSize = 1_360;
    r.prober.start(r.clock.now());
    r.run(500);
    r.relayed.dead.add(0);
    r.run(ms);
    r.setRelays([]);
    r.run(3_000);
    r.relayed.dead.clear();
    r.relayed.maxSize = 2_000;
    r.setRelays([relay]);
    r.run(1_000);
    expect(r.prober.path).toMatchObject({ limit: 1_420 });
  });

  it('notices that the path by a relay carries less than before it went', () => {
    r.prober.start(r.clock.now());
    r.run(3_000);
    expect(r.prober.path).toMatchObject({ limit: 1_420 });
    r.setRelays([]);
    r.run(1_000);
    r.relayed.maxSize = 1_200;
    r.setRelays([relay]);
    r.run(8_000, () => r.traffic.txRelayed++);
    const { limit } = r.prober.path as { limit: number };
    expect(limit).toBeGreaterThan(1_192);
    expect(limit).toBeLessThanOrEqual(1_201);
  });

  it('keeps the path in use, and a shorter packet, when long ones begin to vanish', () => {
    connectDirect();
    r.open(peerAt.host, 1_250);
    let leftAt = 0;
    r.run(6_000, () => {
      r.traffic.txDirect += 3;
      const { path } = r.prober;
      const narrow = path?.kind === 'direct' && path.limit !== 1_420;
      if (narrow) {
        leftAt ||= r.clock.now();
        r.peer.received += 3;
        r.traffic.rxDirect++;
        r.traffic.lastRx = r.clock.now();
      }
    });
    expect(kind()).toBe('direct');
    expect(r.moves).toHaveLength(2);
    const { path } = r.prober;
    expect(path?.kind === 'direct' ? path.limit : 0).toBeGreaterThan(1_242);
  });

  it('prefers one that carries full-size packets where it is no further away', () => {
    r.open(peerAt.host, 1_200, 5);
    r.open(nearAt.host, 2_000, 6);
    r.prober.start(r.clock.now());
    r.prober.offer(r.clock.now(), [
      { kind: 'reflexive', endpoint: peerAt },
      { kind: 'reflexive', endpoint: nearAt },
    ]);
    r.run(15_000);
    expect(r.prober.active?.endpoint).toBe('192.168.1.9:4000');
  });

  it.each([
    [999, true],
    [1_200, false],
  ])('never trusts a path that answers small packets only: %i bytes, joins %s', (most, joins) => {
    r.peer.joins = joins;
    r.open(peerAt.host, most);
    r.prober.start(r.clock.now());
    offer();
    r.run(8_000);
    expect(kind()).toBe('relay');
    expect(r.prober.remotes[0]?.state).toBe('narrow');
  });

  it('takes ever more seldom what answers only as long as it carries nothing', () => {
    const { run, reach, moves, prober, traffic, clock } = r;
    prober.start(clock.now());
    r.open(peerAt.host);
    offer();
    const taken: number[] = [];
    run(600_000, () => {
      const before = taken.length > 0 && moves.at(-1)?.kind === 'direct';
      if (before) {
        reach.delete(peerAt.host);
        traffic.txDirect += 5;
      } else if (!reach.has(peerAt.host)) r.open(peerAt.host);
      const now = moves.filter((move) => move?.kind === 'direct').length;
      if (now > taken.length) taken.push(clock.now());
    });
    expect(taken.length).toBeGreaterThan(3);
    expect(taken.length).toBeLessThan(12);
    // An address change is a new beginning.
    r.open(peerAt.host);
    prober.networkChanged(clock.now());
    run(5_000);
    expect(kind()).toBe('direct');
  });

  describe('into an interface of which nobody sees on what it stands', () => {
    /** How often the path was taken, and how long it was in use all in all, ms. */
    const use = (ms: number, each: (direct: boolean) => void): { taken: number; usedMs: number } => {
      let [taken, usedMs, before] = [0, 0, false];
      r.run(ms, () => {
        const direct = kind() === 'direct';
        if (direct && !before) taken++;
        if (direct) usedMs += 50;
        before = direct;
        each(direct);
      });
      return { taken, usedMs };
    };

    it('leaves at once, and for long, what answers only as long as it carries nothing', () => {
      r.veiled.add(peerAt.host);
      r.prober.start(r.clock.now());
      r.open(peerAt.host);
      offer();
      const { taken, usedMs } = use(300_000, (direct) => {
        // What is on it goes round and round.
        if (direct) r.reach.delete(peerAt.host);
        else r.open(peerAt.host);
      });
      expect(taken).toBeGreaterThan(1);
      expect(taken).toBeLessThan(5);
      expect(usedMs / taken).toBeLessThan(900);
    });

    it('does not try the other addresses of a tunnel after the first, also where the network changes', () => {
      for (const { host } of [peerAt, nearAt]) {
        r.veiled.add(host);
        r.open(host);
      }
      r.prober.start(r.clock.now());
      r.prober.offer(r.clock.now(), [
        { kind: 'reflexive', endpoint: peerAt },
        { kind: 'host', endpoint: nearAt },
      ]);
      let looked = 0;
      const { taken } = use(50_000, (direct) => {
        for (const { host } of [peerAt, nearAt]) {
          if (direct) r.reach.delete(host);
          else r.open(host);
        }
        if (++looked === 200) r.prober.networkChanged(r.clock.now());
      });
      expect(taken).toBe(1);
    });

    it('stays with what answers under way, also where a ping of three is lost', () => {
      r.veiled.add(peerAt.host);
      r.prober.start(r.clock.now());
      r.open(peerAt.host);
      offer();
      r.run(100);
      r.reach.delete(peerAt.host);
      r.run(100);
      r.open(peerAt.host);
      expect(use(60_000, () => undefined)).toEqual({ taken: 1, usedMs: 60_000 });
    });
  });

  it('takes a host candidate of the same round trip instead of one that hairpins, and stays with it', () => {
    r.open(peerAt.host, 2000, 2);
    r.prober.start(r.clock.now());
    offer();
    r.run(1_000);
    expect(r.prober.path).toMatchObject({ kind: 'direct', endpoint: peerAt });
    r.open(nearAt.host, 2000, 2);
    r.prober.offer(r.clock.now(), [
      { kind: 'reflexive', endpoint: peerAt },
      { kind: 'host', endpoint: nearAt },
    ]);
    r.run(1_000);
    expect(r.prober.path).toMatchObject({ kind: 'direct', endpoint: nearAt });
    const moves = r.moves.length;
    r.run(60_000);
    expect(r.moves).toHaveLength(moves);
  });

  it('prefers the clearly nearer of two direct paths, and does not flap between equals', () => {
    r.open(peerAt.host, 2000, 20);
    r.open(nearAt.host, 2000, 2);
    r.prober.start(r.clock.now());
    r.prober.offer(r.clock.now(), [
      { kind: 'reflexive', endpoint: peerAt },
      { kind: 'host', endpoint: nearAt },
    ]);
    r.run(30_000);
    expect(r.prober.path).toMatchObject({ kind: 'direct', endpoint: nearAt });
    expect(r.moves.filter((m) => m?.kind === 'direct').length).toBeLessThanOrEqual(2);
  });

  const connectDirect = (): void => {
    r.open(peerAt.host);
    r.prober.start(r.clock.now());
    offer();
    r.run(500);
    expect(kind()).toBe('direct');
  };

  it('leaves a direct path within 3 s when traffic goes out and nothing comes back', () => {
    connectDirect();
    r.reach.clear();
    const begun = r.clock.now();
    let leftAt = 0;
    r.run(5_000, () => {
      r.traffic.txDirect += 1;
      if (leftAt === 0 && kind() === 'relay') leftAt = r.clock.now();
    });
    expect(leftAt - begun).toBeGreaterThan(900);
    expect(leftAt - begun).toBeLessThan(3_000);
  });

  it('leaves an idle direct path by missed heartbeats', () => {
    connectDirect();
    r.reach.clear();
    r.run(16_000);
    expect(kind()).toBe('relay');
  });

  it('stays on a direct path with one-way traffic, because pongs come back', () => {
    connectDirect();
    r.run(20_000, () => {
      r.traffic.txDirect += 10;
      r.peer.received += 10;
    });
    expect(kind()).toBe('direct');
  });

  it('stays on a direct path when a frame goes out after a rest and needs no answer', () => {
    r.open(peerAt.host);
    r.prober.start(r.clock.now());
    offer();
    r.run(1_000);
    for (let i = 0; i < 8; i++) {
      // Between two idle heartbeats, at varying distance from them.
      r.run(6_700);
      r.traffic.txDirect++;
      r.run(300);
    }
    expect(r.moves.map((move) => move?.kind)).toEqual(['relay', 'direct']);
  });

  it('leaves a direct path that died during a rest within 3 s of the first frame', () => {
    r.open(peerAt.host);
    r.prober.start(r.clock.now());
    offer();
    r.run(9_000);
    r.reach.delete(peerAt.host);
    r.run(3_000, () => r.traffic.txDirect++);
    expect(kind()).toBe('relay');
  });

  it('drops a direct path that answers pings and eats payload, and leaves it alone for two minutes', () => {
    connectDirect();
    const begun = r.clock.now();
    let leftAt = 0;
    let backAt = 0;
    r.run(160_000, () => {
      if (leftAt === 0) r.traffic.txDirect += 10;
      if (leftAt === 0 && kind() === 'relay') leftAt = r.clock.now();
      if (leftAt > 0 && backAt === 0 && kind() === 'direct') backAt = r.clock.now();
    });
    expect(leftAt).toBeGreaterThan(0);
    expect(leftAt - begun).toBeLessThan(3_000);
    expect(backAt - leftAt).toBeGreaterThan(119_000);
    expect(backAt - leftAt).toBeLessThan(122_000);
  });

  it('notices that a path lost its MTU while in use', () => {
    connectDirect();
    r.open(peerAt.host, 500);
    r.run(10_000, () => {
      r.traffic.txDirect += 1;
      r.peer.received += 1;
      r.traffic.rxDirect += 1;
      r.traffic.lastRx = r.clock.now();
    });
    expect(kind()).toBe('relay');
  });

  it('has no path without relay and direct, and takes the relay when it returns', () => {
    r.setRelays([]);
    r.prober.start(r.clock.now());
    expect(r.prober.path).toBeNull();
    r.setRelays([relay]);
    expect(kind()).toBe('relay');
    r.setRelays([]);
    expect(r.paths.at(-1)).toBeNull();
  });

  it('keeps a direct path when the relay dies', () => {
    connectDirect();
    const before = r.paths.length;
    r.setRelays([]);
    r.run(5_000);
    expect(kind()).toBe('direct');
    expect(r.paths.length).toBe(before);
  });

  it('finds the way again within a second after the addresses of this machine changed', () => {
    connectDirect();
    r.prober.networkChanged(r.clock.now());
    r.run(1_000);
    expect(kind()).toBe('direct');
    r.reach.clear();
    r.prober.networkChanged(r.clock.now());
    r.run(2_500);
    expect(kind()).toBe('relay');
  });

  it('leaves an address that the peer offers no more as soon as another works, and not before', () => {
    connectDirect();
    r.open(nearAt.host);
    const moved = () => r.prober.offer(r.clock.now(), [{ kind: 'reflexive', endpoint: nearAt }]);
    r.reach.delete(nearAt.host);
    moved();
    r.run(2_000);
    expect(r.prober.path).toMatchObject({ kind: 'direct', endpoint: peerAt });
    // No better than the old one, which still answers: for all that is known not for long.
    r.open(nearAt.host);
    moved();
    r.run(300);
    expect(r.prober.path).toMatchObject({ kind: 'direct', endpoint: nearAt });
  });

  it('takes an endpoint that only shows itself by its packets (peer-reflexive)', () => {
    r.prober.start(r.clock.now());
    r.open('203.0.113.50');
    r.prober.observed(r.clock.now(), { host: '203.0.113.50', port: 777 }, 'ping');
    r.run(300);
    expect(r.prober.path).toMatchObject({ kind: 'direct', endpoint: { host: '203.0.113.50', port: 777 } });
  });

  it('follows a peer that roams for months, each time to another endpoint', () => {
    r.prober.start(r.clock.now());
    for (let i = 1; i <= 80; i++) {
      r.reach.clear();
      r.run(15_000);
      const host = `203.0.113.${i}`;
      r.open(host);
      r.prober.observed(r.clock.now(), { host, port: 777 }, 'roamed');
      r.run(500);
      expect(r.prober.path).toMatchObject({ kind: 'direct', endpoint: { host, port: 777 } });
    }
    expect(r.prober.remotes.length).toBeLessThanOrEqual(32);
  });

  describe('whose peer streams to us from another endpoint than the one in use', () => {
    const newAt = { host: '203.0.113.9', port: 4000 };
    /** Frames both ways for so long, the peer's from `from`; calls `each` every 50 ms. */
    const stream = (ms: number, from: typeof newAt, each: () => void = () => undefined): void => {
      let next = 0;
      r.run(ms, () => {
        r.traffic.txDirect++;
        const { path } = r.prober;
        if (path?.kind === 'direct' && r.reach.has(path.endpoint.host)) r.peer.received++;
        r.traffic.rxDirect++;
        r.traffic.lastRx = r.clock.now();
        if (from !== peerAt && r.clock.now() >= next) {
          next = r.clock.now() + 100;
          r.prober.observed(r.clock.now(), from, 'roamed');
        }
        each();
      });
    };

    it.each([0, 400, 900, 1_400, 1_900, 2_400, 2_900])(
      'has everything go by the relay, too, and follows it, %i ms after it was heard where it was',
      (phase) => {
        connectDirect();
        stream(6_000 + phase, peerAt);
        r.reach.delete(peerAt.host);
        r.open(newAt.host);
        const moved = r.clock.now();
        let [bothAt, followedAt] = [0, 0];
        stream(3_000, newAt, () => {
          if (r.besides.at(-1)) bothAt ||= r.clock.now() - moved;
          const { path } = r.prober;
          if (path?.kind === 'direct' && path.endpoint.host === newAt.host)
            followedAt ||= r.clock.now() - moved;
        });
        expect(bothAt).toBeGreaterThan(0);
        expect(bothAt).toBeLessThan(800);
        expect(followedAt).toBeGreaterThan(0);
        expect(followedAt).toBeLessThan(1_600);
      },
    );

    it('follows it where there is no relay', () => {
      connectDirect();
      stream(6_000, peerAt);
      r.setRelays([]);
      r.reach.delete(peerAt.host);
      r.open(newAt.host);
      stream(1_600, newAt);
      expect(r.prober.path).toMatchObject({ kind: 'direct', endpoint: newAt });
    });

    it('stays where it is, and doubts nothing, while that answers: only the ways to and fro differ', () => {
      connectDirect();
      r.open(newAt.host);
      const moves = r.moves.length;
      stream(30_000, newAt);
      expect(r.prober.path).toMatchObject({ kind: 'direct', endpoint: peerAt });
      expect(r.moves).toHaveLength(moves);
      expect(r.besides.every((path) => path === undefined)).toBe(true);
      // It dies, and what comes in by the other way does not keep it.
      r.reach.delete(peerAt.host);
      stream(3_000, newAt);
      expect(r.prober.path).toMatchObject({ kind: 'direct', endpoint: newAt });
    });

    it('stays when single packets come from there, as while the peer keeps other paths warm', () => {
      connectDirect();
      // Pongs wait in a queue that has just filled.
      r.open(peerAt.host, 2_000, 1_800);
      for (let i = 0; i < 6; i++) {
        r.prober.observed(r.clock.now(), newAt, 'ping');
        stream(500, peerAt);
      }
      expect(r.prober.path).toMatchObject({ kind: 'direct', endpoint: peerAt });
      expect(r.besides.every((path) => path === undefined)).toBe(true);
    });
  });

  describe('in doubt', () => {
    const other: RelayChoice = {
      path: { kind: 'relay', relay: 1, destination: new Uint8Array(16) },
      label: 'udp://192.0.2.2:3478',
    };
    const beside = (): Path | undefined => r.besides.at(-1);

    it('goes by the relay, too, within a second of silence, and no longer than it must', () => {
      connectDirect();
      expect(beside()).toBeUndefined();
      const begun = r.clock.now();
      r.reach.clear();
      let bothAt = 0;
      r.run(950, () => {
        r.traffic.txDirect++;
        if (beside()) bothAt ||= r.clock.now();
      });
      expect(bothAt - begun).toBeGreaterThan(300);
      expect(bothAt - begun).toBeLessThan(950);
      expect(kind()).toBe('direct');
      expect(beside()).toMatchObject({ kind: 'relay', relay: 0 });
      // It was only slow.
      r.open(peerAt.host);
      r.run(700);
      expect(kind()).toBe('direct');
      expect(beside()).toBeUndefined();
      expect(r.moves).toHaveLength(2);
    });

    it('is never while answers come, with traffic one way, both ways or none', () => {
      connectDirect();
      r.run(20_000, () => {
        r.traffic.txDirect += 10;
        r.peer.received += 10;
      });
      r.run(20_000);
      r.run(10_000, () => {
        r.traffic.txRelayed++;
      });
      expect(r.besides.every((path) => path === undefined)).toBe(true);
    });

    it('leaves a relay by which the peer does not answer for another by which it does', () => {
      r.setRelays([relay, other]);
      r.prober.start(r.clock.now());
      r.run(12_000, () => r.traffic.txRelayed++);
      expect(r.prober.active?.endpoint).toBe(relay.label);
      r.relayed.dead.add(0);
      const begun = r.clock.now();
      let [bothAt, leftAt] = [0, 0];
      r.run(8_000, () => {
        r.traffic.txRelayed++;
        if (beside()) bothAt ||= r.clock.now() - begun;
        if (r.prober.active?.endpoint === other.label) leftAt ||= r.clock.now() - begun;
      });
      expect(bothAt).toBeGreaterThan(0);
      expect(leftAt).toBeGreaterThan(bothAt);
      expect(leftAt).toBeLessThan(6_500);
      expect(beside()).toBeUndefined();
      // The first is left alone for a minute, and taken again when that is over; then it works.
      r.relayed.dead.clear();
      r.run(30_000, () => r.traffic.txRelayed++);
      expect(r.prober.active?.endpoint).toBe(other.label);
      r.run(40_000, () => r.traffic.txRelayed++);
      expect(r.prober.active?.endpoint).toBe(relay.label);
    });

    it('leaves alone ever longer a relay that answers for itself and brings nothing to the peer', () => {
      r.setRelays([relay, other]);
      r.prober.start(r.clock.now());
      r.relayed.dead.add(0);
      let by = 0;
      r.run(3_600_000, () => {
        r.traffic.txRelayed++;
        if (r.prober.active?.endpoint === relay.label) by += 50;
      });
      // With a minute each time it was 118, and 91 s.
      expect(by).toBeLessThan(20_000);
      expect(r.moves.length).toBeLessThan(30);
      // Once it works for a while, it is as good as any.
      r.relayed.dead.clear();
      r.run(1_300_000, () => r.traffic.txRelayed++);
      expect(r.prober.active?.endpoint).toBe(relay.label);
      r.relayed.dead.add(0);
      r.run(8_000, () => r.traffic.txRelayed++);
      expect(r.prober.active?.endpoint).toBe(other.label);
      r.relayed.dead.clear();
      r.run(65_000, () => r.traffic.txRelayed++);
      expect(r.prober.active?.endpoint).toBe(relay.label);
    });

    it('finds the one relay of three that brings something to the peer', () => {
      const third: RelayChoice = {
        path: { kind: 'relay', relay: 2, destination: new Uint8Array(16) },
        label: 'udp://relay3',
      };
      r.setRelays([relay, other, third]);
      r.prober.start(r.clock.now());
      r.run(12_000, () => r.traffic.txRelayed++);
      r.relayed.dead.add(0).add(1);
      let by = 0;
      r.run(3_600_000, () => {
        r.traffic.txRelayed++;
        if (r.prober.active?.endpoint === third.label) by += 50;
      });
      expect(by).toBeGreaterThan(3_500_000);
    });

    it('asks at once when the peer asks by another way', () => {
      r.setRelays([relay, other]);
      r.prober.start(r.clock.now());
      r.run(4_000, () => r.traffic.txRelayed++);
      r.relayed.dead.add(0);
      r.prober.asked(r.clock.now(), { kind: 'relay', relay: 1, source: new Uint8Array(16) });
      r.run(500, () => r.traffic.txRelayed++);
      expect(beside()).toMatchObject({ relay: 1 });
    });

    it('sends no copies to a peer that does not expect them, and leaves the relay all the same', () => {
      r.peer.copies = false;
      r.setRelays([relay, other]);
      r.prober.start(r.clock.now());
      r.run(4_000, () => r.traffic.txRelayed++);
      r.relayed.dead.add(0);
      r.run(8_000, () => r.traffic.txRelayed++);
      expect(r.besides.every((path) => path === undefined)).toBe(true);
      expect(r.prober.active?.endpoint).toBe(other.label);
    });

    it('keeps its path while the peer is held up, and answers by no way; not for ever', () => {
      connectDirect();
      const stall = (ms: number): number => {
        r.relayed.dead.add(0);
        r.reach.clear();
        const before = r.moves.length;
        r.run(ms, () => r.traffic.txDirect++);
        r.relayed.dead.clear();
        r.open(peerAt.host);
        r.run(2_000, () => {
          r.traffic.txDirect++;
          r.peer.received = ++r.traffic.rxDirect;
          r.traffic.lastRx = r.clock.now();
        });
        return r.moves.length - before;
      };
      for (let i = 0; i < 4; i++) expect(stall(3_000)).toBe(0);
      expect(kind()).toBe('direct');
      expect(stall(9_000)).toBeGreaterThan(0);
    });

    it('keeps its path when it looks late itself, and what came meanwhile waits', () => {
      connectDirect();
      const busy = (): void => {
        r.traffic.txDirect++;
        r.peer.received = ++r.traffic.rxDirect;
        r.traffic.lastRx = r.clock.now();
      };
      for (let i = 0; i < 6; i++) {
        r.run(1_000 + 130 * i, busy);
        const before = r.moves.length;
        // Frames of this machine waited, too, and are the first that the packet thread takes.
        r.traffic.txDirect++;
        r.late(3_000);
        r.run(100, () => r.traffic.txDirect++);
        r.run(1_000, busy);
        expect(r.moves.length).toBe(before);
      }
    });

    it('ends with the peer, and copies with the doubt', () => {
      r.setRelays([relay, other]);
      r.prober.start(r.clock.now());
      r.run(4_000, () => r.traffic.txRelayed++);
      r.relayed.dead.add(0).add(1);
      let copies = 0;
      r.run(60_000, () => {
        r.traffic.txRelayed++;
        if (beside()) copies += 50;
      });
      expect(copies).toBeGreaterThan(4_500);
      expect(copies).toBeLessThan(5_500);
    });
  });

  it('does not probe loopback or multicast, and keeps a bounded number of candidates', () => {
    r.prober.start(r.clock.now());
    for (let i = 0; i < 500; i++) {
      r.prober.observed(r.clock.now(), { host: `203.0.${i >> 8}.${i & 255}`, port: 9 }, 'ping');
    }
    r.prober.offer(r.clock.now(), [{ kind: 'host', endpoint: { host: '127.0.0.1', port: 22 } }]);
    expect(r.prober.remotes.length).toBeLessThanOrEqual(32);
    expect(r.prober.remotes.some((x) => x.endpoint.startsWith('127.'))).toBe(false);
  });
});

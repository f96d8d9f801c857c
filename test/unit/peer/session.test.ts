import { describe, expect, it } from 'vitest';
import type { Path, SessionKeys } from '../../../src/core/dataplane/plane/plane.js';
import { generateKeys } from '../../../src/core/identity/keys.js';
import { consumeInitiation } from '../../../src/core/noise/ik.js';
import { StampSource } from '../../../src/core/noise/tai64n.js';
import { IndexTable } from '../../../src/core/peer/index-table.js';
import {
  rejectMarginMs,
  rekeyAfterMs,
  Session,
  type SessionContext,
} from '../../../src/core/peer/session.js';
import { parseInitPayload, parseResponse, parseResponsePayload } from '../../../src/core/wire/handshake.js';
import { PacketType, Suite } from '../../../src/core/wire/packet.js';
import { SeededRandom, virtualEnv, VirtualClock } from '../../support/virtual.js';

const via: Path = { kind: 'direct', endpoint: { host: '192.0.2.1', port: 1 } };

/** Two sessions joined by a wire that a test may cut; each notes the keys that its plane was given. */
function rig(seed = 1) {
  const clock = new VirtualClock();
  const wire = { open: true, delayMs: 10, sent: [] as Uint8Array[] };
  const make = (name: string, boot: number) => {
    const env = virtualEnv(clock, seed + name.charCodeAt(0));
    const keys = generateKeys(new SeededRandom(name.charCodeAt(0) * 31));
    const indexes = new IndexTable<Session>(env.random);
    const installed = new Map<number, SessionKeys>();
    const side = {
      name,
      keys,
      indexes,
      installed,
      using: undefined as number | undefined,
      paths: [via] as Path[],
      established: [] as boolean[],
      lost: 0,
      keepalives: 0,
      session: undefined as unknown as Session,
      context: {
        env,
        localStatic: keys.dh,
        prologue: new Uint8Array([1]),
        suite: Suite.aes256gcm,
        boot,
        stamps: new StampSource(clock),
        indexes,
        rekeyAfterMs,
        credential: () => new Uint8Array([name.charCodeAt(0)]),
      } satisfies SessionContext,
    };
    return side;
  };
  type Side = ReturnType<typeof make>;
  const a = make('a', 1);
  const b = make('b', 2);
  const receive = (to: Side, from: Side, packet: Uint8Array): void => {
    const now = clock.now();
    if (packet[0] === PacketType.handshakeInit) {
      const init = consumeInitiation(packet, {
        localStatic: to.keys.dh,
        prologue: new Uint8Array([1]),
        suites: [1, 2],
      });
      const payload = init && parseInitPayload(init.payload);
      if (init && payload) to.session.acceptInitiation(now, init, payload, via);
      return;
    }
    const response = parseResponse(packet);
    if (!response) return;
    const opened = to.session.openResponse(packet, response.receiverIndex);
    const payload = opened && parseResponsePayload(opened.payload);
    if (opened && payload) to.session.complete(now, opened, response.receiverIndex, payload.boot);
    void from;
  };
  const join = (me: Side, other: Side): void => {
    me.session = new Session(
      me.context,
      {
        handshakePaths: () => me.paths,
        relayed: () => me.paths.some((path) => path.kind !== 'direct'),
        answerLength: () => 0,
        send: (packet) => {
          wire.sent.push(packet.slice());
          if (wire.open) clock.after(wire.delayMs, () => receive(other, me, packet));
        },
        addKey: (keys) =>
          me.installed.set(keys.localIndex, {
            ...keys,
            sendKey: keys.sendKey.slice(),
            receiveKey: keys.receiveKey.slice(),
          }),
        useKey: (index) => (me.using = index),
        removeKey: (index) => {
          me.installed.delete(index);
          if (me.using === index) me.using = undefined;
        },
        keepalive: () => {
          me.keepalives++;
          // The first packet under a key confirms it to the other side.
          const key = me.installed.get(me.using as number);
          if (key && wire.open)
            clock.after(wire.delayMs, () => other.session.confirm(clock.now(), key.remoteIndex));
        },
        established: (restarted) => me.established.push(restarted),
        lost: () => me.lost++,
      },
      other.keys.dh.publicKey,
    );
  };
  join(a, b);
  join(b, a);
  const run = (ms: number): void => {
    for (let t = 0; t < ms; t += 100) {
      clock.advance(Math.min(100, ms - t));
      a.session.tick(clock.now());
      b.session.tick(clock.now());
    }
  };
  /** Both use keys that the other one has, in both directions. */
  const agree = (): void => {
    for (const [me, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const mine = me.installed.get(me.using as number);
      const theirs = other.installed.get(mine?.remoteIndex as number);
      expect(mine).toBeDefined();
      expect(theirs?.receiveKey).toEqual(mine?.sendKey);
    }
  };
  return { clock, wire, a, b, run, agree, receive };
}

describe('session', () => {
  it('is established in one round trip, and both sides hold matching keys', () => {
    const { a, b, run, agree, clock } = rig();
    a.session.connect(clock.now());
    run(100);
    expect(a.session.established && b.session.established).toBe(true);
    expect(a.established).toEqual([true]);
    expect(b.established).toEqual([true]);
    agree();
  });

  it('the responder does not send with its keys before the initiator proved that it has them', () => {
    const { a, b, clock } = rig();
    a.session.connect(clock.now());
    clock.advance(10);
    expect(b.installed.size).toBe(1);
    expect(b.session.established).toBe(false);
    clock.advance(20);
    expect(b.session.established).toBe(true);
  });

  it('both may begin at once', () => {
    const { a, b, run, agree, clock } = rig();
    a.session.connect(clock.now());
    b.session.connect(clock.now());
    run(1_000);
    agree();
    expect(a.session.connecting || b.session.connecting).toBe(false);
  });

  it('tries again until the way opens, quickly at first', () => {
    const { a, wire, run, agree, clock } = rig();
    wire.open = false;
    a.session.connect(clock.now());
    run(5_000);
    const early = wire.sent.length;
    expect(early).toBeGreaterThanOrEqual(3);
    run(60_000);
    expect(wire.sent.length - early).toBeLessThan(15);
    wire.open = true;
    run(16_000);
    agree();
  });

  it('is in no hurry for a peer that does not answer, or that there is no way to', () => {
    const { a, wire, run, agree, clock } = rig();
    wire.open = false;
    a.session.connect(clock.now());
    expect(a.session.dueAt - clock.now()).toBeLessThan(1_000);
    run(60_000);
    expect(a.session.connecting).toBe(true);
    const sent = wire.sent.length;
    run(20_000);
    expect(wire.sent.length - sent).toBeLessThanOrEqual(2);
    wire.open = true;
    run(16_000);
    agree();
    const alone = rig().a;
    alone.paths = [];
    alone.session.connect(0);
    expect(alone.session.connecting).toBe(true);
    expect(alone.session.dueAt).toBeGreaterThanOrEqual(400);
  });

  it('spends no try while there is no way to send one', () => {
    const { a, wire, run, agree, clock } = rig();
    a.paths = [];
    a.session.connect(clock.now());
    run(10_000);
    expect(wire.sent).toHaveLength(0);
    expect(a.session.tries).toBe(0);
    a.paths = [via];
    run(1_500);
    agree();
  });

  it('begins anew at once when the first relay comes, and not for each that follows', () => {
    const { a, b, wire, clock, agree } = rig();
    const relay: Path = { kind: 'relay', relay: 0, destination: new Uint8Array(16) };
    // What is remembered of an earlier run leads nowhere.
    wire.open = false;
    a.session.connect(clock.now());
    clock.advance(60);
    wire.open = true;
    a.session.waysChanged(clock.now());
    expect(wire.sent).toHaveLength(1);
    a.paths = [relay, via];
    a.session.waysChanged(clock.now());
    clock.advance(40);
    expect(a.session.established && b.session.established).toBe(true);
    agree();
    wire.open = false;
    b.session.reset();
    b.session.connect(clock.now());
    b.paths = [relay];
    for (let i = 0; i < 20; i++) b.session.waysChanged(clock.now());
    const sent = wire.sent.length;
    for (let i = 0; i < 20; i++) b.session.waysChanged(clock.now());
    expect(wire.sent).toHaveLength(sent);
    // Who wants no session makes none.
    a.session.reset();
    a.session.waysChanged(clock.now());
    expect(wire.sent).toHaveLength(sent);
  });

  it('is renewed at once, beside the keys that stand, with a peer that may have lost it: nothing learnt holds', () => {
    const { a, b, wire, clock, run, agree } = rig();
    a.session.connect(clock.now());
    run(100);
    // The peer gave it up, and nobody heard.
    b.session.reset();
    a.session.renew(clock.now());
    expect(a.session.established).toBe(true);
    run(100);
    agree();
    expect([a.established, b.established]).toEqual([
      [true, true],
      [true, true],
    ]);
    // It had not: for the peer it is a rekey, and the next one is for both.
    a.session.renew(clock.now());
    run(100);
    b.session.connect(clock.now());
    run(100);
    agree();
    expect([a.established, b.established]).toEqual([
      [true, true, true, false],
      [true, true, false, false],
    ]);
    // It goes on trying.
    wire.open = false;
    a.session.renew(clock.now());
    const sent = wire.sent.length;
    run(1_000);
    expect(wire.sent.length).toBeGreaterThan(sent);
    expect(a.session.established).toBe(true);
  });

  it('rekeys at 120 s and keeps at most current and previous', () => {
    const { a, b, run, agree, clock } = rig();
    a.session.connect(clock.now());
    run(100);
    const first = a.using;
    run(rekeyAfterMs + 1_000);
    expect(a.using).not.toBe(first);
    agree();
    expect(a.established).toEqual([true, false]);
    run(4 * rekeyAfterMs);
    expect(a.installed.size).toBeLessThanOrEqual(2);
    expect(b.installed.size).toBeLessThanOrEqual(3);
    expect(a.lost + b.lost).toBe(0);
  });

  it('lets the responder rekey when the initiator does not', () => {
    const { a, b, run, clock, wire } = rig();
    a.session.connect(clock.now());
    run(100);
    a.paths = [];
    const before = wire.sent.length;
    run(rekeyAfterMs + 11_000);
    expect(wire.sent.length).toBeGreaterThan(before);
    expect(b.session.handshakeAt).toBeGreaterThan(rekeyAfterMs);
  });

  it('loses a session that cannot be renewed, and says so once', () => {
    const { a, b, wire, run, clock } = rig();
    a.session.connect(clock.now());
    run(100);
    wire.open = false;
    run(rekeyAfterMs + rejectMarginMs + 2_000);
    expect(a.session.established).toBe(false);
    expect(a.lost).toBe(1);
    expect(b.lost).toBe(1);
    expect(a.installed.size).toBe(0);
  });

  it('refuses a replayed initiation', () => {
    const { a, b, wire, run, clock, receive } = rig();
    a.session.connect(clock.now());
    run(100);
    const keys = b.installed.size;
    const answers = wire.sent.length;
    const init = wire.sent.find((p) => p[0] === PacketType.handshakeInit) as Uint8Array;
    receive(b, a, init);
    expect(b.installed.size).toBe(keys);
    expect(wire.sent.length).toBe(answers);
  });

  it('tells a restarted peer from a rekey', () => {
    const { a, b, run, clock } = rig();
    a.session.connect(clock.now());
    run(100);
    a.session.reset();
    Object.assign(a.context, { boot: 99 });
    a.session.connect(clock.now());
    run(1_000);
    expect(b.established).toEqual([true, true]);
  });

  it('does not let a flood of genuine initiations pile up keys', () => {
    const { a, b, run, clock, wire } = rig();
    a.session.connect(clock.now());
    run(100);
    wire.delayMs = 1;
    for (let i = 0; i < 50; i++) {
      a.session.reset();
      a.session.connect(clock.now());
      clock.advance(3);
    }
    expect(b.installed.size).toBeLessThanOrEqual(5);
  });
});

describe('index table', () => {
  it('gives unique slots, and a released index is not found any more', () => {
    const table = new IndexTable<string>(new SeededRandom(3));
    const indexes = Array.from({ length: 1_000 }, (_, i) => table.allocate(`o${i}`));
    expect(new Set(indexes.map((i) => i & 0xffff)).size).toBe(1_000);
    expect(table.get(indexes[5] as number)).toBe('o5');
    table.release(indexes[5] as number);
    expect(table.get(indexes[5] as number)).toBeUndefined();
    expect(table.get(((indexes[6] as number) ^ 0x10000) >>> 0)).toBeUndefined();
  });
});

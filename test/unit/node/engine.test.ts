/** Whole nodes against each other under a virtual clock: real handshakes, real sealing, no relay, a net of our own. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Profile } from '../../../src/core/membership/profile.js';
import { resign } from '../../../src/core/membership/certify.js';
import { generateKeys } from '../../../src/core/identity/keys.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { concatBytes, utf8 } from '../../../src/core/lib/bytes.js';
import { createInitiation } from '../../../src/core/noise/ik.js';
import { StampSource } from '../../../src/core/noise/tai64n.js';
import { encodeInitPayload } from '../../../src/core/wire/handshake.js';
import { Suite } from '../../../src/core/wire/packet.js';
import { MemoryNet } from '../../support/memory-net.js';
import { MemoryPlane } from '../../support/memory-plane.js';
import { memberProfiles } from '../../support/members.js';
import { boxOf, frameOf, startedPair } from '../../support/node-box.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

describe('two engines', () => {
  it('find each other at a remembered endpoint, take a direct path, and carry frames both ways', async () => {
    const { clock, a, b } = await startedPair();
    await clock.run(3_000);
    for (const box of [a, b]) {
      const [peer] = box.engine.peers();
      expect(peer).toMatchObject({ state: 'connected', path: { kind: 'direct' } });
      expect(box.events.map((e) => e.event)).toContain('peer-connected');
    }
    a.plane.transmit(frameOf(b, a, 7));
    b.plane.transmit(frameOf(a, b, 8));
    await clock.run(50);
    expect(b.frames[0]?.[50]).toBe(7);
    expect(a.frames[0]?.[50]).toBe(8);
    expect(a.saved?.endpoints).not.toEqual({});
  });

  it('count what they report', async () => {
    const { clock, a, b } = await startedPair();
    const agree = (connected: number): void => {
      const { engine } = a;
      const [metrics, status, peers] = [engine.metrics(), engine.status(), engine.peers()];
      expect(status).toMatchObject(metrics.status);
      expect(metrics.sizeEstimate).toBe(status.ring.sizeEstimate);
      expect(metrics.peers.connected).toBe(connected);
      expect(Object.values(metrics.peers).reduce((sum, count) => sum + count, 0)).toBe(peers.length);
      for (const { state } of peers) expect(metrics.peers[state]).toBeGreaterThan(0);
      const link = peers[0]?.link ?? null;
      if (link !== null) expect(metrics.links[link]).toBe(1);
      expect(metrics.paths.direct.count).toBe(connected);
      const rttMs = peers[0]?.path?.rttMs;
      if (typeof rttMs === 'number') expect(metrics.paths.direct.rttMs?.max).toBeCloseTo(rttMs, 0);
    };
    await clock.run(3_000);
    agree(1);
    expect(a.engine.metrics().paths.direct.rttMs).not.toBeNull();
    expect(Object.values(a.engine.metrics().links)).toContain(1);
    await b.engine.stop();
    await clock.run(1_000);
    agree(0);
  });

  it('rekey again and again without losing a frame', async () => {
    const { clock, a, b } = await startedPair();
    await clock.run(3_000);
    const begun = a.engine.peers()[0]?.lastHandshakeAgeMs;
    let sent = 0;
    let rekeys = 0;
    let age = begun ?? 0;
    for (let t = 0; t < 90_000; t += 200) {
      a.plane.transmit(frameOf(b, a, 1));
      b.plane.transmit(frameOf(a, b, 2));
      sent++;
      await clock.run(200, 100);
      const now = a.engine.peers()[0]?.lastHandshakeAgeMs ?? 0;
      if (now < age) rekeys++;
      age = now;
    }
    await clock.run(100);
    expect(rekeys).toBeGreaterThanOrEqual(3);
    expect(a.frames.length).toBe(sent);
    expect(b.frames.length).toBe(sent);
  });

  it('answer for themselves when they are pinged by any name of theirs', async () => {
    const { a } = await startedPair();
    const { id, name, ip, ip6 } = a.engine.status().node;
    for (const text of [id, name, ip, ip6]) {
      const { peer, sent, received, replies } = await a.engine.ping(text, 2, 1_000, 100);
      expect([peer, sent, received, replies[1]]).toEqual([id, 2, 2, { seq: 2, rttMs: 0, path: 'self' }]);
    }
  });

  it('answer pings by name, id prefix and address, and say unknown for others', async () => {
    const { clock, a, ids } = await startedPair();
    await clock.run(3_000);
    for (const name of ['n1', ids[1].slice(0, 6), a.engine.peers()[0]?.ip ?? '']) {
      const answer = a.engine.ping(name, 2, 1_000, 100);
      await clock.run(1_500);
      expect(await answer).toMatchObject({ sent: 2, received: 2 });
    }
    await expect(a.engine.ping('nobody', 1, 100, 100)).rejects.toMatchObject({ code: 'EVIO_UNKNOWN_PEER' });
  });

  it('forget a peer that says goodbye, and take it back when it returns as another process', async () => {
    const { clock, net, a, b, ids } = await startedPair();
    await clock.run(3_000);
    await b.engine.stop();
    await clock.run(200);
    expect(a.engine.peers()[0]?.path).toBeNull();
    const again = boxOf({
      net,
      clock,
      profile: b.profile,
      host: '192.0.2.2',
      state: { members: [a.profile.credential], endpoints: { [ids[0]]: ['192.0.2.1:5000'] } },
      seed: 77,
    });
    await again.engine.start();
    await clock.run(3_000);
    expect(a.engine.peers()[0]).toMatchObject({ state: 'connected', path: { kind: 'direct' } });
  });

  it('recover when a peer is killed and starts again without a goodbye', async () => {
    const { clock, net, a, b, ids } = await startedPair();
    await clock.run(3_000);
    await b.plane.stop();
    const again = boxOf({
      net,
      clock,
      profile: b.profile,
      host: '192.0.2.2',
      state: { members: [a.profile.credential], endpoints: { [ids[0]]: ['192.0.2.1:5000'] } },
      seed: 78,
    });
    await again.engine.start();
    const begun = clock.now();
    while (clock.now() - begun < 5_000 && again.frames.length === 0) {
      a.plane.transmit(frameOf(b, a, 3));
      await clock.run(100);
    }
    expect(again.frames.length).toBeGreaterThan(0);
  });

  it('follow a peer whose NAT gives it another address', async () => {
    const { clock, net, a, b } = await startedPair();
    await clock.run(3_000);
    // From now on b appears as 198.51.100.9:777, and only that reaches it.
    net.route = (from, to) => {
      if (from.host === '192.0.2.2') return { to, from: { host: '198.51.100.9', port: 777 } };
      if (to.host === '198.51.100.9' && to.port === 777)
        return { to: { host: '192.0.2.2', port: 5000 }, from };
      return to.host === '192.0.2.2' ? null : { to, from };
    };
    const begun = clock.now();
    let back = 0;
    for (let t = 0; t < 5_000; t += 100) {
      const before = b.frames.length;
      a.plane.transmit(frameOf(b, a, 4));
      b.plane.transmit(frameOf(a, b, 5));
      await clock.run(100);
      if (back === 0 && b.frames.length > before) back = clock.now() - begun;
    }
    expect(back).toBeGreaterThan(0);
    expect(back).toBeLessThan(5_000);
    expect(a.engine.peers()[0]?.path?.endpoint).toBe('198.51.100.9:777');
  });

  it('say why they are direct', async () => {
    const { clock, a, ids } = await startedPair();
    await clock.run(3_000);
    const why = await a.engine.why('n1');
    expect(why).toMatchObject({
      peer: ids[1],
      path: { kind: 'direct', endpoint: '192.0.2.2:5000' },
      advice: [],
    });
    expect(why.path?.rttMs).toBeCloseTo(10, 0);
    const candidates = why.candidates.map(({ side, endpoint, state }) => `${side} ${endpoint} ${state}`);
    expect(candidates).toEqual(['local 192.0.2.1:5000 offered', 'remote 192.0.2.2:5000 active']);
    expect(why.log.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['session', 'offer', 'usable', 'path']),
    );
  });

  it('stay apart when they know no endpoint and use no relay, and say what is missing', async () => {
    const { clock, a } = await startedPair({ knowsEndpoint: false });
    await clock.run(3_000);
    expect(a.engine.peers()[0]).toMatchObject({ path: null });
    expect(await a.engine.why('n1')).toMatchObject({
      path: null,
      candidates: [{ side: 'local', endpoint: '192.0.2.1:5000' }],
      advice: [expect.stringContaining('not connected to any relay')],
    });
  });

  it('say why they go through a member that both reach', async () => {
    const clock = new VirtualClock();
    const net = new MemoryNet({ clock, latencyMs: 5 });
    const profiles = memberProfiles(3, clock) as [Profile, Profile, Profile];
    const hosts = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
    // The first and the last are behind firewalls that let nothing of each other in.
    net.route = (from, to) => (new Set([from.host, to.host]).has('192.0.2.2') ? { from, to } : null);
    const endpoints = { [selfOf(profiles[1]).idText]: ['192.0.2.2:5000'] };
    const boxes = profiles.map((profile, i) => {
      const members = profiles.filter((other) => other !== profile).map((other) => other.credential);
      return boxOf({ net, clock, profile, host: hosts[i] ?? '', state: { members, endpoints }, seed: i + 1 });
    });
    for (const { engine } of boxes) await engine.start();
    await clock.run(12_000);
    const why = await boxes[0]?.engine.why('n2');
    expect(why).toMatchObject({
      path: { kind: 'overlay', endpoint: 'via n1' },
      advice: [expect.stringContaining('The NAT or firewall on the other side lets nothing in')],
    });
    expect(why?.candidates).toContainEqual(
      expect.objectContaining({ side: 'remote', endpoint: '192.0.2.3:5000', state: 'failed' }),
    );
    expect(why?.log.map(({ event, detail }) => `${event} ${detail}`)).toContain('path overlay via n1');
  });

  it('take a new certificate of a member from that member only', async () => {
    const { clock, net, a, b, ids } = await startedPair();
    await clock.run(3_000);
    const before = a.engine.peers()[0];
    // b's invite is known to everybody who joined by it: with it b's node key can be given another address.
    const forged = resign(b.profile, { ip: '10.144.7.7' }, clock.date() + 1_000);
    const eve = generateKeys(new SeededRandom(666));
    const { packet } = createInitiation({
      suite: Suite.aes256gcm,
      prologue: concatBytes(utf8('evio data 1'), selfOf(a.profile).network.rootKey),
      localStatic: eve.dh,
      remoteStatic: selfOf(a.profile).keys.dh.publicKey,
      payload: encodeInitPayload({
        stamp: new StampSource(clock).next(),
        boot: 1,
        certificate: forged,
      }),
      senderIndex: 1,
      random: new SeededRandom(667),
    });
    net.open('203.0.113.66', 666, () => undefined).send(packet, { host: '192.0.2.1', port: 5000 });
    await clock.run(500);
    expect(a.engine.peers()[0]).toMatchObject({ id: ids[1], ip: before?.ip, state: 'connected' });
  });

  it('tell the plane of many new members at once, and keep them all', async () => {
    const clock = new VirtualClock();
    const [first, ...others] = memberProfiles(30, clock) as [Profile, ...Profile[]];
    const net = new MemoryNet({ clock });
    const members = others.map((profile) => profile.credential);
    const a = boxOf({ net, clock, profile: first, host: '192.0.2.1', state: { members }, seed: 11 });
    const told = vi.spyOn(MemoryPlane.prototype, 'setNeighbours');
    onTestFinished(() => {
      told.mockRestore();
    });
    await a.engine.start();
    await clock.run(3_000);
    expect(told.mock.calls.map(([neighbours]) => neighbours.length)).toEqual([29]);
    expect(new Set(a.saved?.members)).toEqual(new Set(members));
  });

  it('survive a stranger who sends garbage, replays and truncated handshakes', async () => {
    const { clock, net, a, b } = await startedPair();
    const seen: Uint8Array[] = [];
    const route = net.route;
    net.route = (from, to, bytes) => {
      seen.push(bytes.slice());
      return route(from, to, bytes);
    };
    await clock.run(3_000);
    const random = new SeededRandom(5);
    const stranger = net.open('203.0.113.66', 666, () => undefined);
    for (let i = 0; i < 3_000; i++) {
      const base = seen[i % seen.length] as Uint8Array;
      const bytes = base.slice(0, Math.floor(random.unit() * (base.length + 1)));
      if (bytes.length > 1 && i % 3 === 0)
        bytes[Math.floor(random.unit() * bytes.length)] = Math.floor(random.unit() * 256);
      stranger.send(i % 2 === 0 ? base : bytes, { host: '192.0.2.1', port: 5000 });
    }
    await clock.run(2_000);
    a.plane.transmit(frameOf(b, a, 9));
    await clock.run(50);
    expect(b.frames.at(-1)?.[50]).toBe(9);
    expect(a.engine.peers()).toHaveLength(1);
    expect(a.engine.peers()[0]?.path?.endpoint).toBe('192.0.2.2:5000');
  });
});

/** What the door lets in: real handshakes of two members, and what a third or a stranger makes of them. */
import { describe, expect, it } from 'vitest';
import type { Origin } from '../../../src/core/dataplane/plane/plane.js';
import { generateKeys } from '../../../src/core/identity/keys.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { selfOf, type Self } from '../../../src/core/membership/self.js';
import { CookieJar } from '../../../src/core/noise/cookie.js';
import { createInitiation } from '../../../src/core/noise/ik.js';
import type { DhKeys } from '../../../src/core/noise/suite.js';
import { StampSource } from '../../../src/core/noise/tai64n.js';
import { encodeInitPayload } from '../../../src/core/wire/handshake.js';
import { PacketType } from '../../../src/core/wire/packet.js';
import { memberProfiles } from '../../support/members.js';
import { peerPair, type PeerPair } from '../../support/peer-pair.js';
import { SeededRandom } from '../../support/virtual.js';

const origin: Origin = { kind: 'direct', endpoint: { host: '198.51.100.7', port: 700 } };

/** A pair that has not met, and an initiation to `a`, with the keys and the certificate that a test wants. */
async function rig() {
  const pair = await peerPair();
  const { a, clock } = pair;
  // Nothing leaves: a test hands packets over itself.
  pair.net.route = () => null;
  pair.relay = false;
  const [, , third] = memberProfiles(3, clock).map((profile) => selfOf(profile)) as [Self, Self, Self];
  const stamps = new StampSource(clock);
  const random = new SeededRandom(5);
  const initiation = (
    localStatic: DhKeys,
    certificate: Uint8Array,
    prologue = a.context.prologue,
    answer = 0,
  ) => {
    const payload = encodeInitPayload({ stamp: stamps.next(), boot: 9, certificate }, answer);
    const { packet } = createInitiation({
      suite: a.context.suite,
      prologue,
      localStatic,
      remoteStatic: a.self.keys.dh.publicKey,
      payload,
      senderIndex: 77,
      random,
    });
    return packet;
  };
  const enter = (packet: Uint8Array, from = origin) => a.door.initiation(clock.now(), packet, from);
  return { pair, third, initiation, enter };
}

/** What the peers of the pair sent since the last call. */
function sentBy(side: PeerPair['a']): Uint8Array[] {
  return side.handshakes.splice(0).map(({ packet }) => packet);
}

describe('handshake door', () => {
  it('takes an initiation of the member whose certificate it brings, and answers where it came from', async () => {
    const { pair, initiation, enter } = await rig();
    const { a, b } = pair;
    expect(enter(initiation(b.self.keys.dh, b.self.credential))).toBe(a.peer);
    expect(a.handshakes.map(({ packet, path }) => [packet[0], path])).toEqual([
      [PacketType.handshakeResponse, { kind: 'direct', endpoint: { host: '198.51.100.7', port: 700 } }],
    ]);
  });

  it('sends no more to an address than came from there, before a cookie proves it', async () => {
    const { pair, initiation, enter } = await rig();
    const { a, b } = pair;
    // Ours has grown since the other made its initiation, or the other's program is an older one.
    const longer = new Uint8Array(b.self.credential.length + 200);
    (a.context as { credential: () => Uint8Array }).credential = () => longer;
    const jar = new CookieJar(a.self.keys.dh.publicKey);
    const first = initiation(b.self.keys.dh, b.self.credential);
    jar.stamp(first, pair.clock.now());
    expect(enter(first)).toBeUndefined();
    const [cookie] = sentBy(a);
    expect([cookie?.[0], (cookie?.length ?? 0) < first.length]).toEqual([PacketType.cookieReply, true]);
    expect(jar.consume(cookie as Uint8Array, pair.clock.now())).toBe(true);
    const second = initiation(b.self.keys.dh, b.self.credential);
    jar.stamp(second, pair.clock.now());
    expect(enter(second)).toBe(a.peer);
    expect(sentBy(a)[0]?.[0]).toBe(PacketType.handshakeResponse);
    // With room for the answer it is given at once.
    const roomy = initiation(b.self.keys.dh, b.self.credential, undefined, longer.length);
    expect(enter(roomy)).toBe(a.peer);
    const [response] = sentBy(a);
    expect([response?.[0], response?.length]).toEqual([PacketType.handshakeResponse, roomy.length]);
    // A relay sends to its own members only.
    const relayed: Origin = { kind: 'carrier', carrier: 7, source: b.self.id };
    expect(enter(initiation(b.self.keys.dh, b.self.credential), relayed)).toBe(a.peer);
  });

  it('takes a member that it did not know', async () => {
    const { pair, third, initiation, enter } = await rig();
    const peer = enter(initiation(third.keys.dh, third.credential));
    expect(peer?.member.idText).toBe(third.idText);
    expect(pair.a.peers.size).toBe(2);
  });

  it('refuses a certificate of another than who shakes hands, one of another network, and none', async () => {
    const { pair, third, initiation, enter } = await rig();
    const { b } = pair;
    const other = selfOf(memberProfiles(1, pair.clock, 55)[0] as Profile);
    const stranger = generateKeys(new SeededRandom(8)).dh;
    for (const packet of [
      initiation(third.keys.dh, b.self.credential),
      initiation(stranger, b.self.credential),
      initiation(other.keys.dh, other.credential),
      initiation(b.self.keys.dh, new Uint8Array(0)),
      initiation(b.self.keys.dh, b.self.credential, new Uint8Array([1])),
    ]) {
      expect(enter(packet)).toBeUndefined();
    }
    // The one that brings none has no room for an answer, and may get a cookie.
    expect(sentBy(pair.a).filter(([type]) => type !== PacketType.cookieReply)).toEqual([]);
    expect(pair.a.peers.size).toBe(1);
  });

  it('refuses what is replayed, and what bears no first mac', async () => {
    const { pair, initiation, enter } = await rig();
    const { b } = pair;
    const packet = initiation(b.self.keys.dh, b.self.credential);
    expect(enter(packet.slice())).toBe(pair.a.peer);
    expect(enter(packet.slice())).toBeUndefined();
    const bare = initiation(b.self.keys.dh, b.self.credential);
    bare.fill(0, bare.length - 32, bare.length - 16);
    expect(enter(bare)).toBeUndefined();
    expect(sentBy(pair.a)).toHaveLength(1);
  });

  it('takes a response once, and not one that was changed on the way', async () => {
    const { pair } = await rig();
    const { a, b, clock } = pair;
    pair.relay = true;
    a.peer.connect(clock.now());
    pair.relay = false;
    const [init] = sentBy(a) as [Uint8Array];
    b.door.initiation(clock.now(), init, origin);
    const [response] = sentBy(b) as [Uint8Array];
    const forged = response.slice();
    forged[40] = (forged[40] ?? 0) ^ 1;
    new CookieJar(a.self.keys.dh.publicKey).stamp(forged, clock.now());
    expect(a.door.response(clock.now(), forged, origin)).toBeUndefined();
    expect(a.peer.session.established).toBe(false);
    expect(a.door.response(clock.now(), response.slice(), origin)).toBe(a.peer);
    expect(a.peer.session.established).toBe(true);
    expect(a.door.response(clock.now(), response.slice(), origin)).toBeUndefined();
  });

  it('asks for a cookie under load, binds it to the source, and leaves who comes through members waiting', async () => {
    const { pair, initiation, enter } = await rig();
    const { a, b, clock } = pair;
    const flood = initiation(b.self.keys.dh, b.self.credential);
    for (let i = 0; i < 80; i++) enter(flood.slice());
    sentBy(a);
    const through: Origin = { kind: 'overlay', via: 3 };
    expect(enter(initiation(b.self.keys.dh, b.self.credential), through)).toBeUndefined();
    expect(sentBy(a)).toEqual([]);
    // The other's own try is answered by a cookie; its next one, which comes at once, bears it and is let in.
    pair.relay = true;
    b.peer.connect(clock.now());
    pair.relay = false;
    const [first] = sentBy(b) as [Uint8Array];
    expect(enter(first)).toBeUndefined();
    const [cookie] = sentBy(a) as [Uint8Array];
    expect(cookie[0]).toBe(PacketType.cookieReply);
    b.door.cookie(clock.now(), cookie);
    pair.relay = true;
    b.peer.tick(clock.now());
    pair.relay = false;
    const [second] = sentBy(b) as [Uint8Array];
    expect(
      enter(second.slice(), { ...origin, endpoint: { host: '198.51.100.8', port: 700 } }),
    ).toBeUndefined();
    expect(enter(second)).toBe(a.peer);
  });
});

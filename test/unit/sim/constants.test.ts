/** The model's own numbers, beside those of the code that it stands for: who changes one of them sees the other. */
import { describe, expect, it } from 'vitest';
import { ownerOf as ownerOfReal } from '../../../src/core/identity/certificate.js';
import { keysFromSeed } from '../../../src/core/identity/keys.js';
import { fromBase64Url, toBase64Url } from '../../../src/core/lib/bytes.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { consumeInitiation, createInitiation } from '../../../src/core/noise/ik.js';
import { askAgainMs } from '../../../src/core/relays/relay-queries.js';
import { backoff } from '../../../src/core/relays/net/backoff.js';
import { heartbeatMs, heartbeatsLost, nudgeMs } from '../../../src/core/relays/net/relay-client.js';
import { connectMs } from '../../../src/core/topology/link-table.js';
import { encodeInitPayload, encodeResponsePayload } from '../../../src/core/wire/handshake.js';
import { Suite, underlayOverhead } from '../../../src/core/wire/packet.js';
import { encodeCard } from '../../../src/core/wire/ring.js';
import { sideNeighbours, strangers } from '../../../src/rendezvous/introductions.js';
import { defaultLimits } from '../../../src/rendezvous/limits.js';
import { checkMs } from '../../../src/rendezvous/member-connection.js';
import { giveUpMs } from '../../../src/sim/handshake.js';
import { credentialLength, identityOf, ownerOf } from '../../../src/sim/identity.js';
import * as model from '../../../src/sim/relay.js';
import { handshakeBytes, locateBytes } from '../../../src/sim/size.js';
import { memberProfiles } from '../../support/members.js';
import { witnessed } from '../../support/receipts.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

/** `value` differs from `other` by no more than this share of it. */
function expectNear(value: number, other: number, share: number): void {
  expect(Math.abs(value - other), `${value} beside ${other}`).toBeLessThanOrEqual(share * other);
}

/** A member who was invited, and registered at a relay: its keys, and its credential with all that it has. */
function member() {
  const profile = memberProfiles(2, new VirtualClock())[1];
  if (!profile) throw new Error('no member');
  const self = selfOf(profile);
  const relay = keysFromSeed(new SeededRandom(5).fill(new Uint8Array(32)));
  return { self, credential: witnessed(self.credential, relay, 0) };
}

describe('the model of the relay', () => {
  it('names as many to a newcomer as the relay does', () => {
    expect([model.neighboursPerSide, model.strangers]).toEqual([sideNeighbours, strangers]);
  });

  it('notices who is silent when the relay does', () => {
    expect([model.relaySilentMs, model.relayCheckMs]).toEqual([defaultLimits.silentMs, checkMs]);
  });

  it('is missed by members after they could have noticed, and before they must have', () => {
    expect(model.memberNoticesMs).toBeGreaterThan(nudgeMs);
    expect(model.memberNoticesMs).toBeLessThan((heartbeatsLost + 1) * heartbeatMs);
  });

  it('is tried again, and asked again, as a node does', () => {
    expect(model.reconnectMs).toEqual({ first: backoff.first, most: backoff.early });
    expect(model.askAgainMs).toBe(askAgainMs);
  });

  it('is asked in messages of about that length', () => {
    // TLS record, Noise tag, TCP and IP headers of one segment.
    const headers = 5 + 17 + 16 + 32 + 20;
    for (const count of [1, 8, 16]) {
      const targets = Array.from({ length: count }, () => 'a'.repeat(32));
      const text = JSON.stringify({ type: 'locate', targets });
      expect(locateBytes.request(count)).toBeGreaterThan(headers);
      expect(locateBytes.request(count)).toBeLessThan(2 * (headers + text.length));
    }
  });
});

describe('the model of a session', () => {
  it('is not given up before the overlay gives it up', () => {
    expect(giveUpMs).toBeGreaterThan(connectMs);
  });

  it('has handshakes of about that length', () => {
    const { self, credential } = member();
    const random = new SeededRandom(3);
    const other = keysFromSeed(new SeededRandom(9).fill(new Uint8Array(32))).dh;
    const prologue = new Uint8Array(0);
    const payload = encodeInitPayload({ stamp: new Uint8Array(12), boot: 1, certificate: credential });
    const { packet } = createInitiation({
      suite: Suite.aes256gcm,
      prologue,
      localStatic: self.keys.dh,
      remoteStatic: other.publicKey,
      payload,
      senderIndex: 1,
      random,
    });
    const pending = consumeInitiation(packet, {
      localStatic: other,
      prologue,
      suites: [Suite.aes256gcm],
    });
    const answer = pending?.respond({
      payload: encodeResponsePayload({ boot: 1, certificate: credential }),
      senderIndex: 2,
      random,
    });
    expectNear(handshakeBytes.initiation, packet.length + underlayOverhead, 0.1);
    expectNear(handshakeBytes.response, (answer?.packet.length ?? 0) + underlayOverhead, 0.1);
  });
});

describe('the model of a member', () => {
  it('has a credential of about that length, and cards that fit it', () => {
    const { credential } = member();
    expectNear(credentialLength, credential.length, 0.1);
    expect(fromBase64Url(toBase64Url(credential))).toEqual(credential);
    const { candidates, credential: mine } = identityOf(new Uint8Array(16).fill(7), 'n', 'leaf');
    const cards = [mine, credential].map((bytes) => encodeCard({ credential: bytes, candidates }).length);
    expectNear(cards[0] ?? 0, cards[1] ?? 1, 0.1);
  });

  it('is known by its credential, as a real one is', () => {
    const { self, credential } = member();
    expect(ownerOfReal(credential)).toBe(self.idText);
    const { idText, credential: mine } = identityOf(self.id, 'n', 'switch');
    expect([idText, ownerOf(mine)]).toEqual([self.idText, self.idText]);
  });
});

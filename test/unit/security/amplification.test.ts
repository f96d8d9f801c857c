/**
 * Nobody sends more to an address than came from there before it is proven: each input that a node or a relay takes from
 * strangers, in its shortest form, and what goes back. Bytes are those of the UDP payload.
 */
import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../../src/core/lib/endpoint.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { mac1KeyOf, setMac1 } from '../../../src/core/noise/mac.js';
import { calmBurst } from '../../../src/core/noise/load.js';
import { encodePing, encodePong, pongLength } from '../../../src/core/wire/control.js';
import {
  encodeCookieReply,
  encodeInit,
  encodeResponse,
  initNoiseMinimum,
  responseNoiseMinimum,
} from '../../../src/core/wire/handshake.js';
import { PacketType, Suite } from '../../../src/core/wire/packet.js';
import { encodeBind, encodeUnbound } from '../../../src/core/wire/relay.js';
import { encodeBindingRequest, encodeBindingResponse } from '../../../src/core/wire/stun.js';
import { CounterBlock } from '../../../src/rendezvous/counters.js';
import { ForwardCore, Verdict } from '../../../src/rendezvous/forward/forward-core.js';
import { ForwardTable } from '../../../src/rendezvous/forward/forward-table.js';
import { startedPair } from '../../support/node-box.js';

const id = new Uint8Array(12).fill(7);
const key = new Uint8Array(32).fill(3);
const of = (type: number, length: number): Uint8Array => {
  const out = new Uint8Array(length);
  out[0] = type;
  return out;
};
const ofStun = (type: number, ...attributes: number[]): Uint8Array => {
  const body = Uint8Array.from(attributes);
  return Uint8Array.of(0, type, 0, body.length, 0x21, 0x12, 0xa4, 0x42, ...id, ...body);
};

describe('a node', () => {
  const node: Endpoint = { host: '192.0.2.1', port: 5000 };

  async function strangerOf(pair: Awaited<ReturnType<typeof startedPair>>) {
    let back = 0;
    const socket = pair.net.open('203.0.113.5', 700, (bytes) => (back += bytes.length));
    return {
      /** Bytes that come back within a minute. */
      async ask(packet: Uint8Array): Promise<number> {
        back = 0;
        socket.send(packet, node);
        await pair.clock.run(60_000, 100);
        return back;
      },
      burst(packet: Uint8Array, times: number): void {
        for (let i = 0; i < times; i++) socket.send(packet, node);
      },
    };
  }

  const init = (noise = initNoiseMinimum): Uint8Array =>
    encodeInit({ suite: Suite.aes256gcm, senderIndex: 1, noise: new Uint8Array(noise).fill(9) });
  const inputs: Readonly<Record<string, Uint8Array>> = {
    'one byte': Uint8Array.of(PacketType.data),
    'data of nobody': of(PacketType.data, 32),
    'an init without mac': init(),
    'a response': encodeResponse({
      suite: Suite.aes256gcm,
      senderIndex: 1,
      receiverIndex: 2,
      noise: new Uint8Array(responseNoiseMinimum),
    }),
    'a cookie reply': encodeCookieReply({
      receiverIndex: 1,
      nonce: new Uint8Array(24),
      sealedCookie: new Uint8Array(32),
    }),
    'a STUN request': ofStun(1),
    'a STUN answer': encodeBindingResponse(id, node),
    'what a relay passes on': of(PacketType.relayDeliver, 25),
    'what is for a relay': of(PacketType.relaySend, 25),
    'a bind': encodeBind(1, 1, key),
    'a bound': of(PacketType.relayBound, 50),
    'an unbound': encodeUnbound(1),
  };

  it('answers none of what strangers send it', { timeout: 60_000 }, async () => {
    const pair = await startedPair();
    const stranger = await strangerOf(pair);
    for (const [name, packet] of Object.entries(inputs))
      expect([name, await stranger.ask(packet)]).toEqual([name, 0]);
    await pair.a.engine.stop();
    await pair.b.engine.stop();
  });

  it(
    'answers an init without room for a response, and any under load, with a cookie, which is shorter',
    { timeout: 60_000 },
    async () => {
      const pair = await startedPair();
      const stranger = await strangerOf(pair);
      const packet = init();
      setMac1(packet, mac1KeyOf(selfOf(pair.a.profile).keys.dh.publicKey));
      const cookie = await stranger.ask(packet);
      expect(cookie).toBeGreaterThan(0);
      expect(cookie).toBeLessThan(packet.length);
      stranger.burst(packet, calmBurst + 5);
      pair.clock.advance(20);
      const back = await stranger.ask(packet);
      expect(back).toBeGreaterThan(0);
      expect(back).toBeLessThan(packet.length);
      await pair.a.engine.stop();
      await pair.b.engine.stop();
    },
  );

  it('sends pings as long as what answers them', () => {
    const pong = encodePong(1, node, 2 ** 40);
    expect(pong.length).toBe(pongLength);
    expect(encodePing(1, pongLength).length).toBe(pong.length);
  });
});

describe('a relay', () => {
  const addressLength = 18;
  const member = {
    index: 0x1_0000,
    key,
    network: 0,
    nodeId: new Uint8Array(16).fill(1),
    observed: new Uint8Array(16),
  };
  const address = new Uint8Array(addressLength).fill(0x20);

  function coreAt(host: string): ForwardCore {
    const table = new ForwardTable(addressLength, 1, { nodeMbps: Infinity, networkMbps: Infinity });
    table.add(member);
    const driver = { endpointOf: () => ({ host, port: 9 }), bound: () => undefined };
    return new ForwardCore(table, new CounterBlock(), driver, 5, 1);
  }
  const roomy = ofStun(1, 0x80, 0x22, 0, 24, ...new Uint8Array(24).fill(32));
  const inputs: Readonly<Record<string, readonly [Uint8Array, answered: boolean]>> = {
    nothing: [new Uint8Array(0), false],
    'a bare STUN request': [ofStun(1), false],
    'a STUN request with room': [roomy, true],
    'a STUN request of ours': [encodeBindingRequest(id, { room: true }), true],
    'a STUN request with an attribute of others': [ofStun(1, 0, 3, 0, 4, 0, 0, 0, 0), false],
    'a STUN answer': [encodeBindingResponse(id, { host: '192.0.2.1', port: 1 }), false],
    'a bind of a member': [encodeBind(member.index, 1, key), true],
    'a bind with another key': [encodeBind(member.index, 1, new Uint8Array(32)), false],
    'a bind of nobody': [encodeBind(77, 1, key), false],
    'a packet of a member from elsewhere': [sendOf(member.index), true],
    'a packet of nobody': [sendOf(77), false],
    'an init': [of(PacketType.handshakeInit, 136), false],
    data: [of(PacketType.data, 32), false],
  };

  function sendOf(association: number): Uint8Array {
    const out = of(PacketType.relaySend, 25);
    new DataView(out.buffer).setUint32(4, association, true);
    return out;
  }

  it.each(['192.0.2.1', '2001:db8::1'])('gives back no more than came from %s', (host) => {
    for (const [name, [packet, answered]] of Object.entries(inputs)) {
      const core = coreAt(host);
      const bytes = packet.slice();
      const verdict = core.handle(bytes, new DataView(bytes.buffer), 0, bytes.length, address, 0, 1_000);
      expect([name, verdict === Verdict.reply]).toEqual([name, answered]);
      if (verdict === Verdict.reply)
        expect([name, core.answer.length <= packet.length]).toEqual([name, true]);
    }
  });
});

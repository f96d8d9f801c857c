/** What strangers may cost a relay by TCP. */
import { afterEach, describe, expect, it } from 'vitest';
import { DoorKeeper, type DoorRefusal, type Guest } from '../../../src/rendezvous/door-keeper.js';
import { defaultLimits } from '../../../src/rendezvous/limits.js';
import { frame, upgraded } from '../../support/hostile-web-socket.js';
import { Kit, sleep, TestNetwork, until } from './relay-kit.js';

const kit = new Kit();
afterEach(() => kit.clean());

const limits = {
  ...defaultLimits,
  connections: 40,
  connectionsPerAddress: 10,
  connectionsPerSite: 20,
  pending: 12,
  pendingPerSite: 5,
  handshakes: 4,
  handshakeBurst: 1,
};

function guestOf(outcome: Guest | DoorRefusal): Guest {
  if (typeof outcome === 'string') throw new Error(outcome);
  return outcome;
}

describe('the keeper of the door', () => {
  it('counts strangers by site and in all, and gives their places back', () => {
    const keeper = new DoorKeeper(limits, 0);
    const guests = [1, 2, 3, 4, 5].map((host) => guestOf(keeper.enter(`203.0.113.${host}`)));
    expect(keeper.enter('203.0.113.6')).toBe('full-pending');
    for (let site = 1; site <= 7; site++) guests.push(guestOf(keeper.enter(`198.51.${site}.1`)));
    expect(keeper.enter('192.0.2.1')).toBe('full-pending');
    expect(keeper.pending).toBe(12);
    for (const guest of guests) keeper.leave(guest);
    expect(keeper.pending).toBe(0);
    expect(typeof keeper.enter('203.0.113.6')).toBe('object');
  });

  it('has room for members whoever else comes: by connections that wait, and by handshakes', () => {
    const keeper = new DoorKeeper(limits, 0);
    keeper.admitted(guestOf(keeper.enter('192.0.2.1')));
    for (let site = 1; site <= 12; site++) keeper.enter(`198.51.${site}.1`);
    expect(keeper.enter('198.51.100.1')).toBe('full-pending');
    const member = guestOf(keeper.enter('192.0.2.1'));
    const stranger = { ...member, source: '198.51.1.1' };
    for (let i = 0; i < 10; i++) keeper.mayShake({ ...stranger, source: `198.51.${i}.1` }, 0);
    expect(keeper.mayShake(stranger, 0)).toBe(false);
    expect(keeper.mayShake(member, 0)).toBe(true);
  });

  it('bounds members too, by address, by site and in all', () => {
    const keeper = new DoorKeeper(limits, 0);
    const come = (address: string): string => {
      const outcome = keeper.enter(address);
      if (typeof outcome === 'string') return outcome;
      keeper.admitted(outcome);
      return 'in';
    };
    for (let i = 0; i < 10; i++) expect(come('2001:db8::1')).toBe('in');
    expect(come('2001:db8::2')).toBe('full-source');
    for (let i = 0; i < 10; i++) expect(come('2001:db8:0:1::1')).toBe('in');
    expect(come('2001:db8:0:2::1')).toBe('full-site');
    for (let i = 0; i < 20; i++) expect(come(`203.0.${i}.1`)).toBe('in');
    expect(come('192.0.2.1')).toBe('full-connections');
  });
});

const binary = 2;
const more = 0;
const ping = 9;

describe('a stranger with a WebSocket', () => {
  it.each([
    ['one-byte fragments', () => frame(more, false, Uint8Array.of(1))],
    ['pings', () => frame(ping, true, new Uint8Array(125))],
    [
      'fragments with pings between',
      () => Buffer.concat([frame(more, false, Uint8Array.of(1)), frame(ping, true, new Uint8Array(125))]),
    ],
  ])('does not keep us busy with %s', async (_name, next) => {
    const relay = await kit.relay();
    const { socket, closed } = await upgraded(kit, relay.port);
    socket.write(frame(binary, false, Uint8Array.of(1)));
    let sent = 0;
    for (; !closed() && sent < 100_000; sent += 1) {
      socket.write(next());
      if (sent % 20 === 0) await sleep(1);
    }
    expect(sent).toBeLessThan(2_000);
  });

  it('does not keep us with one byte a read, nor for longer than the deadline', async () => {
    const relay = await kit.relay({ limits: { handshakeMs: 2_000 } });
    const { socket, closed } = await upgraded(kit, relay.port);
    socket.setNoDelay(true);
    const bytes = frame(binary, true, new Uint8Array(120));
    const began = performance.now();
    for (let i = 0; !closed(); i++) {
      socket.write(bytes.subarray(i % bytes.length, (i % bytes.length) + 1));
      await sleep(20);
      if (performance.now() - began > 8_000) break;
    }
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('is not what members are: a member says as much as it likes', async () => {
    const relay = await kit.relay({ limits: { strangerBytes: 4_096, strangerPieces: 20 } });
    const network = new TestNetwork([relay.fact]);
    const a = await kit.client(network.node(1), relay.fact).up();
    const b = await kit.client(network.node(2), relay.fact).up();
    const packet = new Uint8Array(1_202);
    packet[0] = 1_200 & 0xff;
    packet[1] = 1_200 >> 8;
    for (let i = 0; i < 100; i++) a.client.sendData(b.node.id, packet);
    await until(() => b.received.length === 100);
    expect(relay.server.refused().get('too-much')).toBeUndefined();
  });
});

/**
 * A whole relay, by real sockets: HTTP requests, upgrades, WebSocket frames, Noise messages and datagrams that are changed at
 * random. It stays up, forgets who is gone, and serves its members as before.
 */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { utf8 } from '../../src/core/lib/bytes.js';
import { encodeBind } from '../../src/core/wire/relay.js';
import { relayPath } from '../../src/core/wire/signal.js';
import { encodeBindingRequest } from '../../src/core/wire/stun.js';
import { frame } from '../support/hostile-web-socket.js';
import { Kit, sleep, TestNetwork, until } from '../unit/rendezvous/relay-kit.js';
import { Mutator } from './campaign/mutator.js';

const seconds = Math.min(60, Number(process.env['EVIO_FUZZ_SECONDS'] ?? 8) / 2);
const seed = Number(process.env['EVIO_FUZZ_SEED'] ?? 20_26);
const kit = new Kit();
afterEach(() => kit.clean());

const upgrade =
  `GET ${relayPath} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';
const requests = [
  upgrade,
  'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
  'HEAD /healthz HTTP/1.0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde',
].map((text) => utf8(text));
const frames = [
  frame(2, true, new Uint8Array(96).fill(7)),
  frame(2, false, new Uint8Array(50)),
  frame(0, true, new Uint8Array(46)),
  frame(9, true, new Uint8Array(4)),
  frame(8, true, Uint8Array.of(3, 232)),
  frame(1, true, utf8('{"type":"hello"}')),
].map((bytes) => new Uint8Array(bytes));
const datagrams = [
  encodeBind(1, 2, new Uint8Array(32)),
  encodeBindingRequest(new Uint8Array(12), { room: true }),
];

it('nothing that is made up breaks a relay at its entry', { timeout: (seconds + 60) * 1_000 }, async () => {
  const limits = { pending: 4_096, pendingPerSite: 4_096, handshakes: 10_000, handshakesPerAddress: 10_000 };
  const relay = await kit.relay({ forwarder: 'dgram', limits });
  const network = new TestNetwork([relay.fact]);
  const member = await kit.client(network.node(1), relay.fact).up();
  const mutator = new Mutator(seed);
  const udp = createSocket('udp4');
  kit.later(() => udp.close());
  /** A stranger's whole life: what it says, in pieces. */
  const visit = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect(relay.port, '127.0.0.1');
      const end = setTimeout(() => socket.destroy(), 250);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearTimeout(end);
        resolve();
      });
      socket.write(mutator.below(3) === 0 ? mutator.from(requests) : (requests[0] as Uint8Array));
      socket.once('data', () => {
        for (let n = mutator.below(6); n >= 0; n--)
          socket.write(mutator.below(3) === 0 ? mutator.of(frames) : mutator.from(frames));
      });
    });
  let visits = 0;
  for (const until = performance.now() + seconds * 1_000; performance.now() < until;) {
    for (let n = 0; n < 16; n++) udp.send(mutator.from(datagrams), relay.port, '127.0.0.1');
    await Promise.all(Array.from({ length: 8 }, visit));
    visits += 8;
  }
  console.log(`${visits} visits in ${seconds} s, seed ${seed}`);
  expect(visits).toBeGreaterThan(8);
  // Its members did not notice, and others come in.
  expect(member.downs).toEqual([]);
  const other = await kit.client(network.node(2), relay.fact).up();
  await until(() => member.presence.some(({ id, online }) => online && id === other.node.idText));
  expect(relay.server.clients).toBe(2);
  await sleep(0);
});

/** A node without an interface: what programs beside it ask for, and frames of members that its stack takes. */
import { parseExposure, parseForward, parseListen } from '../../../src/core/userspace/options.js';
import { destinationOf } from '../../../src/core/userspace/destination.js';
import { parseHttpProxyRequest } from '../../../src/core/userspace/http-connect.js';
import { parseSocksGreeting, parseSocksRequest } from '../../../src/core/userspace/socks5.js';
import { Stack } from '../../../src/core/userspace/stack.js';
import { FoundError, parser, textParser, type Target } from './target.js';

/** 'bad' and 'more' are answers as good as another. */
const within = (bytes: Uint8Array, parsed: unknown): unknown => {
  const used = (parsed as { readonly length?: number }).length;
  if (typeof parsed === 'object' && used !== undefined && used > bytes.length)
    throw new Error('more was used up than is there');
  return parsed;
};
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

const near = {
  network: 'lab',
  range: { base: 0x0a90_0000, prefix: 16 },
  prefix6: Uint8Array.from([0xfd, 1, 2, 3, 4, 5, 6, 7]),
  address: (name: string) => (name === 'web' ? '10.144.0.9' : undefined),
};

/** Leads nowhere but into the network, whatever the text. */
function destination(text: string): unknown {
  const found = destinationOf(text, near);
  if (typeof found === 'string') return found;
  const inside =
    found.length === 4
      ? found[0] === 10 && found[1] === 144
      : Buffer.compare(found.subarray(0, 8), near.prefix6) === 0;
  if (!inside) throw new Error(`outside: ${found.join('.')}`);
  return found;
}

/** Frames that were seen between two stacks with a connection. */
function conversation(): { frames: Uint8Array[]; target: Stack } {
  const frames: Uint8Array[] = [];
  let at = 0;
  const make = (n: number, output: (frame: Uint8Array) => void): Stack =>
    new Stack({
      mac: Uint8Array.of(2, 0, 0, 0, 0, n),
      ip: 0x0a90_0000 + n,
      prefix: 16,
      mtu: 1350,
      now: () => at,
      random: () => (at * 2_654_435_761) >>> 0,
      output,
      wake: () => undefined,
    });
  const queue: (() => void)[] = [];
  const a: Stack = make(1, (frame) => {
    const copy = frame.slice();
    frames.push(copy);
    queue.push(() => b.input(copy));
  });
  const b: Stack = make(2, (frame) => {
    const copy = frame.slice();
    queue.push(() => a.input(copy));
  });
  b.listen(80, (socket) => socket.on('error', () => undefined).resume());
  const socket = a.connect(Uint8Array.of(10, 144, 0, 2), 80);
  socket.on('error', () => undefined);
  socket.write(Buffer.alloc(5_000, 7));
  for (let i = 0; i < 200 && (queue.length > 0 || i < 20); i++) {
    at += 50;
    for (const step of queue.splice(0)) step();
    a.tick();
    b.tick();
  }
  // From here on nobody answers: the mutator does the talking.
  return { frames: frames.slice(0, 40), target: b };
}

/** A frame that traps ends the stack of a node, and all its connections. */
function stack(): Target {
  let { frames, target } = conversation();
  let turns = 0;
  return {
    name: 'userspace stack',
    weight: 4,
    run(mutator) {
      if (++turns % 5_000 === 0) ({ frames, target } = conversation());
      const frame = mutator.from(frames);
      try {
        target.input(frame);
      } catch (thrown) {
        throw new FoundError(frame, thrown);
      }
      return frame;
    },
  };
}

export const userspaceTargets = (): Target[] => [
  parser(
    'socks greeting',
    [Uint8Array.of(5, 1, 0), Uint8Array.of(5, 2, 0, 2), Uint8Array.of(5)],
    (bytes) => within(bytes, parseSocksGreeting(bytes)),
    4,
  ),
  parser(
    'socks request',
    [
      Uint8Array.of(5, 1, 0, 1, 10, 144, 0, 2, 0, 80),
      Uint8Array.of(5, 1, 0, 3, 3, 0x77, 0x65, 0x62, 0, 80),
      Uint8Array.from([5, 1, 0, 4, ...near.prefix6, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80]),
    ],
    (bytes) => within(bytes, parseSocksRequest(bytes)),
    8,
  ),
  parser(
    'http proxy request',
    [
      bytesOf('CONNECT web:443 HTTP/1.1\r\nHost: web:443\r\n\r\n'),
      bytesOf('GET http://web:8080/a?b HTTP/1.1\r\nHost: web\r\nProxy-Connection: close\r\n\r\n'),
      bytesOf('POST http://[fd01::1]/ HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc'),
    ],
    (bytes) => within(bytes, parseHttpProxyRequest(bytes)),
    8,
  ),
  textParser('proxy destination', ['web', 'web.lab.evio.', '10.144.3.4', 'fd01:203:405:607::9'], destination),
  textParser('listen address', ['1080', '127.0.0.1:1080', '[::1]:80'], (text) => parseListen(text) ?? null),
  textParser('forward', ['8080=web:80', '[::1]:80=[fd01::1]:443'], (text) => parseForward(text) ?? null),
  textParser('exposure', ['22', '80=127.0.0.1:8080'], (text) => parseExposure(text) ?? null),
  stack(),
];

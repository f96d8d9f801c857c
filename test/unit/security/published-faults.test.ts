/** Faults that others of this field had, and that no file of their room tests yet. docs/security.md has the whole table. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { methods } from '../../../src/core/control/methods.js';
import { keysFromSeed, signatureLength } from '../../../src/core/identity/keys.js';
import {
  ownerOf,
  signCertificate,
  encodeCredential,
  type Certificate,
} from '../../../src/core/identity/certificate.js';
import { nodeIdOf, nodeIdText } from '../../../src/core/identity/node-id.js';
import { toHex, utf8 } from '../../../src/core/lib/bytes.js';
import { consumeInitiation, createInitiation } from '../../../src/core/noise/ik.js';
import { mac1KeyOf, setMac1 } from '../../../src/core/noise/mac.js';
import { Arena } from '../../../src/core/native/arena.js';
import { Errno, libc, Socket } from '../../../src/core/native/libc.js';
import { bind } from '../../../src/core/native/symbols.js';
import { openUdpSocket } from '../../../src/core/native/udp-socket.js';
import { encodeGoodbye, parseControl } from '../../../src/core/wire/control.js';
import { parseGroups } from '../../../src/core/wire/groups.js';
import { parseInit, parseResponse } from '../../../src/core/wire/handshake.js';
import { Kind, PacketType, Suite } from '../../../src/core/wire/packet.js';
import { parseRing } from '../../../src/core/wire/ring.js';
import { parseToNode, parseToRelay } from '../../../src/core/wire/signal.js';
import { plainFrame } from '../../support/frames.js';
import {
  carryOver,
  endpointOf,
  fromDevice,
  indexOf,
  macOf,
  makeRig,
  sealFor,
} from '../../support/loop-rig.js';
import { flipped, keysOf, seededRandom } from '../noise/fixed.js';

const src = fileURLToPath(new URL('../../../src/', import.meta.url));
const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.tsx?$/.test(file))
  .map((file) => ({ file, text: readFileSync(`${src}${file}`, 'utf8') }));
const suites = [Suite.aes256gcm, Suite.chacha20poly1305] as const;

describe('a suite', () => {
  const responder = keysOf(2);
  const prologue = utf8('evio test');
  const initiation = (suite: Suite): Uint8Array =>
    createInitiation({
      suite,
      prologue,
      localStatic: keysOf(1),
      remoteStatic: responder.publicKey,
      payload: utf8('hello'),
      senderIndex: 7,
      random: seededRandom(3),
    }).packet;

  it('is one of two: no other number is a packet at all, none and null among them', () => {
    const packet = initiation(Suite.aes256gcm);
    const at = packet.findIndex((byte, i) => i > 0 && i < 4 && byte === Suite.aes256gcm);
    const readable: number[] = [];
    for (let suite = 0; suite < 256; suite++) {
      const other = packet.slice();
      other[at] = suite;
      if (parseInit(other)) readable.push(suite);
      const response = new Uint8Array(200);
      response.set([0x52, 0, 0, 0]);
      response[at] = suite;
      if (!suites.includes(suite as Suite)) expect(parseResponse(response)).toBeUndefined();
    }
    expect(readable).toEqual([1, 2]);
  });

  it.each(suites)(
    '%i cannot be talked down to another on the way, though who does so makes the mac anew',
    (suite) => {
      const local = { localStatic: responder, prologue, suites };
      expect(consumeInitiation(initiation(suite), local)?.suite).toBe(suite);
      for (const other of suites) {
        if (other === suite) continue;
        const packet = initiation(suite);
        const at = packet.findIndex((byte, i) => i > 0 && i < 4 && byte === suite);
        packet[at] = other;
        setMac1(packet, mac1KeyOf(responder.publicKey));
        expect(parseInit(packet)?.suite).toBe(other);
        expect(consumeInitiation(packet, local)).toBeUndefined();
      }
    },
  );

  it('that a node does not offer is refused, though the packet is genuine', () => {
    const only = { localStatic: responder, prologue, suites: [Suite.chacha20poly1305] };
    expect(consumeInitiation(initiation(Suite.aes256gcm), only)).toBeUndefined();
    expect(consumeInitiation(initiation(Suite.chacha20poly1305), only)).toBeDefined();
  });
});

describe('a node id', () => {
  const keys = keysFromSeed(new Uint8Array(32).fill(9));

  it('is 128 bits of a hash over the whole key: each bit of the key changes half of it', () => {
    const id = nodeIdOf(keys.publicKey);
    expect(id.length).toBe(16);
    let changed = 0;
    const seen = new Set([toHex(id)]);
    for (let bit = 0; bit < 256; bit++) {
      const other = nodeIdOf(flipped(keys.publicKey, bit));
      seen.add(toHex(other));
      other.forEach((byte, i) => {
        for (let x = byte ^ (id[i] as number); x > 0; x >>= 1) changed += x & 1;
      });
    }
    expect(seen.size).toBe(257);
    expect(changed / 256 / 128).toBeGreaterThan(0.45);
    expect(changed / 256 / 128).toBeLessThan(0.55);
  });

  it('is never carried by a certificate: it follows from the key that signs it', () => {
    const certificate: Certificate = {
      nodeKey: keys.publicKey,
      name: 'n',
      ip: 0x0a90_0001,
      role: 1,
      rights: 0,
      tags: [],
      notBefore: 0,
      notAfter: 1,
    };
    const signed = signCertificate(certificate, keysFromSeed(new Uint8Array(32).fill(8)), keys);
    const nothing = new Uint8Array(0);
    expect(ownerOf(encodeCredential({ certificate: signed, invite: nothing, receipt: nothing }))).toBe(
      nodeIdText(nodeIdOf(keys.publicKey)),
    );
    expect(toHex(signed.subarray(0, -2 * signatureLength))).not.toContain(toHex(nodeIdOf(keys.publicKey)));
  });
});

describe('what another machine may call', () => {
  /** The numbers or names that a parser takes at all, over messages that are long enough for any of them. */
  const taken = (parse: (bytes: Uint8Array) => { type: string } | undefined): string[] => {
    const types = new Set<string>();
    for (let type = 0; type < 256; type++)
      for (let length = 1; length < 120; length++) {
        const bytes = new Uint8Array(length);
        bytes[0] = type;
        const message = parse(bytes);
        if (message) types.add(message.type);
      }
    return [...types].sort();
  };

  it('over a session is a list', () => {
    expect(taken(parseControl)).toEqual(['accept', 'goodbye', 'nat', 'offer', 'ping', 'pong']);
    expect(taken(parseRing)).toEqual([
      'beat',
      'introduce',
      'meet',
      'refuse',
      'seek',
      'sought',
      'table',
      'vouch',
      'whose',
    ]);
    expect(taken(parseGroups)).toEqual(['announce', 'ask', 'table']);
  });

  it.each(['constructor', '__proto__', 'toString', 'down', 'exec', 'hasOwnProperty'])(
    'over a relay, or at one, is a list without "%s"',
    (type) => {
      const text = JSON.stringify({ type, network: 'x', id: '00'.repeat(16), method: type });
      expect([parseToRelay(text), parseToNode(text)]).toEqual([undefined, undefined]);
    },
  );

  it('over the control socket is a list, for the owner alone', () => {
    for (const name of Object.keys(methods)) expect(name).toMatch(/^[a-zA-Z]+$/);
    expect(Object.hasOwn(methods, 'constructor')).toBe(false);
  });
});

describe('what ends a session', () => {
  const kinds = [Kind.control, Kind.frame];
  const goodbyes = [
    encodeGoodbye(),
    ...kinds.map((kind) => Uint8Array.of(kind, ...encodeGoodbye())),
    // In the form of a data packet of the session, not sealed, and sealed by another's key.
    ...kinds.map((kind) => Uint8Array.of(...header(2, 1), kind, ...encodeGoodbye(), ...new Uint8Array(16))),
    sealFor(3, 2, Uint8Array.of(Kind.control, ...encodeGoodbye())),
  ];

  /** Type, index of `to` for `from`, a counter. */
  function header(to: number, from: number): Uint8Array {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setInt32(0, PacketType.data, true);
    view.setInt32(4, indexOf(to, from), true);
    view.setUint32(12, 77);
    return bytes;
  }

  it('is a goodbye inside it, and none from outside', () => {
    const [a, b] = [makeRig(1), makeRig(2)];
    a.meet(2);
    b.meet(1);
    for (const bytes of goodbyes) {
      b.io.netIn.push({ bytes, from: endpointOf(1), segment: 0 });
      b.run();
    }
    expect(b.events.filter(({ type }) => type === 'control')).toEqual([]);
    expect(b.drops('short') + b.drops('unknown-index') + b.drops('bad-tag')).toBeGreaterThanOrEqual(3);
    a.io.deviceIn.push(fromDevice(plainFrame(macOf(2), macOf(1))));
    a.run();
    carryOver(a, b);
    expect(b.io.deviceOut.length).toBe(1);
    // The genuine one arrives, so the test can fail.
    b.io.netIn.push({
      bytes: sealFor(1, 2, Uint8Array.of(Kind.control, ...encodeGoodbye())),
      from: endpointOf(1),
      segment: 0,
    });
    b.run();
    expect(b.events.filter(({ type }) => type === 'control').length).toBe(1);
  });

  it('is nothing that ICMP says: a closed port, or a shorter path', () => {
    const c = libc();
    const arena = new Arena(4096);
    const socket = openUdpSocket({ host: '127.0.0.1', port: 0, ipv6: false, bufferBytes: 1 << 16 });
    const closed = openUdpSocket({ host: '127.0.0.1', port: 0, ipv6: false, bufferBytes: 1 << 16 });
    try {
      const to = arena.alloc(16);
      arena.view.setUint16(to, Socket.AF_INET, true);
      arena.view.setUint16(to + 2, closed.port);
      arena.view.setUint32(to + 4, 0x7f00_0001);
      c.close(closed.fd);
      const send = bind(
        'int64_t sendto(int fd, uintptr_t data, size_t length, int flags, uintptr_t to, uint32_t size)',
      );
      const data = arena.alloc(1400);
      for (let i = 0; i < 20; i++)
        expect(send(socket.fd, arena.base + data, 1400, 0, arena.base + to, 16)).toBe(1400);
      expect(c.read(socket.fd, arena.base + data, 100)).toBe(-1);
      expect(c.errno()).toBe(Errno.EAGAIN);
      const [value, length] = [arena.alloc(4), arena.alloc(4)];
      arena.view.setUint32(length, 4, true);
      c.getsockopt(
        socket.fd,
        Socket.IPPROTO_IP,
        Socket.IP_MTU_DISCOVER,
        arena.base + value,
        arena.base + length,
      );
      expect(arena.view.getInt32(value, true)).toBe(Socket.PMTUDISC_OMIT);
    } finally {
      c.close(socket.fd);
    }
  });
});

describe('a relay', () => {
  /** All that its code may take of modules that could open a connection: what listens, and what only looks. */
  const listeners = new Set(['createServer', 'createSocket', 'WebSocketServer', 'isIP', 'isIPv6', 'lookup']);
  const modules = /import\s+\{([^}]*)\}\s+from '(?:node:(?:net|http|https|http2|tls|dgram|dns)[^']*|ws)'/g;
  const relay = sources.filter(({ file }) => file.startsWith('rendezvous/'));

  it('dials nobody: its code has nothing to open a connection with', () => {
    let taken = 0;
    for (const { file, text } of relay) {
      expect(/\bfetch\(|import\('(node:|ws)|import \*|import \w+ from '(node:|ws)/.test(text), file).toBe(
        false,
      );
      for (const [, names = ''] of text.matchAll(modules))
        for (const name of names.split(',').map((word) => word.trim())) {
          if (name === '' || name.startsWith('type ')) continue;
          taken++;
          const there = name.split(' as ')[0] as string;
          expect(listeners.has(there) || text.includes(`import type {${names}}`), `${file}: ${name}`).toBe(
            true,
          );
        }
    }
    expect(taken).toBeGreaterThan(5);
  });
});

describe('a secret', () => {
  /** Names that hold one, compared by something that stops at the first byte that differs. */
  const secret = /((?<!\.)mac[12]?\b|tag\b|cookie|secret|seed\b|password|sharedKey|sendKey|receiveKey)/i;

  it('is compared in constant time', () => {
    const hasty: string[] = [];
    let comparisons = 0;
    for (const { file, text } of sources) {
      for (const [, args = ''] of text.matchAll(/\b(?:equalBytes|compareBytes)\(([^;{]*?)\)[;\s)]/g)) {
        comparisons++;
        if (secret.test(args)) hasty.push(`${file}: ${args}`);
      }
      for (const [line] of text.matchAll(/^.*\b(?:\.equals|Buffer\.compare)\(.*$/gm)) {
        if (secret.test(line)) hasty.push(`${file}: ${line.trim()}`);
      }
      if (/timingSafeEqual/.test(text)) expect(file).toBe('core/lib/bytes.ts');
    }
    expect(hasty).toEqual([]);
    expect(comparisons).toBeGreaterThan(8);
  });

  it('has its comparison where strangers can try: first and second mac, bind and bound of a relay', () => {
    const used = sources
      .filter(({ text }) => /\bequalSecret\(/.test(text))
      .map(({ file }) => file)
      .filter((file) => file !== 'core/lib/bytes.ts');
    expect(used).toEqual(expect.arrayContaining(['core/noise/mac.ts', 'core/wire/relay.ts']));
  });
});

import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/core/lib/bytes.js';
import {
  answerBinding,
  encodeBindingRequest,
  encodeBindingResponse,
  encodeUnknownAttributes,
  parseBindingRequest,
  parseBindingResponse,
  transactionKey,
  asksOtherPort,
} from '../../../src/core/wire/stun.js';

function bytes(hex: string): Uint8Array {
  const value = fromHex(hex.replaceAll(/\s/g, ''));
  if (!value) throw new Error(`not hex: ${hex}`);
  return value;
}

/** RFC 5769. */
const transactionId = 'b7e7a701bc34d686fa87dfae';
const sample = {
  request: `000100582112a442 ${transactionId}
    80220010 5354554e207465737420636c69656e74
    00240004 6e0001ff
    80290008 932ff9b151263b36
    00060009 6576746a3a68367659202020
    00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2
    80280004 e57a3bcf`,
  response4: `0101003c2112a442 ${transactionId}
    8022000b 7465737420766563746f7220
    00200008 0001a147e112a643
    00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7
    80280004 c07d4c96`,
  response6: `010100482112a442 ${transactionId}
    8022000b 7465737420766563746f7220
    00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9
    00080014 a382954e4be67bf11784c97c8292c275bfe3ed41
    80280004 c8fb0b4c`,
};
const mapped4 = { host: '192.0.2.1', port: 32853 };
const mapped6 = { host: '2001:db8:1234:5678:11:2233:4455:6677', port: 32853 };

/** Transaction id 00 01 … 0b. */
const plainId = Uint8Array.from({ length: 12 }, (_, i) => i);
const plainHex = toHex(plainId);

describe('RFC 5769 vectors', () => {
  it('2.1: an ICE request is understood, with what a binding does not know named', () => {
    const request = parseBindingRequest(bytes(sample.request));
    expect(request && transactionKey(request.transactionId)).toBe(transactionId);
    expect(request?.fingerprint).toBe(true);
    expect(request?.unknown).toEqual([0x0024]); // PRIORITY, of RFC 8445
  });
  it('2.2: IPv4 response', () => {
    const response = parseBindingResponse(bytes(sample.response4));
    expect(response).toEqual({ transactionId: bytes(transactionId), mapped: mapped4 });
  });
  it('2.3: IPv6 response', () => {
    const response = parseBindingResponse(bytes(sample.response6));
    expect(response).toEqual({ transactionId: bytes(transactionId), mapped: mapped6 });
  });
  it.each(Object.entries(sample))(
    '%s with a bit turned in any value or in the header is refused',
    (_name, hex) => {
      const good = bytes(hex);
      // Not in the type or length of an attribute: that can turn FINGERPRINT itself into something else.
      const positions = Array.from({ length: 20 }, (_, i) => i);
      for (let at = 20; at < good.length;) {
        const length = ((good[at + 2] as number) << 8) | (good[at + 3] as number);
        for (let i = 0; i < length; i++) positions.push(at + 4 + i);
        at += 4 + length + (-length & 3);
      }
      for (const position of positions) {
        for (let bit = 0; bit < 8; bit++) {
          const bad = good.slice();
          bad[position] = (bad[position] as number) ^ (1 << bit);
          expect(parseBindingRequest(bad) ?? parseBindingResponse(bad), `byte ${position}`).toBeUndefined();
        }
      }
    },
  );
});

describe('bytes of what is sent', () => {
  it.each([
    ['request', encodeBindingRequest(plainId, { fingerprint: false }), `000100002112a442${plainHex}`],
    [
      'request with fingerprint',
      encodeBindingRequest(plainId),
      `000100082112a442${plainHex}802800045b0ff6fc`,
    ],
    [
      'response to 192.0.2.1:32853',
      encodeBindingResponse(bytes(transactionId), mapped4),
      `0101000c2112a442${transactionId}002000080001a147e112a643`,
    ],
    [
      'response to an IPv6 source',
      encodeBindingResponse(bytes(transactionId), mapped6),
      `010100182112a442${transactionId}002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9`,
    ],
    [
      'response with software, padded',
      encodeBindingResponse(bytes(transactionId), mapped4, { software: 'evio' + '!' }),
      `010100182112a442${transactionId}802200056576696f21000000002000080001a147e112a643`,
    ],
    [
      'error 420 naming CHANGE-REQUEST',
      encodeUnknownAttributes(plainId, [3]),
      `011100102112a442${plainHex}0009000400000414000a000200030000`,
    ],
  ])('%s', (_name, message, hex) => {
    expect(toHex(message)).toBe(hex);
  });

  it('rebuilds the RFC 5769 IPv4 response but for its integrity attribute', () => {
    const built = encodeBindingResponse(bytes(transactionId), mapped4, { software: 'test vector' });
    // The RFC pads with spaces, we with zeros.
    expect(toHex(built).slice(40)).toBe('8022000b7465737420766563746f7200' + '002000080001a147e112a643');
  });
});

describe('binding', () => {
  it.each([mapped4, mapped6, { host: '::1', port: 0 }, { host: '255.255.255.255', port: 65535 }])(
    'tells $host:$port',
    (source) => {
      for (const fingerprint of [true, false]) {
        const answer = answerBinding(encodeBindingRequest(plainId, { fingerprint }), source);
        expect(answer && parseBindingResponse(answer)).toEqual({ transactionId: plainId, mapped: source });
      }
    },
  );

  it('writes an IPv4-mapped source as IPv4', () => {
    const answer = encodeBindingResponse(plainId, { host: '::ffff:192.0.2.1', port: 7 });
    expect(answer).toHaveLength(32);
    expect(parseBindingResponse(answer)).toEqual({
      transactionId: plainId,
      mapped: { host: '192.0.2.1', port: 7 },
    });
  });

  it('answers an unknown comprehension-required attribute with 420, an optional one with success', () => {
    const required = bytes(`000100082112a442${plainHex}0003000400000006`);
    const refused = answerBinding(required, mapped4);
    expect(refused && parseBindingResponse(refused)).toEqual({
      transactionId: plainId,
      error: { code: 420, reason: '' },
    });
    expect(refused && toHex(refused).endsWith('000a000200030000')).toBe(true);
    const optional = bytes(`000100082112a442${plainHex}fffe000400000006`);
    const granted = answerBinding(optional, mapped4);
    expect(granted && parseBindingResponse(granted)).toEqual({ transactionId: plainId, mapped: mapped4 });
  });

  it('answers neither responses, indications, other methods nor RFC 3489 requests', () => {
    const header = (type: string, cookie = '2112a442'): Uint8Array =>
      bytes(`${type}0000${cookie}${plainHex}`);
    expect(answerBinding(header('0001'), mapped4)).toBeDefined();
    for (const type of ['0101', '0111', '0011', '0003', '4001']) {
      expect(answerBinding(header(type), mapped4), type).toBeUndefined();
    }
    expect(answerBinding(header('0001', '2112a443'), mapped4)).toBeUndefined();
  });

  it('refuses wrong lengths: odd, short, long, running over', () => {
    const whole = bytes(`000100082112a442${plainHex}fffe000400000006`);
    expect(parseBindingRequest(whole)).toBeDefined();
    for (let n = 0; n < whole.length; n++) expect(parseBindingRequest(whole.subarray(0, n))).toBeUndefined();
    expect(parseBindingRequest(bytes(`000100082112a442${plainHex}fffe000500000006`))).toBeUndefined();
    expect(parseBindingRequest(bytes(`0001000c2112a442${plainHex}fffe000400000006`))).toBeUndefined();
    expect(parseBindingRequest(bytes(`000100042112a442${plainHex}fffe0004`))).toBeUndefined();
  });

  it('refuses an attribute behind a right FINGERPRINT', () => {
    const covered = `000100102112a442${plainHex}`;
    const checksum = ((crc32(bytes(covered)) ^ 0x5354554e) >>> 0).toString(16).padStart(8, '0');
    expect(parseBindingRequest(bytes(`${covered}80280004${checksum}8022000461626364`))).toBeUndefined();
    const alone = `000100082112a442${plainHex}`;
    const good = ((crc32(bytes(alone)) ^ 0x5354554e) >>> 0).toString(16).padStart(8, '0');
    expect(parseBindingRequest(bytes(`${alone}80280004${good}`))?.fingerprint).toBe(true);
  });

  it('takes the address of an old server from MAPPED-ADDRESS, and XOR-MAPPED-ADDRESS where both are', () => {
    const old = bytes(`010100182112a442${plainHex}0001000800010539c0000201 0004000800010d96c0000202`);
    expect(parseBindingResponse(old)).toEqual({
      transactionId: plainId,
      mapped: { host: '192.0.2.1', port: 1337 },
    });
    const both = bytes(`010100182112a442${transactionId}0001000800010539c0000209 002000080001a147e112a643`);
    expect(parseBindingResponse(both)).toMatchObject({ mapped: mapped4 });
  });

  it('discards a response without an address, of an unknown family, or with an attribute that must be understood', () => {
    for (const attributes of [
      '',
      '002000080003a147e112a643',
      '002000080002a147e112a643',
      '7fff0000002000080001a147e112a643',
    ]) {
      const length = (attributes.length / 2).toString(16).padStart(4, '0');
      expect(
        parseBindingResponse(bytes(`0101${length}2112a442${plainHex}${attributes}`)),
        attributes,
      ).toBeUndefined();
    }
  });

  it('brings room for the longest answer when it is asked to', () => {
    for (const fingerprint of [true, false]) {
      const request = encodeBindingRequest(plainId, { room: true, fingerprint });
      expect(parseBindingRequest(request)).toMatchObject({
        transactionId: plainId,
        fingerprint,
        unknown: [],
      });
      for (const source of [mapped4, mapped6])
        expect(answerBinding(request, source)?.length).toBeLessThanOrEqual(request.length);
    }
  });

  it('takes CHANGE-REQUEST for the port where there is another, and as unknown where there is none, or for the address', () => {
    const id = new Uint8Array(12).fill(4);
    const request = encodeBindingRequest(id, { changePort: true, room: true });
    const source = { host: '192.0.2.7', port: 9 };
    expect(asksOtherPort(request)).toBe(true);
    expect(asksOtherPort(encodeBindingRequest(id, { room: true }))).toBe(false);
    expect(parseBindingResponse(answerBinding(request, source, true) ?? request)).toMatchObject({
      mapped: source,
    });
    expect(parseBindingResponse(answerBinding(request, source) ?? request)).toMatchObject({
      error: { code: 420 },
    });
    const both = encodeBindingRequest(id, { changePort: true, fingerprint: false });
    both[both.length - 1] = 6;
    expect(asksOtherPort(both)).toBe(false);
    expect(parseBindingResponse(answerBinding(both, source, true) ?? both)).toMatchObject({
      error: { code: 420 },
    });
  });

  it('never answers with much more than it got', () => {
    expect(answerBinding(encodeBindingRequest(plainId), mapped4)).toHaveLength(28 + 12);
    expect(answerBinding(encodeBindingRequest(plainId), mapped6)).toHaveLength(28 + 24);
    for (const n of [1, 2, 3, 50, 300]) {
      let attributes = '';
      for (let kind = 0x4000; kind < 0x4000 + n; kind++) attributes += `${kind.toString(16)}0000`;
      const request = bytes(`0001${(4 * n).toString(16).padStart(4, '0')}2112a442${plainHex}${attributes}`);
      const answer = answerBinding(request, mapped4);
      expect(answer?.length).toBeLessThanOrEqual(request.length + 12);
    }
  });
});

const stunClient = spawnSync('turnutils_stunclient', ['-h'], { timeout: 5_000 }).error === undefined;

describe.skipIf(!stunClient)('coturn turnutils_stunclient', () => {
  it.each([
    ['udp4', '127.0.0.1'],
    ['udp6', '::1'],
  ] as const)('reads its reflexive address from a responder on %s', async (family, host) => {
    const socket = createSocket(family);
    const seen: string[] = [];
    socket.on('message', (message, from) => {
      const answer = answerBinding(message, { host: from.address, port: from.port });
      seen.push(`${from.address}:${from.port}`);
      if (answer) socket.send(answer, from.port, from.address);
    });
    await new Promise<void>((resolve) => socket.bind(0, host, resolve));
    try {
      const { port } = socket.address();
      const client = spawn('turnutils_stunclient', ['-p', String(port), host], { timeout: 10_000 });
      let said = '';
      client.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      client.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
      const status = await new Promise<number | null>((resolve) => client.on('close', resolve));
      expect(status, said).toBe(0);
      expect(seen.length).toBeGreaterThan(0);
      expect(said).toContain(`reflexive addr: ${seen[0]}`);
    } finally {
      socket.close();
    }
  });
});

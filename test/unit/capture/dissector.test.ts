/** The dissector with a key log, in the real tshark: what it opens is what was sealed, and nothing else is opened. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dissector } from '../../../src/capture/dissector.js';
import { keyLogHead, keyLogLine } from '../../../src/core/wire/key-log.js';
import { Kind, PacketType, Suite } from '../../../src/core/wire/packet.js';
import {
  interfaceBlock,
  LinkType,
  packetBlockLength,
  putPacketBlock,
  sectionBlock,
} from '../../../src/core/wire/pcapng.js';
import { need } from '../../support/need.js';
import { sealWith } from '../../support/sealed.js';

const hasTshark = (): boolean => need('tshark', spawnSync('tshark', ['--version']).status === 0);

const suites = [Suite.aes256gcm, Suite.chacha20poly1305] as const;
const member = new Uint8Array(16).fill(0xcd);
/** Bytes that look like chance. */
function bytes(seed: string, length: number): Buffer {
  const out: Buffer[] = [];
  for (let i = 0; 32 * i < length; i++) out.push(createHash('sha256').update(`${seed} ${i}`).digest());
  return Buffer.concat(out).subarray(0, length);
}

/** A frame of an EtherType that nobody knows, so that all of its payload is shown as it is. */
const frameOf = (payload: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from('02000000000102000000000288b5', 'hex'), payload]);

/** Raw IPv4 with UDP around it. */
function datagram(payload: Uint8Array): Buffer {
  const head = Buffer.from('450000000000400040110000c0000201c000020220002001', 'hex');
  const out = Buffer.concat([head, Buffer.alloc(4), payload]);
  out.writeUInt16BE(out.length, 2);
  out.writeUInt16BE(8 + payload.length, 24);
  return out;
}

function capture(payloads: readonly Uint8Array[]): Buffer {
  const face = { name: 'udp', description: '', mac: undefined, snapLength: 262_144, link: LinkType.ip };
  const blocks = payloads.map((payload) => {
    const packet = datagram(payload);
    const { length } = packet;
    const block = Buffer.alloc(packetBlockLength(length, undefined));
    const view = new DataView(block.buffer, block.byteOffset, block.length);
    const times = { seconds: 1, nanoseconds: 0 };
    block.set(
      packet,
      putPacketBlock(view, 0, { face: 0, ...times, captured: length, length, flags: 0 }, undefined),
    );
    return block;
  });
  return Buffer.concat([sectionBlock('test', 'test'), interfaceBlock(face), ...blocks]);
}

describe.skipIf(!hasTshark())('dissector with keys', () => {
  let folder: string;
  const at = (name: string): string => join(folder, name);
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'evio-dissector-'));
    writeFileSync(at('evio.lua'), dissector);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** A row of fields for each packet. */
  function read(
    payloads: readonly Uint8Array[],
    keys: string | undefined,
    fields: readonly string[],
  ): string[][] {
    writeFileSync(at('capture'), capture(payloads));
    if (keys !== undefined) writeFileSync(at('keys'), keys);
    const log = keys === undefined ? [] : ['-o', `evio.keylog_file:${at('keys')}`];
    const wanted = fields.flatMap((field) => ['-e', field]);
    const args = [
      '-X',
      `lua_script:${at('evio.lua')}`,
      ...log,
      '-r',
      at('capture'),
      '-T',
      'fields',
      '-E',
      'separator=|',
    ];
    const { stdout, stderr } = spawnSync('tshark', [...args, ...wanted], { encoding: 'utf8' });
    expect(stderr).not.toMatch(/lua.*error|evio\.lua/i);
    return stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split('|'));
  }

  it.each(suites)('opens packets of any length that suite %i sealed', (suite) => {
    const [key, index] = [bytes(`key ${suite}`, 32), 0x8765_4321];
    const lengths = [
      0, 1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 100, 127, 128, 129, 255, 256, 1_000, 1_337,
    ];
    const payloads = lengths.map((length) => bytes(`payload ${length}`, length));
    const counters = [0, 1, 0xffff_ffff, 0x1_0000_0000, 2 ** 45 + 3];
    const sealed = payloads.map((payload, i) =>
      sealWith(
        suite,
        key,
        { index, counter: counters[i % counters.length] as number },
        Buffer.concat([Buffer.of(Kind.frame), frameOf(payload)]),
      ),
    );
    const line = keyLogLine({ direction: 'receive', index, suite, key, member });
    const fields = ['evio.key.direction', 'evio.key.member', 'eth.type', 'data.data'];
    const rows = read(sealed, keyLogHead + line, fields);
    expect(rows).toEqual(
      payloads.map((payload) => ['receive', 'cd'.repeat(16), '0x88b5', payload.toString('hex')]),
    );
    // Without the key, with another, and changed by a bit anywhere.
    const none = payloads.map(() => ['', '', '', '']);
    expect(read(sealed, undefined, fields)).toEqual(none);
    const other = { direction: 'receive', index, suite, member } as const;
    expect(read(sealed, keyLogLine({ ...other, key: bytes('other', 32) }), fields)).toEqual(none);
    const [, , , , , , , , , , packet = new Uint8Array()] = sealed;
    const bent = [8, 15, 16, packet.length - 17, packet.length - 16, packet.length - 1].map((place) => {
      const copy = packet.slice();
      copy[place] = (copy[place] as number) ^ 0x10;
      return copy;
    });
    expect(read([packet, ...bent], line, ['evio.key.direction'])).toEqual([
      ['receive'],
      ...bent.map(() => ['']),
    ]);
  });

  it('opens what came by a relay, for another member, as a flood, in a train, and under an index that two chose', () => {
    const [suite, index] = [Suite.aes256gcm, 0x11];
    const keys = ['first', 'second', 'inner'].map((name) => bytes(name, 32)) as [Buffer, Buffer, Buffer];
    const logged = { direction: 'send', suite, member } as const;
    const log =
      keyLogLine({ ...logged, index, key: keys[0] }) +
      keyLogLine({ ...logged, index, key: keys[1] }) +
      keyLogLine({ ...logged, index: 0x22, key: keys[2] });
    const frame = (text: string, ...head: number[]): Buffer =>
      Buffer.concat([Buffer.from(head), frameOf(Buffer.from(text))]);
    const relayed = (inner: Uint8Array): Buffer =>
      Buffer.concat([Buffer.of(PacketType.relaySend, 0, 0, 0, 1, 2, 3, 4), member, inner]);
    const seal = (counter: number, plain: Uint8Array, key = keys[0]): Uint8Array =>
      sealWith(suite, key, { index, counter }, plain);
    const envelope = Buffer.concat([
      Buffer.of(Kind.transit, 32, 0),
      member,
      sealWith(suite, keys[2], { index: 0x22, counter: 1 }, frame('transit', Kind.frame)),
    ]);
    const flood = Buffer.concat([
      ...[Buffer.of(Kind.flood, 255, 0), Buffer.alloc(8 + 64), Buffer.of(2 << 5), Buffer.alloc(32)],
      ...[member, Buffer.alloc(10), frame('flood', Kind.frameChecksum)],
    ]);
    const train = [10, 11, 12].map((counter) =>
      seal(counter, frame(`train ${counter}`.padEnd(counter === 12 ? 0 : 40), Kind.frame)),
    );
    const hex = (text: string): string => Buffer.from(text).toString('hex');
    const rows = read(
      [
        relayed(seal(1, frame('relayed', Kind.frame))),
        seal(2, envelope),
        seal(3, flood),
        Buffer.concat(train),
        Buffer.concat(train.map(relayed)),
        seal(4, frame('at', Kind.frameChecksumAt, 34, 0, 16, 0), keys[1]),
        seal(5, Buffer.of(Kind.control, 1)),
        seal(6, new Uint8Array()),
      ],
      log,
      ['data.data', 'evio.kind'],
    );
    const texts = ['train 10'.padEnd(40), 'train 11'.padEnd(40), 'train 12'].map(hex).join();
    expect(rows).toEqual([
      [hex('relayed'), '0x00'],
      [hex('transit'), '0x20,0x00'],
      [hex('flood'), '0x23'],
      [texts, '0x00,0x00,0x00'],
      [texts, '0x00,0x00,0x00'],
      [hex('at'), '0x02'],
      ['', '0x10'],
      ['', ''],
    ]);
  });

  it('reads a key log whatever else is in it, and no line that is not whole', () => {
    const [suite, key, index] = [Suite.chacha20poly1305, bytes('late', 32), 5];
    const packet = sealWith(
      suite,
      key,
      { index, counter: 1 },
      Buffer.concat([Buffer.of(0), frameOf(Buffer.from('x'))]),
    );
    const line = keyLogLine({ direction: 'send', index, suite, key, member });
    const junk = [
      '',
      'send',
      'send 1 2 3 4',
      `send zz AES-256-GCM ${'0'.repeat(64)} 00`,
      'x'.repeat(100_000),
      '\0\xff',
    ];
    const half = line.slice(0, 50);
    expect(read([packet], `${junk.join('\n')}\n${half}`, ['data.data'])).toEqual([['']]);
    expect(read([packet], `${junk.join('\n')}\n${line}${half}`, ['data.data'])).toEqual([['78']]);
  });
});

/**
 * evio.json against the code, both ways. `npm run vectors` writes it anew: what it replaces stays, marked as old, as long as
 * it is still read.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/core/lib/bytes.js';
import { codecs, plain, revived, type Vector } from './codecs.js';
import { makeVectors } from './values.js';

const file = new URL('evio.json', import.meta.url);
interface VectorFile {
  readonly about: string;
  readonly vectors: readonly Vector[];
}

if (process.env['EVIO_WRITE_VECTORS'] === '1') {
  const about =
    'What evio puts on the wire and signs, from fixed seeds. `hex:` begins a byte string. See docs/protocol.md for the fields, test/vectors/codecs.ts for what the bytes of each kind are.';
  let before: readonly Vector[] = [];
  try {
    before = (JSON.parse(readFileSync(file, 'utf8')) as VectorFile).vectors;
  } catch {
    // The first time.
  }
  const made = makeVectors();
  const old = before.filter(({ kind, bytes }) => !made.some((v) => v.kind === kind && v.bytes === bytes));
  const vectors = [...made, ...old.map((vector) => ({ ...vector, old: true }))];
  writeFileSync(file, `${JSON.stringify({ about, vectors }, null, 1)}\n`);
}

/** Kinds of which a changed bit is noticed, wherever it is. */
const genuine = [
  ...['network', 'invite', 'receipt', 'statement', 'bind'],
  ...['flood', 'announcement', 'farewell', 'ticket'],
];

/** Protocols of others: their specifications have the vectors. */
const others = new Set(['dns.ts', 'igd.ts', 'port-mapping.ts', 'ssdp.ts', 'stun.ts', 'turn.ts']);

const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as VectorFile;
const bytesOf = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array(0);

describe('vectors', () => {
  it('are there for every kind', () => {
    expect([...new Set(vectors.map(({ kind }) => kind))].sort()).toEqual(Object.keys(codecs).sort());
  });

  it('are there for every encoder of evio, so that none changes unnoticed', () => {
    const text = ['codecs.ts', 'on-the-way.ts', '../../src/core/noise/ik.ts'].map((name) =>
      readFileSync(new URL(name, import.meta.url), 'utf8'),
    );
    const folder = new URL('../../src/core/wire/', import.meta.url);
    const missing = readdirSync(folder)
      .filter((name) => !others.has(name))
      .flatMap((name) => [
        ...readFileSync(new URL(name, folder), 'utf8').matchAll(/^export function (encode\w+)/gm),
      ])
      .map(([, name = '']) => name)
      .filter((name) => !text.some((one) => one.includes(name)));
    expect(missing).toEqual([]);
  });

  it.each(vectors.filter(({ old }) => old !== true))(
    '$kind $name: the value makes the bytes',
    ({ kind, value, bytes }) => {
      expect(toHex(codecs[kind]?.encode(revived(value)) ?? new Uint8Array(0))).toBe(bytes);
    },
  );

  it.each(vectors)('$kind $name: the bytes hold the value', ({ kind, value, bytes }) => {
    expect(plain(codecs[kind]?.decode(bytesOf(bytes), revived(value)))).toEqual(value);
  });

  it.each(vectors.filter(({ kind }) => genuine.includes(kind)))(
    '$kind $name: one bit turned is not genuine',
    ({ kind, value, bytes }) => {
      const changed = bytesOf(bytes);
      changed[changed.length - 20] = (changed[changed.length - 20] as number) ^ 1;
      let decoded: unknown;
      try {
        decoded = plain(codecs[kind]?.decode(changed, revived(value)));
      } catch {
        decoded = undefined;
      }
      expect(decoded).not.toEqual(value);
    },
  );
});

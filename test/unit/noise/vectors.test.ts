import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/core/lib/bytes.js';
import { systemRandom } from '../../../src/core/lib/env.js';
import { NoiseHandshake, type DhKeys } from '../../../src/core/noise/handshake.js';
import { patterns, type PatternName } from '../../../src/core/noise/patterns.js';
import { dhKeysFrom } from '../../../src/core/noise/suite.js';
import { NoiseTransport } from '../../../src/core/noise/transport.js';
import { Suite } from '../../../src/core/wire/packet.js';

interface Vector {
  handshake: string;
  prologue: string;
  init_static?: string;
  resp_static?: string;
  gen_init_ephemeral: string;
  gen_resp_ephemeral?: string;
  messages: { payload: string; ciphertext: string }[];
}

const file = new URL('../../vectors/noise.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: Vector[] };

function bytes(hex: string): Uint8Array {
  const value = fromHex(hex);
  if (!value) throw new Error(`not hex: ${hex}`);
  return value;
}

function keys(hex: string | undefined): DhKeys | undefined {
  return hex === undefined ? undefined : dhKeysFrom(bytes(hex));
}

/** The two sides of a vector, each given only what its pattern lets it know beforehand. */
function sides(vector: Vector): { initiator: NoiseHandshake; responder: NoiseHandshake; suite: Suite } {
  const [, name, cipher] = /^Noise_([A-Z]+)_25519_(AESGCM|ChaChaPoly)_BLAKE2s$/.exec(vector.handshake) ?? [];
  const pattern = name as PatternName;
  const suite = cipher === 'AESGCM' ? Suite.aes256gcm : Suite.chacha20poly1305;
  const initStatic = keys(vector.init_static);
  const respStatic = keys(vector.resp_static);
  const common = { pattern, suite, prologue: bytes(vector.prologue), random: systemRandom };
  const make = (initiator: boolean): NoiseHandshake => {
    const [own, other] = initiator ? [initStatic, respStatic] : [respStatic, initStatic];
    const known = initiator ? patterns[pattern].responderKnown : patterns[pattern].initiatorKnown;
    const ephemeral = keys(initiator ? vector.gen_init_ephemeral : vector.gen_resp_ephemeral);
    return new NoiseHandshake({
      ...common,
      initiator,
      ...(own && { staticKeys: own }),
      ...(known && other && { remoteStatic: other.publicKey }),
      ...(ephemeral && { ephemeral }),
    });
  };
  return { initiator: make(true), responder: make(false), suite };
}

describe('published Noise vectors', () => {
  it('cover every pattern with both ciphers', () => {
    const covered = new Set(vectors.map((vector) => vector.handshake));
    for (const name of Object.keys(patterns)) {
      expect(covered).toContain(`Noise_${name}_25519_AESGCM_BLAKE2s`);
      expect(covered).toContain(`Noise_${name}_25519_ChaChaPoly_BLAKE2s`);
    }
  });

  it.each(
    vectors.map((vector) => [`${vector.handshake} prologue=${vector.prologue || 'none'}`, vector] as const),
  )('%s', (_name, vector) => {
    const { initiator, responder, suite } = sides(vector);
    const queue = [...vector.messages];
    let writer = initiator;
    let reader = responder;
    while (!initiator.complete) {
      const step = queue.shift();
      if (!step) throw new Error('the vector ended before the handshake');
      const message = writer.writeMessage(bytes(step.payload));
      expect(toHex(message)).toBe(step.ciphertext);
      const read = reader.readMessage(message);
      expect(read && toHex(read.payload)).toBe(step.payload);
      [writer, reader] = [reader, writer];
    }
    expect(responder.complete).toBe(true);
    expect(toHex(initiator.hash)).toBe(toHex(responder.hash));

    // The vector's transport messages: the first by the initiator, the second by the responder.
    expect(queue).toHaveLength(2);
    const ends = [
      NoiseTransport.fromKeys(suite, initiator.split()),
      NoiseTransport.fromKeys(suite, responder.split()),
    ];
    queue.forEach((step, i) => {
      const [from, to] = (i === 0 ? ends : [...ends].reverse()) as [NoiseTransport, NoiseTransport];
      const sealed = from.seal(bytes(step.payload));
      expect(toHex(sealed)).toBe(step.ciphertext);
      expect(toHex(to.open(sealed) ?? new Uint8Array(1))).toBe(step.payload);
    });
  });
});

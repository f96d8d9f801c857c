import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/core/lib/bytes.js';
import {
  beaconKey,
  beaconLength,
  echoRoom,
  parseBeacon,
  sealBeacon,
  type Beacon,
} from '../../../src/core/wire/beacon.js';
import { cardLimit } from '../../../src/core/wire/ring.js';
import { SeededRandom } from '../../support/virtual.js';

const key = beaconKey(new Uint8Array(32).fill(1));
const random = new SeededRandom(5);
const eight = (fill: number): Uint8Array => new Uint8Array(8).fill(fill);
const beacon: Beacon = {
  challenge: eight(1),
  echoes: [eight(2), eight(3)],
  card: new Uint8Array(400).fill(9),
};

describe('a beacon', () => {
  it('is read by whoever knows the root key, and by nobody else', () => {
    const sealed = sealBeacon(beacon, key, random);
    expect(parseBeacon(sealed, key)).toEqual(beacon);
    expect(parseBeacon(sealed, beaconKey(new Uint8Array(32).fill(2)))).toBeUndefined();
  });

  it('has one length whatever is in it, and nothing that two of one member have in common', () => {
    const short = sealBeacon({ challenge: eight(1), echoes: [], card: new Uint8Array(0) }, key, random);
    const [one, two] = [sealBeacon(beacon, key, random), sealBeacon(beacon, key, random)];
    expect([short.length, one.length]).toEqual([beaconLength, beaconLength]);
    const same = one.filter((byte, at) => byte === two[at]).length;
    expect(same).toBeLessThan(beaconLength / 16);
    expect(toHex(one)).not.toContain(toHex(beacon.card.subarray(0, 8)));
  });

  it('is refused when a single bit is another, and when it is cut or longer', () => {
    const sealed = sealBeacon(beacon, key, random);
    for (let at = 0; at < beaconLength; at += 41) {
      const bent = sealed.slice();
      bent[at] = (bent[at] as number) ^ 1;
      expect(parseBeacon(bent, key), `byte ${at}`).toBeUndefined();
    }
    expect(parseBeacon(sealed.subarray(1), key)).toBeUndefined();
    expect(parseBeacon(Uint8Array.of(...sealed, 0), key)).toBeUndefined();
  });

  it('has room for ten echoes beside the longest card, and leaves out what has none', () => {
    const card = new Uint8Array(cardLimit).fill(7);
    expect(echoRoom(card)).toBe(10);
    const echoes = Array.from({ length: 30 }, (_, i) => eight(i));
    const read = parseBeacon(sealBeacon({ challenge: eight(1), echoes, card }, key, random), key);
    expect(read).toEqual({ challenge: eight(1), echoes: echoes.slice(0, 10), card });
    expect(() =>
      sealBeacon({ challenge: eight(1), echoes, card: new Uint8Array(cardLimit + 1) }, key, random),
    ).toThrow(RangeError);
  });
});

/**
 * Ways in which an attacker may change a frame: tags, headers, options, lengths, addresses, any byte. Members 1, 2 and 3 are
 * those of loop-rig; 1 is the attacker.
 */
import { linkLocalOf } from './frames.js';
import { honest, hostile, victimUla } from './hostile-frames.js';
import { ipOf, macOf } from './loop-rig.js';

/** IPv4 address of a member, 4 bytes. */
export const ip4 = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(ipOf(n)).buffer).reverse();

const own = macOf(1);
const others = [macOf(2), macOf(3)];

/** xorshift32: a failure names its seed. */
export class Dice {
  #x: number;
  constructor(seed: number) {
    this.#x = seed | 1;
  }
  below(n: number): number {
    this.#x ^= this.#x << 13;
    this.#x ^= this.#x >>> 17;
    this.#x ^= this.#x << 5;
    return (this.#x >>> 0) % n;
  }
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

const put = (frame: Uint8Array, at: number, bytes: readonly number[] | Uint8Array): Uint8Array => {
  if (at < 0 || at + bytes.length > frame.length) return frame;
  const copy = frame.slice();
  copy.set(bytes, at);
  return copy;
};
const insert = (frame: Uint8Array, at: number, bytes: readonly number[]): Uint8Array =>
  at > frame.length ? frame : Uint8Array.from([...frame.subarray(0, at), ...bytes, ...frame.subarray(at)]);
const word = (n: number): number[] => [(n >> 8) & 255, n & 255];

/** Where the type stands behind the tags, as an attacker would count. */
function typeAt(frame: Uint8Array): number {
  let at = 12;
  while (at + 4 < frame.length && [0x81, 0x88, 0x91].includes(frame[at] as number)) at += 4;
  return at;
}

const addresses = [ip4(1), ip4(2), ip4(3), Uint8Array.of(0, 0, 0, 0), Uint8Array.of(224, 0, 0, 1)];
const addresses6 = [
  linkLocalOf(own),
  ...others.map(linkLocalOf),
  victimUla,
  new Uint8Array(16),
  Uint8Array.of(0xfd, ...new Array<number>(14).fill(0), 9),
];
const macs = [own, ...others];
const types = [0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8, 0x9100, 0x8035, 0x88b5, 0x0040];
const nexts = [0, 6, 17, 43, 44, 50, 51, 58, 59, 60, 135, 139, 140, 41, 253];

const extension = (dice: Dice, next: number): number[] => {
  const words = dice.below(3);
  return [
    next,
    dice.of([words, words, 0, 255]),
    ...new Array<number>(6 + 8 * words).fill(0).map(() => dice.of([0, 1, 0, 5, 0xc9])),
  ];
};

/** Ways to change a frame: each what an attacker may try. */
const changes: readonly ((frame: Uint8Array, dice: Dice) => Uint8Array)[] = [
  // Tags, of every type, some of a VLAN, some cut.
  (f, d) =>
    insert(
      f,
      12,
      Array.from({ length: 1 + d.below(4) }, () => [
        ...word(d.of([0x8100, 0x8100, 0x88a8, 0x9100])),
        ...word(d.of([0, 0, 0xe000, 5])),
      ]).flat(),
    ),
  (f, d) => put(f, typeAt(f), word(d.of(types))),
  // Extension headers, with the chain mended.
  (f, d) => {
    const at = typeAt(f);
    if (f[at] !== 0x86 || at + 42 > f.length) return f;
    const kind = d.of([0, 43, 60, 51, 44, 135, 139, 140]);
    const header =
      kind === 44
        ? [f[at + 8] as number, 0, ...word(d.of([0, 1, 8, 9])), 0, 0, 0, d.below(4)]
        : extension(d, f[at + 8] as number);
    const longer = insert(f, at + 42, header);
    const size = ((f[at + 6] as number) << 8) | (f[at + 7] as number);
    return put(put(longer, at + 8, [kind]), at + 6, word(size + header.length));
  },
  (f, d) => put(f, typeAt(f) + 8, [d.of(nexts)]),
  // Lengths.
  (f, d) => put(f, typeAt(f) + d.of([4, 6]), word(d.of([0, 8, 20, f.length - 14, f.length, d.below(200)]))),
  (f, d) => f.slice(0, 12 + d.below(f.length)),
  (f, d) => Uint8Array.from([...f, ...new Array<number>(d.below(20)).fill(d.below(3))]),
  // Addresses where addresses are.
  (f, d) => put(f, typeAt(f) + d.of([10, 10, 16, 26]), d.of(macs)),
  (f, d) => put(f, typeAt(f) + d.of([14, 16]), d.of(addresses)),
  (f, d) => put(f, typeAt(f) + d.of([10, 10, 50, 58]), d.of(addresses6)),
  // Options of neighbour discovery.
  (f, d) => {
    const at = typeAt(f);
    const option = [d.of([1, 2, 14]), d.of([1, 1, 1, 2, 0]), ...d.of(macs)];
    const size = ((f[at + 6] as number) << 8) | (f[at + 7] as number);
    return f[at] === 0x86 ? put(Uint8Array.from([...f, ...option]), at + 6, word(size + 8)) : f;
  },
  // LLC.
  (f, d) =>
    insert(f, 12, [
      ...word(f.length),
      ...d.of([
        [0xaa, 0xaa, 3, 0, 0, 0],
        [0xaa, 0xaa, 3, 0, 0, 0xf8],
        [0xab, 0xaa, 3, 0, 0, 0],
        [6, 6, 3],
        [0x98, 0x98, 3],
      ]),
    ]),
  // Ports, types, protocols, and any byte.
  (f, d) => put(f, typeAt(f) + d.of([22, 24, 42, 44]), word(d.of([67, 68, 546, 547, 9]))),
  (f, d) => put(f, typeAt(f) + 11, [d.of([1, 2, 6, 17, 47, 51])]),
  (f, d) => put(f, typeAt(f) + d.of([22, 42, 50]), [d.of([5, 8, 9, 133, 134, 135, 136, 137])]),
  (f, d) => put(f, 12 + d.below(80), [d.below(256)]),
  (f, d) => put(f, 12 + d.below(80), [d.below(256)]),
];

const seeds = [...honest, ...hostile].map(({ frame }) => frame).filter((frame) => frame.length >= 14);

/** One of the frames that the guard is tested with, or of `more`, changed one to four times. */
export function changedFrame(dice: Dice, more: readonly Uint8Array[] = []): Uint8Array {
  const at = dice.below(seeds.length + more.length);
  let frame = (seeds[at] ?? more[at - seeds.length]) as Uint8Array;
  for (let n = 1 + dice.below(4); n > 0; n--) frame = dice.of(changes)(frame, dice);
  return frame;
}

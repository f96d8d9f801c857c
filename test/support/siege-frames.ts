/** Frames of the guard's tests for a network that runs: the fixed members of loop-rig become real ones, and checksums hold. */
import { linkLocalOf, sum16 } from './frames.js';
import { changedFrame, type Dice } from './frame-changes.js';
import { ipOf, macOf } from './loop-rig.js';

/** A member as frames name it. */
export interface Actor {
  /** 6 bytes. */
  readonly mac: Uint8Array;
  /** Unsigned 32 bits. */
  readonly ip: number;
}

const quad = (ip: number): Uint8Array => Uint8Array.of(ip >>> 24, ip >>> 16, ip >>> 8, ip);

/** What stands for the members 1, 2 and 3, and what is put there; longest first, so that no part of one is taken for another. */
function exchanges(cast: readonly [Actor, Actor, Actor]): [Buffer, Uint8Array][] {
  const of = (pick: (n: number, actor: Actor) => [Uint8Array, Uint8Array]): [Buffer, Uint8Array][] =>
    cast.map((actor, i) => {
      const [from, to] = pick(i + 1, actor);
      return [Buffer.from(from), to];
    });
  return [
    ...of((n, { mac }) => [linkLocalOf(macOf(n)).subarray(8), linkLocalOf(mac).subarray(8)]),
    ...of((n, { mac }) => [macOf(n), mac]),
    ...of((n, { ip }) => [quad(ipOf(n)), quad(ip)]),
  ];
}

/** The frame with the first actor in the place of member 1, and so on. */
function played(frame: Uint8Array, list: readonly [Buffer, Uint8Array][]): Uint8Array {
  const out = Buffer.from(frame);
  const done = new Uint8Array(out.length);
  for (const [from, to] of list) {
    for (let at = out.indexOf(from); at >= 0; at = out.indexOf(from, at + 1)) {
      if (done.subarray(at, at + from.length).some((taken) => taken === 1)) continue;
      out.set(to, at);
      done.fill(1, at, at + from.length);
    }
  }
  return out;
}

/** Sets the checksums that a host looks at before it believes a frame, as far as the frame can be read. In place. */
function mend(frame: Uint8Array): void {
  let at = 12;
  while (at + 4 < frame.length && [0x81, 0x88, 0x91].includes(frame[at] as number)) at += 4;
  const type = ((frame[at] ?? 0) << 8) | (frame[at + 1] ?? 0);
  const ip = at + 2;
  if (type === 0x0800 && ip + 20 <= frame.length) {
    frame.set([0, 0], ip + 10);
    const sum = ~sum16(frame.subarray(ip, ip + 20)) & 0xffff;
    frame.set([sum >> 8, sum & 255], ip + 10);
  }
  if (type !== 0x86dd || ip + 44 > frame.length) return;
  let next = frame[ip + 6] as number;
  let body = ip + 40;
  for (let n = 0; n < 12 && [0, 43, 60, 135].includes(next) && body + 8 <= frame.length; n++) {
    next = frame[body] as number;
    body += 8 * ((frame[body + 1] as number) + 1);
  }
  if (next !== 58 || body + 4 > frame.length) return;
  frame.set([0, 0], body + 2);
  const message = frame.subarray(body);
  const sum = ~sum16(message, sum16(frame.subarray(ip + 8, ip + 40), 58 + message.length)) & 0xffff;
  frame.set([sum >> 8, sum & 255], body + 2);
}

/**
 * So many frames that `attacker` sends against two of the victims each, for raw-file.mjs: length (2 bytes, little endian)
 * and bytes of each.
 */
export function siegeFrames(
  attacker: Actor,
  victims: readonly Actor[],
  count: number,
  dice: Dice,
  longest: number,
): Uint8Array {
  const lists = victims.flatMap((to) =>
    victims.filter((other) => other !== to).map((other) => exchanges([attacker, to, other])),
  );
  const parts: Uint8Array[] = [];
  for (let made = 0; made < count;) {
    const frame = played(changedFrame(dice), dice.of(lists)).subarray(0, longest);
    if (frame.length < 14) continue;
    mend(frame);
    parts.push(Uint8Array.of(frame.length & 255, frame.length >> 8), frame);
    made++;
  }
  return Buffer.concat(parts);
}

/**
 * Datagrams by the thousand a second that no relay takes, initiations of handshakes above all: each would wake the forwarding
 * thread to be dropped there. While they come, the kernel drops them before the socket (native/socket-filter.ts). What a relay
 * takes (packets of members, binds, STUN) is not touched. Every ten seconds it looks anew whether they still come.
 */
import { attachFilter, detachFilter, type FilterInstruction } from '../../core/native/socket-filter.js';
import { looksLikeStun, PacketType } from '../../core/wire/packet.js';

/** So many a second cost a few hundredths of a processor. */
export const foreignPerSecond = 2_000;
const lookMs = 250;
const holdMs = 10_000;

/** Loads the first byte behind the UDP header; passes what a relay takes. */
const foreignFilter: readonly FilterInstruction[] = [
  [0x30, 0, 0, 8],
  [0x15, 2, 0, PacketType.relaySend],
  [0x15, 1, 0, PacketType.relayBind],
  [0x25, 1, 0, 3],
  [0x06, 0, 0, 0xffff_ffff],
  [0x06, 0, 0, 0],
];

/** True for a first byte of nothing that a relay takes. */
export function isForeign(type: number): boolean {
  return type !== PacketType.relaySend && type !== PacketType.relayBind && !looksLikeStun(type);
}

export class ForeignFilter {
  readonly #fd: number;
  #count = 0;
  #since = 0;
  /** Time at which the filter goes; Infinity when there is none. */
  #until = Infinity;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** One more of them came in. */
  count(nowMs: number): void {
    this.#count++;
    const ms = nowMs - this.#since;
    if (ms < lookMs) return;
    // After a rest the first one tells nothing of a rate.
    const perSecond = ms > 4 * lookMs ? 0 : (this.#count * 1_000) / ms;
    this.#count = 0;
    this.#since = nowMs;
    if (perSecond > foreignPerSecond && attachFilter(this.#fd, foreignFilter)) this.#until = nowMs + holdMs;
  }

  /** To be called now and then. */
  tick(nowMs: number): void {
    if (nowMs < this.#until) return;
    this.#until = Infinity;
    detachFilter(this.#fd);
  }
}

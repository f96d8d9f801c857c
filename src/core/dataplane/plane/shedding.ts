/**
 * Strangers' initiations by the ten thousand a second, each of which would wake the packet thread to be dropped there. While
 * they last, the kernel drops most of them before our socket (native/socket-filter.ts): as many as leave so many a second, by
 * chance, since nothing else tells one stranger from another. Initiations from where peers are all pass: sessions live on. Data,
 * answers and STUN are not touched. An honest stranger, who repeats, comes in a little later.
 */
import { addressBytes } from '../../lib/endpoint.js';
import {
  attachFilter,
  detachFilter,
  maxInstructions,
  type FilterInstruction,
} from '../../native/socket-filter.js';
import { PacketType } from '../../wire/packet.js';

/** Initiations that may come in a second while most are dropped: far more than are answered without a cookie. */
export const shedToPerSecond = 200;
/** The share that passes is set again this often, ms, and the filter goes when it has no reason any more. */
const lookMs = 1_000;
const leastShare = 1 / 1_024;

const Bpf = {
  byte: 0x30,
  word: 0x20,
  jump: 0x05,
  equal: 0x15,
  greater: 0x25,
  and: 0x54,
  give: 0x06,
} as const;
/** `SKF_NET_OFF` and `SKF_AD_OFF + SKF_AD_RANDOM`. */
const networkHeader = -0x10_0000;
const random = -0x1000 + 56;
const udpHeader = 8;
/** Addresses that a filter has room for. */
export const maxAddresses = Math.floor((maxInstructions - 16) / 2);

/**
 * The filter: initiations pass by chance, or when their source is one of these IP addresses; everything else passes. It sees
 * the packet from the UDP header on.
 *
 * @param share of strangers' initiations that pass, from 0 to 1
 */
export function sheddingFilter(share: number, hosts: readonly string[]): FilterInstruction[] {
  const pass: FilterInstruction = [Bpf.give, 0, 0, 0xffff_ffff];
  const of = (six: boolean): FilterInstruction[] =>
    hosts.flatMap((host) => {
      const bytes = addressBytes(host);
      if (!bytes || host.includes(':') !== six) return [];
      // The last word of an IPv6 address is enough: this is about load.
      const last = new DataView(bytes.buffer, bytes.byteOffset).getUint32(12);
      return [[Bpf.equal, 0, 1, last], pass];
    });
  const [four, six] = [of(false), of(true)];
  const chance: FilterInstruction[] = [
    [Bpf.word, 0, 0, random],
    [Bpf.greater, 0, 1, Math.min(0xffff_ffff, Math.floor(share * 0x1_0000_0000))],
    [Bpf.give, 0, 0, 0],
    pass,
  ];
  return [
    [Bpf.byte, 0, 0, udpHeader],
    [Bpf.equal, 1, 0, PacketType.handshakeInit],
    pass,
    [Bpf.byte, 0, 0, networkHeader],
    [Bpf.and, 0, 0, 0xf0],
    [Bpf.equal, 0, 1, 0x60],
    [Bpf.jump, 0, 0, 2 + four.length],
    [Bpf.word, 0, 0, networkHeader + 12],
    ...four,
    [Bpf.jump, 0, 0, 1 + six.length],
    [Bpf.word, 0, 0, networkHeader + 20],
    ...six,
    ...chance,
  ];
}

export interface SheddingPorts {
  /** Descriptors of the UDP sockets. */
  sockets(): readonly number[];
  /** Initiations that came in so far, by all threads. */
  arrived(): number;
  /** Where the peers are, IP addresses: those of the most important first. */
  hosts(): readonly string[];
  log(share: number | null): void;
}

export class Shedding {
  readonly #ports: SheddingPorts;
  #share = 1;
  #before = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(ports: SheddingPorts) {
    this.#ports = ports;
  }

  /** Most of them are dropped now. */
  get active(): boolean {
    return this.#timer !== undefined;
  }

  /** More initiations come than may be looked at, `perSecond` of them. To be told as often as it is so. */
  begin(perSecond: number): void {
    if (this.#timer) return;
    this.#before = this.#ports.arrived();
    this.#timer = setInterval(() => {
      this.#look();
    }, lookMs);
    this.#timer.unref();
    this.#set(shedToPerSecond / perSecond);
  }

  stop(): void {
    if (!this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#share = 1;
    for (const fd of this.#ports.sockets()) detachFilter(fd);
    this.#ports.log(null);
  }

  #look(): void {
    const arrived = this.#ports.arrived();
    const offered = ((arrived - this.#before) / this.#share) * (1_000 / lookMs);
    this.#before = arrived;
    // Below that, the limits behind the socket do.
    if (offered < 2 * shedToPerSecond) this.stop();
    else this.#set(shedToPerSecond / offered);
  }

  #set(share: number): void {
    this.#share = Math.min(1, Math.max(leastShare, share));
    const filter = sheddingFilter(this.#share, this.#ports.hosts().slice(0, maxAddresses));
    for (const fd of this.#ports.sockets()) attachFilter(fd, filter);
    this.#ports.log(this.#share);
  }
}

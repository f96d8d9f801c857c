/**
 * Addresses of the members, by IPv4 and by MAC: what neighbour answers and the guard look things up in.
 * Open addressing over typed arrays; rebuilt as a whole when the roster changes, so nothing is ever deleted.
 */

/** One member's addresses. */
export interface MemberAddress {
  /** IPv4 address as an unsigned 32-bit number. */
  readonly ip: number;
  /** 6 bytes. */
  readonly mac: Uint8Array;
}

function mix(value: number): number {
  const x = Math.imul(value ^ (value >>> 16), 0x45d9f3b);
  return x ^ (x >>> 15);
}

export class MemberTable {
  #mask = 15;
  #byIp = new Int32Array(16).fill(-1);
  #byMac = new Int32Array(16).fill(-1);
  #ip = new Int32Array(0);
  #high = new Int32Array(0);
  #low = new Int32Array(0);

  get size(): number {
    return this.#ip.length;
  }

  /** Replaces everything. Of two members with one address the first stays. */
  replace(members: readonly MemberAddress[]): void {
    let capacity = 16;
    while (capacity < members.length * 2) capacity *= 2;
    this.#mask = capacity - 1;
    this.#byIp = new Int32Array(capacity).fill(-1);
    this.#byMac = new Int32Array(capacity).fill(-1);
    this.#ip = new Int32Array(members.length);
    this.#high = new Int32Array(members.length);
    this.#low = new Int32Array(members.length);
    members.forEach((member, i) => {
      const mac = new DataView(member.mac.buffer, member.mac.byteOffset, member.mac.length);
      const ip = member.ip | 0;
      const high = mac.getUint16(0);
      const low = mac.getInt32(2);
      this.#ip[i] = ip;
      this.#high[i] = high;
      this.#low[i] = low;
      if (this.findIp(ip) < 0) this.#put(this.#byIp, mix(ip), i);
      if (this.findMac(high, low) < 0) this.#put(this.#byMac, mix(low ^ high), i);
    });
  }

  #put(table: Int32Array, hash: number, index: number): void {
    let at = hash & this.#mask;
    while (table[at] !== -1) at = (at + 1) & this.#mask;
    table[at] = index;
  }

  /** Index of the member with this address (signed 32 bits), or -1. */
  findIp(ip: number): number {
    for (let at = mix(ip) & this.#mask; ; at = (at + 1) & this.#mask) {
      const index = this.#byIp[at] as number;
      if (index < 0 || this.#ip[index] === ip) return index;
    }
  }

  findMac(high: number, low: number): number {
    for (let at = mix(low ^ high) & this.#mask; ; at = (at + 1) & this.#mask) {
      const index = this.#byMac[at] as number;
      if (index < 0 || (this.#low[index] === low && this.#high[index] === high)) return index;
    }
  }

  /** A member's IPv4 address, signed. */
  ip(index: number): number {
    return this.#ip[index] as number;
  }

  /** Upper 2 bytes of a member's MAC. */
  high(index: number): number {
    return this.#high[index] as number;
  }

  /** Lower 4 bytes of a member's MAC, signed. */
  low(index: number): number {
    return this.#low[index] as number;
  }
}

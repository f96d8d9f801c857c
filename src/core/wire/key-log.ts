/**
 * Session keys as lines of text, for a dissector that opens what was captured (`evio capture --keys`). The idea is that of the
 * files that TLS libraries (SSLKEYLOGFILE) and Wireshark's dissector of WireGuard have: one line for each key, in no order.
 *
 *   direction  index     cipher       key                 member
 *   receive    1f0a0003  AES-256-GCM  64 hex. digits      32 hex. digits
 *
 *   direction   of the packets, as the node sees it: `receive` or `send`
 *   index       their receiver index, 8 hexadecimal digits; two members may have chosen the same one
 *   cipher      `AES-256-GCM` or `ChaCha20-Poly1305`
 *   key         32 bytes
 *   member      node id of the other end
 *
 * One space between the fields, a line feed at the end. Lines that begin with `#` are for people.
 */
import { toHex } from '../lib/bytes.js';
import { Suite } from './packet.js';

export const keyLogHead =
  '# evio key log 1: whoever has it can read the packets that were sealed with these keys\n';

const ciphers: Record<Suite, string> = {
  [Suite.aes256gcm]: 'AES-256-GCM',
  [Suite.chacha20poly1305]: 'ChaCha20-Poly1305',
};

export interface LoggedKey {
  readonly direction: 'receive' | 'send';
  /** Receiver index of its packets. */
  readonly index: number;
  readonly suite: Suite;
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** Node id of the other end, 16 bytes. */
  readonly member: Uint8Array;
}

/** The line of a key. It is a string, which nobody can wipe: made only for somebody who asked for it. */
export function keyLogLine({ direction, index, suite, key, member }: LoggedKey): string {
  const digits = (index >>> 0).toString(16).padStart(8, '0');
  return `${direction} ${digits} ${ciphers[suite]} ${toHex(key)} ${toHex(member)}\n`;
}

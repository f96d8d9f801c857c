/** Data packets (type 0x50) as whoever holds the key sees them, by node:crypto. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { dataHeaderLength, PacketType, Suite, tagLength } from '../../src/core/wire/packet.js';

/** The associated data of a data packet: counter, the first three bytes of the header, length of the plaintext. */
export function associated(packet: Uint8Array): Uint8Array {
  const length = packet.length - 32;
  return Uint8Array.of(...packet.subarray(8, 16), ...packet.subarray(0, 3), length >> 8, length & 0xff);
}

/** A packet with this plaintext. */
export function sealWith(
  suite: Suite,
  key: Uint8Array,
  head: { readonly index: number; readonly counter: number },
  plain: Uint8Array,
): Uint8Array {
  const packet = Buffer.alloc(dataHeaderLength + plain.length + tagLength);
  packet[0] = PacketType.data;
  packet.writeUInt32LE(head.index, 4);
  packet.writeBigUInt64BE(BigInt(head.counter), 8);
  const nonce = Buffer.concat([Buffer.alloc(4), packet.subarray(8, dataHeaderLength)]);
  const cipher =
    suite === Suite.aes256gcm
      ? createCipheriv('aes-256-gcm', key, nonce)
      : createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: tagLength });
  cipher.setAAD(associated(packet));
  packet.set(cipher.update(plain), dataHeaderLength);
  cipher.final();
  packet.set(cipher.getAuthTag(), packet.length - tagLength);
  return new Uint8Array(packet);
}

/** The plaintext of a packet; undefined when it was not sealed under this key. */
export function openWith(suite: Suite, key: Uint8Array, packet: Uint8Array): Uint8Array | undefined {
  if (packet.length < dataHeaderLength + tagLength) return undefined;
  const nonce = Buffer.concat([Buffer.alloc(4), packet.subarray(8, dataHeaderLength)]);
  const decipher =
    suite === Suite.aes256gcm
      ? createDecipheriv('aes-256-gcm', key, nonce)
      : createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: tagLength });
  decipher.setAAD(associated(packet));
  decipher.setAuthTag(packet.subarray(packet.length - tagLength));
  const plain = decipher.update(packet.subarray(dataHeaderLength, packet.length - tagLength));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return new Uint8Array(plain);
}

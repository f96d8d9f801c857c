/**
 * STUN binding requests from forged IPv4 addresses, by a raw socket: `stun-flood.mjs HOST PORT RATE SECONDS`. Prints how
 * many were sent.
 */
import koffi from 'koffi';

const [host, port, rate, seconds] = process.argv.slice(2);
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

/** IPv4 header 20, UDP header 8 without checksum, STUN with SOFTWARE 48: room for the answer (wire/stun.ts). */
const packet = Buffer.alloc(20 + 8 + 48);
packet[0] = 0x45;
packet[8] = 64;
packet[9] = 17;
destination.copy(packet, 16);
packet.writeUInt16BE(Number(port), 22);
packet.writeUInt16BE(8 + 48, 24);
packet.writeUInt16BE(1, 28);
packet.writeUInt16BE(28, 30);
packet.writeUInt32BE(0x2112a442, 32);
packet.writeUInt16BE(0x8022, 48);
packet.writeUInt16BE(24, 50);

let sent = 0;
const begun = Date.now();
const step = () => {
  const due = Math.min(rate * seconds, ((Date.now() - begun) * rate) / 1000);
  for (let i = 0; sent < due && i < 400; i++, sent++) {
    // 20.0.0.0 and on: nobody's here.
    packet.writeUInt32BE((0x14000000 + ((sent * 2_654_435_761) % 0x30000000)) >>> 0, 12);
    packet.writeUInt16BE(1024 + (sent % 60_000), 20);
    sendto(fd, packet, packet.length, 0, to, to.length);
  }
  if (sent < rate * seconds) setImmediate(step);
  else console.log(`${sent}`);
};
step();

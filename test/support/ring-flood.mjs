/** Sends more through the loopback of its network namespace than a packet ring holds, then reads the ring; prints what came of it. */
import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { interfaceIndex, PacketRing, PacketType } from '../../dist/core/native/packet-ring.js';

const [datagrams, size, port] = [1_000, 60_000, 9];
const ring = new PacketRing({ index: interfaceIndex('lo') }, 262_144);
const socket = createSocket('udp4');
// Nobody listens; a socket that is not connected does not hear of it.
for (let i = 0; i < datagrams; i++)
  await new Promise((resolve) => socket.send(Buffer.alloc(size, i), port, '127.0.0.1', resolve));
socket.close();
await sleep(100);
const seen = { read: 0, out: 0, whole: 0, cut: 0, inOrder: true };
let last = 0;
const read = () =>
  ring.readBlock(({ at, captured, length, packetType, seconds, nanoseconds }) => {
    seen.read++;
    if (packetType === PacketType.outgoing) seen.out++;
    // Ethernet, IPv4 and UDP headers stand before what was sent.
    if (captured === size + 42 && ring.bytes[at + 42] === ring.bytes[at + captured - 1]) seen.whole++;
    if (captured !== length) seen.cut++;
    const time = seconds * 1e6 + nanoseconds / 1e3;
    if (time < last) seen.inOrder = false;
    last = time;
    return true;
  });
while (read());
const full = ring.counts();
// There is room again.
const again = createSocket('udp4');
await new Promise((resolve) => again.send('once more', port, '127.0.0.1', resolve));
again.close();
await sleep(100);
const before = seen.read;
while (read());
console.log(JSON.stringify({ ...seen, full, after: seen.read - before, total: ring.counts() }));
ring.close();
ring.close();
console.log(ring.readBlock(() => true));

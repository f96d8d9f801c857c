/**
 * Numbered datagrams, a thousand a second. Prints one JSON line at the end, which SIGTERM brings.
 *
 *     paced.mjs send HOST PORT [broadcast]      paced.mjs receive PORT
 *     { "sent" }                                { "received", "twice", "highest" }
 */
import { createSocket } from 'node:dgram';

const everyMs = 1;
const [what, ...rest] = process.argv.slice(2);
const tell = (result) => {
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
};

if (what === 'receive') {
  const seen = new Set();
  let twice = 0;
  let highest = -1;
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  socket.on('message', (bytes) => {
    const number = bytes.readUInt32LE(0);
    if (seen.has(number)) twice++;
    seen.add(number);
    highest = Math.max(highest, number);
  });
  socket.bind(Number(rest[0]), () => console.log('listening'));
  process.on('SIGTERM', () => tell({ received: seen.size, twice, highest }));
} else {
  const [host, port, broadcast] = rest;
  const socket = createSocket('udp4');
  socket.bind(0, () => {
    if (broadcast) socket.setBroadcast(true);
    const began = performance.now();
    let sent = 0;
    const bytes = Buffer.alloc(200);
    const timer = setInterval(() => {
      // What a busy machine missed is made up for.
      while (sent * everyMs < performance.now() - began) {
        bytes.writeUInt32LE(sent++, 0);
        socket.send(Buffer.from(bytes), Number(port), host);
      }
    }, everyMs);
    process.on('SIGTERM', () => {
      clearInterval(timer);
      setTimeout(() => tell({ sent }), 100);
    });
  });
}

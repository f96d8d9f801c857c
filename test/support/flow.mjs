/**
 * Numbered datagrams at a pace, and when they come.
 *
 *     flow.mjs send HOST PORT MS      flow.mjs receive HOST PORT     (HOST of receive: its family alone counts)
 *     { "sent" }                      { "received", "highest", "longestMs", "lastMs" }
 *
 * SIGTERM brings the line of JSON: `longestMs` is the longest time between two that came, `lastMs` since the last.
 */
import { createSocket } from 'node:dgram';

const [what, host, port, ms] = process.argv.slice(2);
const type = host.includes(':') ? 'udp6' : 'udp4';
const tell = (result) => process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
const socket = createSocket(type);

if (what === 'receive') {
  let received = 0;
  let highest = -1;
  let longestMs = 0;
  let last;
  socket.on('message', (bytes) => {
    const now = performance.now();
    received++;
    highest = Math.max(highest, bytes.readUInt32LE(0));
    if (last === undefined) console.log('first');
    else longestMs = Math.max(longestMs, now - last);
    last = now;
  });
  socket.bind(Number(port), () => console.log('listening'));
  process.on('SIGTERM', () => {
    const lastMs = performance.now() - (last ?? -Infinity);
    tell({ received, highest, longestMs: Math.round(longestMs), lastMs: Math.round(lastMs) });
  });
} else {
  socket.bind(0, () => {
    const began = performance.now();
    let sent = 0;
    const timer = setInterval(() => {
      // What a busy machine missed is made up for.
      while (sent * Number(ms) < performance.now() - began) {
        const bytes = Buffer.alloc(100);
        bytes.writeUInt32LE(sent++, 0);
        // While a machine has no way to it, the kernel says so: that one is lost.
        socket.send(bytes, Number(port), host, () => undefined);
      }
    }, Number(ms));
    process.on('SIGTERM', () => {
      clearInterval(timer);
      setTimeout(() => tell({ sent }), 300);
    });
  });
}

// Initiations with a genuine first mac, each of another source port: init-flood.mjs HOST PORT RATE SECONDS KEY
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mac1KeyOf, setMac1 } from '../../dist/core/noise/mac.js';
import { encodeInit } from '../../dist/core/wire/handshake.js';

const [host, port, rate, seconds, key] = process.argv.slice(2);
const mac1Key = mac1KeyOf(new Uint8Array(Buffer.from(key, 'hex')));
const packets = Array.from({ length: 2048 }, (_, i) => {
  const packet = encodeInit({ suite: 1, senderIndex: i, noise: new Uint8Array(randomBytes(600)) });
  setMac1(packet, mac1Key);
  return packet;
});
const sockets = Array.from({ length: 64 }, () => createSocket('udp4').on('error', () => undefined));
await Promise.all(sockets.map((s) => new Promise((resolve) => s.bind(0, resolve))));
console.log('flooding');
const begun = performance.now();
let sent = 0;
const step = () => {
  const due = Math.min(rate * seconds, ((performance.now() - begun) * rate) / 1000);
  for (let i = 0; sent < due && i < 256; i++, sent++)
    sockets[sent % sockets.length].send(packets[sent % packets.length], Number(port), host);
  if (sent < rate * seconds) setTimeout(step, 2);
  else {
    console.log(`sent ${sent} in ${Math.round(performance.now() - begun)} ms`);
    for (const socket of sockets) socket.close();
  }
};
step();

/** Counts the frames for somebody else that an interface gets: `overheard.mjs DEVICE`. At its end (SIGTERM) it prints all and those. */
import { networkInterfaces } from 'node:os';
import { PacketSocket } from './packet-socket.mjs';

const device = process.argv[2];
const [{ mac }] = networkInterfaces()[device];
const own = Buffer.from(mac.replaceAll(':', ''), 'hex');
const socket = new PacketSocket(device, true);
const others = new Map();
let frames = 0;
const look = () => {
  for (let frame = socket.receive(); frame; frame = socket.receive()) {
    const [to, from] = [0, 6].map((at) => Buffer.from(frame.subarray(at, at + 6)));
    if (from.equals(own)) continue;
    frames++;
    if ((to[0] & 1) === 1 || to.equals(own)) continue;
    const pair = `${from.toString('hex')}>${to.toString('hex')}`;
    others.set(pair, (others.get(pair) ?? 0) + 1);
  }
};
setInterval(look, 20);
process.on('SIGTERM', () => {
  look();
  console.log(JSON.stringify({ frames, others: Object.fromEntries(others) }));
  process.exit(0);
});
console.log('looking');

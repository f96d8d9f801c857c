/**
 * Looks at every frame of an interface, both ways, for a secret of honest members: `sniff.mjs DEVICE SECRET`. A frame that has
 * it says behind it who sent it to whom: `SECRET from>to;`. At its end (SIGTERM) it prints how often it saw which pair.
 */
import { PacketSocket } from './packet-socket.mjs';

const [device, secret] = process.argv.slice(2);
const socket = new PacketSocket(device, true);
const seen = {};
let frames = 0;
const look = () => {
  for (let frame = socket.receive(); frame; frame = socket.receive()) {
    frames++;
    const text = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
    const at = text.indexOf(secret);
    if (at < 0) continue;
    // An answer goes on with the number it answers, which would make each a pair of its own.
    const [pair] = text.toString('latin1', at + secret.length + 1, text.indexOf(';', at)).split('!');
    seen[pair] = (seen[pair] ?? 0) + 1;
  }
};
setInterval(look, 20);
process.on('SIGTERM', () => {
  look();
  console.log(JSON.stringify({ frames, seen }));
  process.exit(0);
});
console.log('looking');

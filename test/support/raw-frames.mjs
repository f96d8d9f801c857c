/** Sends one frame (hex, from argv) a few times through an interface: `raw-frames.mjs DEVICE HEX COUNT`. */
import { PacketSocket } from './packet-socket.mjs';

const [device, hex, count] = process.argv.slice(2);
const socket = new PacketSocket(device, false);
const frame = Buffer.from(hex, 'hex');
for (let i = 0; i < Number(count); i++) if (!socket.send(frame)) throw new Error('the frame was refused');

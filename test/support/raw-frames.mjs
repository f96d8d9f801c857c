/** Sends one frame (hex, from argv) a few times through an interface, by a packet socket (packet(7)): `raw-frames.mjs DEVICE HEX COUNT`. */
import { Arena } from '../../dist/core/native/arena.js';
import { libc } from '../../dist/core/native/libc.js';

const [device, hex, count] = process.argv.slice(2);
const c = libc();
const arena = new Arena(8192);
const at = arena.alloc(64);
arena.setText(at, device);
const index = c.if_nametoindex(arena.base + at);
const fd = c.socket(17, 3, 0);
arena.u8.fill(0, at, at + 20);
arena.view.setUint16(at, 17, true);
arena.view.setUint16(at + 2, 3);
arena.view.setInt32(at + 4, index, true);
if (fd < 0 || index === 0 || c.bind(fd, arena.base + at, 20) !== 0) throw new Error(`errno ${c.errno()}`);
const frame = Buffer.from(hex, 'hex');
const to = arena.alloc(frame.length);
arena.u8.set(frame, to);
for (let i = 0; i < Number(count); i++)
  if (c.write(fd, arena.base + to, frame.length) !== frame.length) throw new Error(`errno ${c.errno()}`);

/**
 * Sends the frames of a file (siege-frames.ts) through an interface, so many a second, and says how many left:
 * `raw-file.mjs DEVICE FILE PER_SECOND`.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { PacketSocket } from './packet-socket.mjs';

const [device, file, perSecond] = process.argv.slice(2);
const socket = new PacketSocket(device, false);
const bytes = readFileSync(file);
const begun = performance.now();
let sent = 0;
let refused = 0;
for (let at = 0; at + 2 <= bytes.length;) {
  const length = bytes.readUInt16LE(at);
  if (socket.send(bytes.subarray(at + 2, at + 2 + length))) sent++;
  else refused++;
  at += 2 + length;
  const early = ((sent + refused) / Number(perSecond)) * 1_000 - (performance.now() - begun);
  if (early > 10) await sleep(early);
}
console.log(JSON.stringify({ sent, refused }));

/**
 * A successor that does what it is told, and dies where it is told to.
 *
 *     successor.mjs DIES-AT     hello | ready | adopted | commit | took | never | mute
 */
import { Socket } from 'node:net';

const diesAt = process.argv[2];
const socket = new Socket({ fd: Number(process.env.EVIO_HANDOVER), readable: true, writable: true });
const send = (head) => {
  const text = Buffer.from(JSON.stringify(head));
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32LE(text.length, 0);
  socket.write(Buffer.concat([prefix, text]));
};
const die = () => process.kill(process.pid, 'SIGKILL');
const next = () => {
  if (diesAt === 'ready') return die();
  send({ type: 'ready' });
};
let left = 0;
let rest = Buffer.alloc(0);
socket.on('end', () => process.exit(0));
socket.on('data', (chunk) => {
  rest = Buffer.concat([rest, chunk]);
  while (rest.length >= 8) {
    const end = 8 + rest.readUInt32LE(0) + rest.readUInt32LE(4);
    if (rest.length < end) return;
    const head = JSON.parse(rest.subarray(8, 8 + rest.readUInt32LE(0)).toString());
    rest = rest.subarray(end);
    if (head.type === 'heritage') {
      if (diesAt === 'hello') die();
      send({ type: 'hello', version: '9.9.9' });
      left = head.things.length;
      next();
    } else if (head.type === 'state') {
      if (diesAt === 'adopted') die();
      else if (diesAt === 'mute') return;
      else if (diesAt === 'refuses') send({ type: 'failed', reason: 'not to my taste' });
      else send({ type: 'adopted', leftOut: [] });
    } else if (head.type === 'commit') {
      if (diesAt === 'commit') die();
      send({ type: 'took' });
      if (diesAt === 'took') setTimeout(die, 50);
      else if (--left > 0) next();
      else {
        send({ type: 'done' });
        send({ type: 'settled' });
      }
    }
  }
});

/**
 * Flows of UDP datagrams whose every byte the receiver knows beforehand. Prints one JSON line at the end.
 *
 *     flows.mjs receive PORT SECONDS            flows.mjs send HOST PORT SECONDS
 */
import { createSocket } from 'node:dgram';

const flows = 6;
const header = 5;
/** The byte at `i` of datagram `sequence`. */
const byteAt = (flow, sequence, i) => (Math.imul(sequence + 1, 2_654_435_761) >>> (i % 24)) + i * 7 + flow;
function fill(bytes, flow, sequence) {
  bytes[0] = flow;
  bytes.writeUInt32LE(sequence, 1);
  for (let i = header; i < bytes.length; i++) bytes[i] = byteAt(flow, sequence, i);
}
/** Half of them small, some longer than any MTU, so that they come in fragments. */
function sizeOf(flow, sequence) {
  const x = Math.imul(sequence * flows + flow + 1, 0x9e37_79b1) >>> 8;
  return header + (x % 2 === 0 ? x % 200 : x % 4_000);
}

const [what, ...rest] = process.argv.slice(2);
if (what === 'receive') {
  const [port, seconds] = rest.map(Number);
  const last = new Array(flows).fill(-1);
  const result = { received: 0, wrong: 0, disorder: 0, lost: 0 };
  const socket = createSocket('udp4');
  socket.on('message', (bytes) => {
    const flow = bytes[0];
    const sequence = bytes.readUInt32LE(1);
    const wanted = Buffer.alloc(flow < flows ? sizeOf(flow, sequence) : 0);
    if (wanted.length > 0) fill(wanted, flow, sequence);
    if (!wanted.equals(bytes)) return void result.wrong++;
    result.received++;
    if (sequence <= last[flow]) result.disorder++;
    else {
      result.lost += sequence - last[flow] - 1;
      last[flow] = sequence;
    }
  });
  socket.bind(port, () => console.log('listening'));
  setTimeout(() => {
    console.log(JSON.stringify(result));
    process.exit(0);
  }, seconds * 1_000);
} else {
  const [host, port, seconds] = rest;
  const sockets = Array.from({ length: flows }, () => createSocket('udp4'));
  let sequence = 0;
  const timer = setInterval(() => {
    for (let n = 0; n < 4; n++, sequence++) {
      sockets.forEach((socket, flow) => {
        const bytes = Buffer.alloc(sizeOf(flow, sequence));
        fill(bytes, flow, sequence);
        socket.send(bytes, Number(port), host);
      });
    }
  }, 8);
  setTimeout(
    () => {
      clearInterval(timer);
      console.log(JSON.stringify({ sent: sequence * flows }));
      process.exit(0);
    },
    Number(seconds) * 1_000,
  );
}

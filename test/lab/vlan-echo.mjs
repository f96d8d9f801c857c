/**
 * 802.1Q by hand, for kernels without VLAN devices: ICMP echo inside a tagged frame, over AF_PACKET (packet(7)).
 *
 *   vlan-echo.mjs answer DEVICE VLAN           answers every tagged echo request
 *   vlan-echo.mjs ping DEVICE VLAN MAC COUNT SIZE   sends tagged requests, prints how many genuine answers came back
 */
import { readFileSync } from 'node:fs';
import { Arena } from '../../dist/core/native/arena.js';
import { Cmsghdr, Iovec, libc, Msghdr } from '../../dist/core/native/libc.js';

const [mode, device, vlan, peerMac, count, size] = process.argv.slice(2);
const c = libc();
const arena = new Arena(16_384);
const [AF_PACKET, SOCK_RAW_NONBLOCK, SOL_PACKET, PACKET_AUXDATA] = [17, 3 | 0x800, 263, 8];
const index = Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8'));
const ownMac = Buffer.from(
  readFileSync(`/sys/class/net/${device}/address`, 'utf8').trim().replaceAll(':', ''),
  'hex',
);

const fd = c.socket(AF_PACKET, SOCK_RAW_NONBLOCK, 0x0300); // htons(ETH_P_ALL)
const scratch = arena.alloc(64);
arena.view.setInt32(scratch, 1, true);
c.setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, arena.base + scratch, 4);
arena.u8.fill(0, scratch, scratch + 20);
arena.view.setUint16(scratch, AF_PACKET, true);
arena.view.setUint16(scratch + 2, 0x0003);
arena.view.setInt32(scratch + 4, index, true);
if (fd < 0 || c.bind(fd, arena.base + scratch, 20) !== 0) throw new Error(`AF_PACKET: errno ${c.errno()}`);

const [message, iov, control, data] = [
  arena.alloc(Msghdr.size),
  arena.alloc(Iovec.size),
  arena.alloc(128),
  arena.alloc(4096),
];
arena.setPointer(iov, arena.base + data);
arena.setPointer(message + Msghdr.iov, arena.base + iov);
arena.view.setUint32(message + Msghdr.iovLength, 1, true);
arena.setPointer(message + Msghdr.control, arena.base + control);

/** The next frame with our tag, tag removed by the kernel; undefined when there is none now. */
function receive() {
  for (;;) {
    arena.view.setUint32(iov + Iovec.length, 4096, true);
    arena.view.setUint32(message + Msghdr.controlLength, 128, true);
    const n = c.recvmsg(fd, arena.base + message, 0);
    if (n < 0) return undefined;
    const aux = control + Cmsghdr.data;
    const tagged =
      (arena.view.getUint32(aux, true) & 0x10) !== 0 &&
      arena.view.getUint16(aux + 16, true) % 4096 === Number(vlan);
    const frame = Buffer.from(arena.u8.slice(data, data + n));
    if (tagged && frame.readUInt16BE(12) === 0x0800 && frame[23] === 1) return frame;
  }
}

function send(to, payload) {
  const frame = Buffer.concat([
    to,
    ownMac,
    Buffer.from([0x81, 0x00, Number(vlan) >> 8, Number(vlan) & 255]),
    payload,
  ]);
  arena.u8.set(frame, data);
  arena.view.setUint32(iov + Iovec.length, frame.length, true);
  arena.view.setUint32(message + Msghdr.controlLength, 0, true);
  if (c.sendmsg(fd, arena.base + message, 0) < 0) throw new Error(`send: errno ${c.errno()}`);
}

/** EtherType and a minimal IPv4 packet with an ICMP echo message in it. */
function echo(type, sequence, bytes) {
  const out = Buffer.alloc(2 + 20 + 8 + bytes, sequence & 255);
  out.set([
    0x08,
    0x00,
    0x45,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    64,
    1,
    0,
    0,
    172,
    31,
    5,
    1,
    172,
    31,
    5,
    2,
    type,
    0,
    0,
    0,
    0,
    9,
  ]);
  out.writeUInt16BE(28 + bytes, 4);
  out.writeUInt16BE(sequence, 28);
  return out;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
if (mode === 'answer') {
  console.log('ready');
  for (;;) {
    for (let frame = receive(); frame; frame = receive()) {
      if (frame[34] !== 8 || !frame.subarray(0, 6).equals(ownMac)) continue;
      const answer = Buffer.from(frame.subarray(12));
      answer[22] = 0;
      send(frame.subarray(6, 12), answer);
    }
    await sleep(5);
  }
} else {
  let received = 0;
  for (let sequence = 1; sequence <= Number(count); sequence++) {
    const wanted = echo(0, sequence, Number(size));
    send(Buffer.from(peerMac.replaceAll(':', ''), 'hex'), echo(8, sequence, Number(size)));
    for (let waited = 0; waited < 1_000; waited += 5) {
      await sleep(5);
      const answer = receive();
      if (!answer || answer[34] !== 0) continue;
      if (answer.subarray(12).equals(wanted)) received++;
      break;
    }
  }
  console.log(`${received} received`);
}

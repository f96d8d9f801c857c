// @ts-check
// A port of the network's switch: tells what broadcasts pass by, and shouts one of its own.   node frames.mjs TOKEN
import { join, openNetwork } from 'evio';

const [, , token] = process.argv;
if (token && token !== '-') await join({ token, name: 'listener' });
const hex = (/** @type {Uint8Array} */ bytes) => Buffer.from(bytes).toString('hex').replace(/..\B/g, '$&:');

const network = await openNetwork({
  onFrame: (frame) => {
    const type = Buffer.from(frame.subarray(12, 14)).toString('hex');
    console.log(
      `${hex(frame.subarray(6, 12))} -> ${hex(frame.subarray(0, 6))} type ${type}, ${frame.length} bytes`,
    );
  },
});
// "Who has 10.144.0.99?", as this member: an ARP request (RFC 826).
const mac = Buffer.from(network.node.mac.replaceAll(':', ''), 'hex');
const ip = Buffer.from(network.node.ip.split('.').map(Number));
const shout = Buffer.concat([
  Buffer.alloc(6, 0xff),
  mac,
  Buffer.from('08060001080006040001', 'hex'),
  mac,
  ip,
  Buffer.alloc(6),
  Buffer.from([10, 144, 0, 99]),
]);
const timer = setInterval(() => network.send(shout), 500);
console.log(`listening as ${network.node.name}, ${network.node.mac}`);
process.once('SIGTERM', () => {
  clearInterval(timer);
  void network.close();
});

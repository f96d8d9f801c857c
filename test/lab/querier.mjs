/**
 * A listener that comes late, on a real interface: the host joins groups while nobody looks, and must name them again
 * when it is asked. Prints the keys that were learned, in hexadecimal, then what is left when one group was left.
 *
 *   querier.mjs DEVICE      makes the interface itself
 */
import { createSocket } from 'node:dgram';
import { readSync } from 'node:fs';
import { Arena } from '../../dist/core/native/arena.js';
import { libc } from '../../dist/core/native/libc.js';
import { LocalGroups } from '../../dist/core/switch/group-listener.js';
import { createTap } from '../../dist/core/tap/tap-linux.js';
import { queryCapacity, writeIgmpQuery, writeMldQuery } from '../../dist/core/wire/membership.js';

const device = process.argv[2];
const header = 10;
const mac = Uint8Array.of(2, 0x11, 0x22, 0x33, 0x44, 0x55);
const tap = createTap({ name: device, mac, ip: 0x0a90_0001, prefix: 16, ip6: null, mtu: 1350 });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const arena = new Arena(4096);
const buffer = Buffer.alloc(70_000);
const groups = new LocalGroups();

async function listen(ms, to) {
  for (const end = performance.now() + ms; performance.now() < end; await sleep(10)) {
    for (;;) {
      let n = 0;
      try {
        n = readSync(tap.fds[0], buffer);
      } catch {
        break;
      }
      if (n <= header) break;
      const view = new DataView(buffer.buffer, buffer.byteOffset + header, n - header);
      to?.listen(view, 0, n - header, performance.now());
    }
  }
}

const four = createSocket({ type: 'udp4', reuseAddr: true }).bind(5_555);
const six = createSocket({ type: 'udp6', reuseAddr: true }).bind(5_556);
await sleep(200);
four.addMembership('239.1.2.3', '10.144.0.1');
six.addMembership('ff05::1234', `::%${device}`);
// The reports that Linux sends unasked, and duplicate address detection, are over after this.
await listen(5_000, undefined);
for (const write of [writeIgmpQuery, writeMldQuery]) {
  arena.u8.fill(0, 0, header + queryCapacity);
  const length = write(arena.view, header, Uint8Array.of(6, 0x11, 0x22, 0x33, 0x44, 0x55), 1_000);
  if (libc().write(tap.fds[0], arena.base, header + length) < 0)
    throw new Error('the query could not be written');
}
await listen(2_000, groups);
const keys = () => JSON.stringify([...groups.keys()].map((key) => (key >>> 0).toString(16)).sort());
console.log(keys());
four.dropMembership('239.1.2.3', '10.144.0.1');
await listen(1_000, groups);
console.log(keys());
process.exit(0);

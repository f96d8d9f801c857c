/**
 * One data plane in a process of its own, for tests in network namespaces: reads one JSON setup from argv, then
 * commands from stdin, and prints events, one JSON object a line. Runs the build in dist/.
 */
import { createInterface } from 'node:readline';
import { WorkerPlane } from '../../dist/core/dataplane/plane/worker-plane.js';

const setup = JSON.parse(process.argv[2]);
const bytes = (hex) => new Uint8Array(Buffer.from(hex, 'hex'));
const say = (event, fields = {}) => process.stdout.write(JSON.stringify({ event, ...fields }) + '\n');
const path = (p) => (p && p.destination ? { ...p, destination: bytes(p.destination) } : p);
const log = Object.fromEntries(
  ['error', 'warn', 'info', 'debug', 'trace'].map((level) => [
    level,
    (message, fields) => say('log', { level, message, ...fields }),
  ]),
);
const own = {
  mac: bytes(setup.options.mac),
  nodeId: bytes(setup.options.nodeId),
  seed: bytes(setup.options.seed),
  // Of all planes alike, as of a network's members.
  prefix6: bytes('fd00000000000001'),
};
const plane = new WorkerPlane({ ...setup.options, ...own }, log);

await plane.start({
  packet: (b, origin) => say('packet', { type: b[0], length: b.length, origin: origin.kind }),
  control: (slot, b, origin) =>
    say('control', { slot, bytes: Buffer.from(b).toString('hex'), origin: origin.kind }),
  confirmed: (slot, localIndex) => say('confirmed', { slot, localIndex }),
  wanted: (slot) => say('wanted', { slot }),
  stirred: () => undefined,
  unknown: (mac) => say('unknown', { mac: Buffer.from(mac).toString('hex') }),
  stranger: (slot, id) => say('stranger', { slot, id: Buffer.from(id).toString('hex') }),
  suspect: (slot, reason) => say('suspect', { slot, reason }),
  roamed: (slot, endpoint) => say('roamed', { slot, endpoint }),
  // A carrier that ends where it begins: the other node is told by the test what came.
  carry: (carrier, destination, batch) => say('carry', { carrier, bytes: batch.length }),
  exhausted: (slot, localIndex) => say('exhausted', { slot, localIndex }),
  restarted: (restarts, reason) => say('restarted', { restarts, reason }),
  failed: (error) => say('failed', { message: error.message }),
});
plane.setNeighbours(setup.neighbours.map((n) => ({ ip: n.ip, mac: bytes(n.mac) })));
for (const peer of setup.peers) {
  plane.addPeer(peer.slot, bytes(peer.nodeId), bytes(peer.publicKey), {
    mac: bytes(peer.mac),
    ip: peer.ip,
    bridge: peer.bridge ?? false,
  });
  const { keys } = peer;
  plane.addKey(peer.slot, { ...keys, sendKey: bytes(keys.sendKey), receiveKey: bytes(keys.receiveKey) });
  if (peer.use !== false) plane.useKey(peer.slot, keys.localIndex);
  if (peer.path) plane.setPath(peer.slot, path(peer.path));
}
plane.setLinks(
  setup.peers.map(({ slot }) => ({ slot, forwards: true, flood: 'range', reaches: [] })),
  true,
);
say('started', { port: plane.port, deviceName: plane.deviceName });

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const command = JSON.parse(line);
  if (command.do === 'crash') plane.crash(command.thread);
  else if (command.do === 'path') plane.setPath(command.slot, path(command.path));
  else if (command.do === 'use') plane.useKey(command.slot, command.localIndex);
  else if (command.do === 'control') plane.sendControl(command.slot, bytes(command.bytes));
  else if (command.do === 'rebind') void plane.rebind().then(() => say('rebound', { port: plane.port }));
  else if (command.do === 'counters') {
    const cpu = process.cpuUsage();
    say('counters', {
      device: plane.deviceCounters(),
      peers: setup.peers.map((p) => plane.peerCounters(p.slot)),
      cpuMs: (cpu.user + cpu.system) / 1000,
      now: plane.now(),
    });
  } else if (command.do === 'stop') void plane.stop().then(() => process.exit(0));
});
lines.on('close', () => void plane.stop().then(() => process.exit(0)));

// A relay in a process of its own that can be killed: node relay-process.mjs HOME HOST:PORT. Its first line is its URL.
import { RelayServer } from '../../dist/rendezvous/server.js';
import { silentLogger, systemClock, systemRandom } from '../../dist/core/lib/env.js';

const [home, listen] = process.argv.slice(2);
const say = (message, fields) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
const server = new RelayServer({
  home,
  listen,
  // Often drawn together, and no limit in the way of the test.
  limits: { logBytes: 20_000, handshakes: 10_000, handshakesPerAddress: 10_000 },
  env: { clock: systemClock, random: systemRandom, log: { ...silentLogger, error: say } },
});
const { url } = await server.start();
process.stdout.write(`${url}\n`);

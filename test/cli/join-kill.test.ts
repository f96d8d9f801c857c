/**
 * kill -9 of joins by a real relay, half of them between its count of the use and the joiner's storing: the use is spent once,
 * whoever joins again by the token is the same node, with the receipt of then. EVIO_KILLS=200 for more of them.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { homeAt } from '../../src/core/config/home.js';
import { Store } from '../../src/core/config/store.js';
import { joinNetwork } from '../../src/core/enroll/join.js';
import { relayErrands } from '../../src/core/enroll/errands.js';
import { encodeToken } from '../../src/core/identity/token.js';
import { selfOf } from '../../src/core/membership/self.js';
import { env, Kit, TestNetwork } from '../unit/rendezvous/relay-kit.js';
import { root } from './support.js';

const kit = new Kit();
afterEach(() => kit.clean());
const kills = Number(process.env['EVIO_KILLS'] ?? 10);

/** Joins; with `counted`, it ends as soon as it has the relay's receipt. */
const worker = `
import { Store } from '${root}/dist/core/config/store.js';
import { homeAt } from '${root}/dist/core/config/home.js';
import { joinNetwork } from '${root}/dist/core/enroll/join.js';
import { relayErrands } from '${root}/dist/core/enroll/errands.js';
import { systemClock, systemRandom, silentLogger } from '${root}/dist/core/lib/env.js';
const [home, token, when] = process.argv.slice(1);
const env = { clock: systemClock, random: systemRandom, log: silentLogger };
const errands = relayErrands(env, 'evio/test');
const { register } = errands;
errands.register = async (relays, self) => {
  const receipt = await register(relays, self);
  console.log(self.idText);
  if (when === 'counted') process.kill(process.pid, 'SIGKILL');
  return receipt;
};
console.log('ready');
const ports = { store: new Store(homeAt(home)), env, errands, machine: () => [] };
await joinNetwork({ token, name: 'guest', contact: true }, ports);
console.log('joined');
`;

it(
  'spends one use for each machine',
  async () => {
    const relay = await kit.relay({ limits: { handshakes: 10_000, handshakesPerAddress: 10_000 } });
    const network = new TestNetwork([relay.fact]);
    const outcomes = { counted: 0, before: 0, joined: 0 };
    for (let i = 0; i < kills; i++) {
      const home = kit.home();
      const store = new Store(homeAt(home));
      const invite = network.invite({ uses: 1 });
      const token = encodeToken(network.networkBytes, invite.bytes, invite.keys.seed);
      const said = await new Promise<string[]>((resolve) => {
        const when = i % 2 === 0 ? 'counted' : 'any';
        const child = spawn(process.execPath, ['--input-type=module', '-e', worker, home, token, when]);
        let text = '';
        child.stdout.on('data', (data: Buffer) => {
          if (text === '' && when === 'any') setTimeout(() => child.kill('SIGKILL'), Math.random() * 150);
          text += data.toString();
        });
        child.once('close', () => resolve(text.trim().split('\n')));
      });
      const [, counted, end] = said;
      outcomes[end === undefined ? (counted === undefined ? 'before' : 'counted') : 'joined']++;
      expect(store.list().length).toBeLessThanOrEqual(1);
      if (end !== undefined) expect(store.list().length).toBe(1);
      const errands = relayErrands(env, 'evio/test');
      const again = await joinNetwork(
        { token, name: 'guest', contact: true },
        { store, env, errands, machine: () => [] },
      );
      if (counted !== undefined) expect(again.node.id).toBe(counted);
      expect(selfOf(store.profile(again.networkId)).claims.witnessed).toBe(true);
      expect(readdirSync(`${home}/networks`)).toEqual([again.networkId]);
    }
    console.log(`join by a relay: ${kills} times, ${JSON.stringify(outcomes)}`);
    expect(outcomes.counted).toBeGreaterThan(0);
  },
  kills * 10_000,
);

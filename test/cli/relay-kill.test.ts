/**
 * kill -9 at random instants while nodes register, invites are counted and state is drawn together: the next start is
 * valid, and nothing is lost that a node was told. EVIO_KILLS=200 for more of them.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { verifyReceipt } from '../../src/core/identity/receipt.js';
import { fromBase64Url } from '../../src/core/lib/bytes.js';
import { EvioError } from '../../src/core/lib/errors.js';
import type { RelayFact } from '../../src/core/identity/network.js';
import { registerOnce } from '../../src/core/relays/net/register.js';
import { parseRelayUrl, relayFactOf } from '../../src/core/relays/net/relay-url.js';
import { env, Kit, sleep, TestNetwork, type TestNode } from '../unit/rendezvous/relay-kit.js';

const kit = new Kit();
afterEach(() => kit.clean());
const program = fileURLToPath(new URL('../support/relay-process.mjs', import.meta.url));
const kills = Number(process.env['EVIO_KILLS'] ?? 25);

/** A node whose use of an invite for one machine was acknowledged. */
interface Told {
  readonly node: TestNode;
  readonly invite: ReturnType<TestNetwork['invite']>;
  /** Of the receipt. */
  readonly time: number;
}

/** When a use was counted. */
function dateOf(receipt: string | null): number {
  const joined = verifyReceipt(fromBase64Url(receipt ?? '') ?? new Uint8Array(0))?.joined;
  if (joined === undefined) throw new Error('no receipt');
  return joined;
}

it(
  'loses nothing that was acknowledged',
  async () => {
    const home = kit.home();
    const said: string[] = [];
    let child: ChildProcess | undefined;
    kit.later(() => child?.kill('SIGKILL'));
    const start = (listen: string): Promise<RelayFact> => {
      const started = (child = spawn(process.execPath, [program, home, listen], {
        stdio: ['ignore', 'pipe', 'pipe'],
      }));
      started.stderr.on('data', (text: Buffer) => said.push(text.toString()));
      return new Promise((resolve, reject) => {
        started.stdout.once('data', (text: Buffer) =>
          resolve(relayFactOf(parseRelayUrl(text.toString())) as RelayFact),
        );
        started.once('close', () => reject(new Error(`the relay ended: ${said.join('')}`)));
      });
    };
    const relay = await start('127.0.0.1:0');
    const network = new TestNetwork([relay]);
    let host = 0;
    const newNode = (invite: Told['invite']): TestNode => network.node(2 + (host++ % 60_000), invite);
    const register = async (node: TestNode, founding?: { what: 'enter' }) =>
      registerOnce({ ...node, relay, agent: 'x', timeoutMs: 5_000, env, founding });
    await register(network.node(1), { what: 'enter' });

    /** Registers new nodes until the relay is gone. */
    const comeAndCome = async (told: Told[]): Promise<void> => {
      for (;;) {
        const invite = network.invite({ uses: 1 });
        const node = newNode(invite);
        try {
          const { receipt } = await register(node);
          told.push({ node, invite, time: dateOf(receipt) });
        } catch (thrown) {
          if (thrown instanceof EvioError && /RELAY_UNREACHABLE/.test(thrown.code)) return;
          throw thrown;
        }
      }
    };
    let all = 0;
    let drawnTogether = 0;
    // A busy machine takes longer for the first after each start.
    let spanMs = 200;
    for (let kill = 0; kill < kills; kill++) {
      const told: Told[] = [];
      const comers = [1, 2, 3].map(() => comeAndCome(told));
      await sleep(Math.random() * spanMs);
      const gone = new Promise((resolve) => child?.once('close', resolve));
      child?.kill('SIGKILL');
      await Promise.all([gone, ...comers]);
      all += told.length;
      if (told.length === 0) spanMs *= 1.2;
      drawnTogether = Math.max(
        drawnTogether,
        ...readdirSync(join(home, 'relay')).map((name) => Number(/^snapshot\.(\d+)$/.exec(name)?.[1] ?? 0)),
      );
      await start(relay.address);
      for (const { node, invite, time } of told.slice(-6)) {
        // The use is counted still, and it is this node's.
        await expect(register(newNode(invite))).rejects.toMatchObject({ code: 'EVIO_TOKEN_USED_UP' });
        const { receipt } = await register(node);
        expect(dateOf(receipt)).toBe(time);
      }
    }
    console.log(`${kills} kills, ${all} nodes told, state drawn together up to number ${drawnTogether}`);
    expect(said).toEqual([]);
    expect(all).toBeGreaterThan(kills);
    expect(drawnTogether).toBeGreaterThan(1);
  },
  kills * 5_000,
);

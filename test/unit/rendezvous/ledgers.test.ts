/** Ledgers at a relay take room, which they give back with their network. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { signFarewell } from '../../../src/core/identity/farewell.js';
import type { RelayFact } from '../../../src/core/identity/network.js';
import { Ledger } from '../../../src/core/ledger/ledger.js';
import { silentLogger, systemClock } from '../../../src/core/lib/env.js';
import { registerOnce } from '../../../src/core/relays/net/register.js';
import { ledgerNews } from '../../../src/core/wire/signal.js';
import { Ledgers } from '../../../src/rendezvous/ledgers.js';
import { env, Kit, TestNetwork, until } from './relay-kit.js';

const kit = new Kit();
afterEach(() => kit.clean());
const hourMs = 3_600_000;

function statementsOf({ root }: TestNetwork, relays: readonly RelayFact[] = []): Uint8Array[] {
  const ledger = new Ledger(root.publicKey);
  ledger.say({ kind: 'facts', serial: 2, name: 'test', mtu: 1350, relays }, root, Date.now());
  return ledger.all();
}

function emptyLedgers(): { folder: string; ledgers: Ledgers } {
  const folder = kit.home();
  return { folder, ledgers: new Ledgers(folder, silentLogger) };
}

it('is given back by one that is forgotten', () => {
  const { ledgers } = emptyLedgers();
  const networks = [new TestNetwork([]), new TestNetwork([])];
  const lengths = networks.map((network) => {
    const statements = statementsOf(network);
    ledgers.of(network.root.publicKey).take(statements);
    return statements.reduce((sum, { length }) => sum + length, 0);
  });
  expect(lengths.every((length) => length > 0)).toBe(true);
  expect(ledgers.bytes).toBe((lengths[0] as number) + (lengths[1] as number));
  ledgers.forget((networks[0] as TestNetwork).id);
  expect(ledgers.bytes).toBe(lengths[1]);
});

it('is given back where the disk takes nothing', () => {
  const { folder, ledgers } = emptyLedgers();
  const { id } = new TestNetwork([]);
  // What is in its place cannot be removed.
  mkdirSync(join(folder, 'ledgers', `${id}.log`), { recursive: true });
  ledgers.forget(id);
  expect(ledgers.known(id)).toBeUndefined();
});

it('is given back when the last member of a network has left', async () => {
  let hourly = (): void => undefined;
  const clock = {
    ...systemClock,
    after: (ms: number, fire: () => void) => {
      if (ms !== hourMs) return systemClock.after(ms, fire);
      hourly = fire;
      return () => undefined;
    },
  };
  const relay = await kit.relay({ env: { ...env, clock } });
  const network = new TestNetwork([relay.fact]);
  const node = network.node(1);
  const common = { ...node, relay: relay.fact, agent: 'evio/test', timeoutMs: 5_000, env, heads: [] };
  await registerOnce({ ...common, brings: ledgerNews(statementsOf(network, [relay.fact]))[0] });
  const file = join(relay.home, 'relay', 'ledgers', `${network.id}.log`);
  expect(existsSync(file)).toBe(true);
  await registerOnce({ ...common, farewell: signFarewell(network.root.publicKey, node.keys, Date.now()) });
  await until(() => relay.server.clients === 0);
  hourly();
  await until(() => !existsSync(file));
});

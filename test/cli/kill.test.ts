/**
 * kill -9 at any instant of a command that stores something: what it acknowledged is there, what it did not is there whole or
 * not at all, and the next command works. EVIO_KILLS says how often; docs/security.md tells of the longest run.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeAt } from '../../src/core/config/home.js';
import { Store } from '../../src/core/config/store.js';
import { keysFromSeed } from '../../src/core/identity/keys.js';
import { decodeToken } from '../../src/core/identity/token.js';
import { fromBase64Url, toBase64Url } from '../../src/core/lib/bytes.js';
import { systemClock, systemRandom } from '../../src/core/lib/env.js';
import { makeMember } from '../../src/core/membership/certify.js';
import { emptyState } from '../../src/core/membership/profile.js';
import { secretBytes } from '../../src/core/membership/self.js';
import { witnessed } from '../support/receipts.js';
import { SeededRandom } from '../support/virtual.js';
import { TestHome, binary, madeNetwork } from './support.js';

const kills = Number(process.env['EVIO_KILLS'] ?? ((process.env['CI'] ?? '') === '' ? 12 : 24));
/** As of so many at a time: the machine of the tests has few cores. */
const perKind = Math.ceil(kills / 4);
const random = new SeededRandom(Number(process.env['EVIO_KILL_SEED'] ?? 77));

let homes: TestHome[];
beforeEach(() => {
  homes = [];
});
afterEach(() => {
  for (const home of homes) home.remove();
});
const newHome = (): TestHome => {
  const home = new TestHome();
  homes.push(home);
  return home;
};

interface Killed {
  /** What it acknowledged: a whole JSON object on standard output. */
  readonly said: Record<string, unknown> | undefined;
  readonly killed: boolean;
  readonly tookMs: number;
}

/** Runs `evio …` and kills it after `ms`, if it lives that long. */
async function killAfter(home: TestHome, args: readonly string[], ms: number): Promise<Killed> {
  const begun = performance.now();
  const child = spawn(process.execPath, [binary, ...args, '--json'], { env: home.environment, cwd: '/' });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.resume();
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.once('close', (_, signal) => resolve(signal)),
  );
  void sleep(ms).then(() => child.kill('SIGKILL'));
  const killed = (await ended) === 'SIGKILL';
  let said: Record<string, unknown> | undefined;
  try {
    said = JSON.parse(out) as Record<string, unknown>;
  } catch {
    // It did not come to that.
  }
  return { said: said && !('error' in said) ? said : undefined, killed, tookMs: performance.now() - begun };
}

/** How long the command takes when it is left alone: kills spread over its last two thirds, where it does something. */
async function instants(args: readonly string[], make: () => Promise<TestHome>): Promise<() => number> {
  const { tookMs } = await killAfter(await make(), args, 30_000);
  return () => tookMs * (0.35 + 0.75 * random.unit());
}

interface Tokens {
  tokens: { id: string }[];
}
const tokensOf = async (home: TestHome): Promise<string[]> =>
  (await home.run(['token', 'list', '--json'])).json<Tokens>().tokens.map(({ id }) => id);
const networkOf = async (home: TestHome): Promise<string[]> =>
  existsSync(`${home.path}/networks`)
    ? readdirSync(`${home.path}/networks`).filter((name) => /^[0-9a-f]{16}$/.test(name))
    : [];

describe('kill -9', { timeout: 60_000 + kills * 10_000 }, () => {
  it('in init leaves a network with its token, or none, and init works again', async () => {
    const at = await instants(['init', 'home'], async () => newHome());
    let acknowledged = 0;
    let killed = 0;
    for (let i = 0; i < perKind; i++) {
      const home = newHome();
      const outcome = await killAfter(home, ['init', 'home'], at());
      if (outcome.killed) killed++;
      const there = await networkOf(home);
      if (outcome.said) {
        acknowledged++;
        expect(there).toEqual([(outcome.said['network'] as { id: string }).id]);
      }
      if (there.length > 0) expect((await tokensOf(home)).length).toBe(1);
      const again = await home.run(['init', 'home', '--json']);
      if (there.length > 0) expect(again.error().code).toBe('EVIO_ALREADY_JOINED');
      else expect(again.stderr + again.stdout).toContain('"token"');
      expect((await networkOf(home)).length).toBe(1);
    }
    console.log(`init: ${perKind} times, ${killed} killed, ${acknowledged} acknowledged`);
    expect(killed).toBeGreaterThan(0);
  });

  it('in token create loses no token that was told, and harms none that was there', async () => {
    const make = async (): Promise<TestHome> => {
      const home = newHome();
      await madeNetwork(home);
      return home;
    };
    const at = await instants(['token', 'create'], make);
    const home = await make();
    const told = await tokensOf(home);
    let attempts = 1;
    let killed = 0;
    for (let i = 0; i < perKind; i++, attempts++) {
      const outcome = await killAfter(home, ['token', 'create'], at());
      if (outcome.killed) killed++;
      if (outcome.said) told.push(outcome.said['id'] as string);
      const there = await tokensOf(home);
      expect(there).toEqual(expect.arrayContaining(told));
      expect(new Set(there).size).toBe(there.length);
      expect(there.length).toBeLessThanOrEqual(attempts + 1);
    }
    console.log(`token create: ${perKind} times, ${killed} killed, ${told.length - 1} acknowledged`);
    expect(killed).toBeGreaterThan(0);
    // Its lock is free, its folder has no more than what belongs there.
    expect((await home.run(['token', 'create', '--json'])).status).toBe(0);
  });

  it('in revoke loses no bar that was told, and each next one works', async () => {
    const env = { clock: systemClock, random: systemRandom };
    const make = async (): Promise<TestHome> => {
      const home = newHome();
      const { token, network } = await madeNetwork(home);
      const store = new Store(homeAt(home.path));
      const root = keysFromSeed(secretBytes(store.profile(network.id).rootSeed ?? ''));
      const members = Array.from({ length: perKind + 1 }, (_, i) => {
        const { credential } = makeMember(decodeToken(token), { name: `m${i}` }, env);
        return toBase64Url(witnessed(fromBase64Url(credential) as Uint8Array, root, Date.now()));
      });
      store.saveState(network.id, { ...emptyState, members });
      return home;
    };
    const at = await instants(['revoke', `m${perKind}`], make);
    const home = await make();
    const store = new Store(homeAt(home.path));
    const [id = ''] = store.ids();
    const barred = (): string[] => [...store.ledger(id).ledger.standing.bars].map(({ name }) => name);
    const told: string[] = [];
    let killed = 0;
    for (let i = 0; i < perKind; i++) {
      const outcome = await killAfter(home, ['revoke', `m${i}`], at());
      if (outcome.killed) killed++;
      if (outcome.said) told.push(`m${i}`);
      expect(barred()).toEqual(expect.arrayContaining(told));
    }
    console.log(`revoke: ${perKind} times, ${killed} killed, ${told.length} acknowledged`);
    expect(killed).toBeGreaterThan(0);
    const last = await home.run(['revoke', `m${perKind}`, '--json']);
    expect(last.stderr + last.stdout).toContain('"revoked"');
    expect(barred()).toEqual(expect.arrayContaining([...told, `m${perKind}`]));
    expect(store.ledger(id).ledger.forks).toEqual([]);
  });

  it('in join leaves a membership, or none, and joining again gives one identity', async () => {
    const owner = newHome();
    const { token } = await madeNetwork(owner);
    const join = ['join', token, '--no-start'];
    const at = await instants(join, async () => newHome());
    let killed = 0;
    for (let i = 0; i < perKind; i++) {
      const home = newHome();
      const outcome = await killAfter(home, join, at());
      if (outcome.killed) killed++;
      const id = (outcome.said?.['node'] as { id: string } | undefined)?.id;
      const there = await networkOf(home);
      if (id !== undefined) expect(there.length).toBe(1);
      const first = (await home.run([...join, '--json'])).json<{ node: { id: string } }>().node.id;
      if (id !== undefined) expect(first).toBe(id);
      const second = (await home.run([...join, '--json'])).json<{ node: { id: string } }>().node.id;
      expect(second).toBe(first);
      expect((await networkOf(home)).length).toBe(1);
    }
    console.log(`join: ${perKind} times, ${killed} killed`);
    expect(killed).toBeGreaterThan(0);
  });
});

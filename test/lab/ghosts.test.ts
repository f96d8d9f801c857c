/** Machines that have one name, go, and come again as others: nobody is left behind under a name that somebody has. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import { TestNet, type TestNode } from './support.js';

const site = { nat: 'endpoint-independent' } as const;

interface Peer {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly lastSeenAgeMs: number | null;
}

let net: TestNet;
let first: TestNode;
let one: TestNode;
let two: TestNode;

beforeEach(async () => {
  net = await TestNet.create(site);
  one = await net.place(site);
  two = await net.place(site);
  [first] = net.nodes as [TestNode];
});
afterEach(async () => {
  await net?.destroy();
});

const comes = async ({ node }: TestNode): Promise<void> => {
  node.launch(['join', net.token, '--name', 'web']);
  await node.up();
};

/** What the first machine says of the others, once it is so. */
async function untilPeers(
  what: string,
  holds: (peers: readonly Peer[]) => boolean,
): Promise<readonly Peer[]> {
  let peers: readonly Peer[] = [];
  for (let i = 0; i < 300; i++) {
    ({ peers } = await first.node.json<{ peers: Peer[] }>(['peers']));
    if (holds(peers)) return peers;
    await sleep(100);
  }
  throw new Error(`not ${what}: ${JSON.stringify(peers)}`);
}

const names = (peers: readonly Peer[]): string =>
  peers
    .map(({ name }) => name)
    .sort()
    .join();
const answers = async (name: string): Promise<string> =>
  (
    await first.node.json<{ peer: string; received: number }>([
      'ping',
      name,
      '-c',
      '2',
      '--interval',
      '100ms',
    ])
  ).peer;

it('two machines of one name are told apart; one leaves and comes again as another, then is switched off', async () => {
  await comes(one);
  await untilPeers('web', (peers) => names(peers) === 'web');
  await comes(two);
  await untilPeers('web and web-2', (peers) => names(peers) === 'web,web-2');
  expect(await answers('web')).toBe(one.node.id);
  expect(await answers('web-2')).toBe(two.node.id);

  // It has its name again, and nothing is left of it before.
  const before = one.node.id;
  await one.node.cli(['leave', '--force']);
  await untilPeers('without it', (peers) => peers.every(({ id }) => id !== before));
  await comes(one);
  expect(one.node.id).not.toBe(before);
  const again = await untilPeers('both again', (seen) => names(seen) === 'web,web-2');
  expect(again.map(({ id }) => id).sort()).toEqual([one.node.id, two.node.id].sort());
  for (const { name, id } of again) expect(await answers(name)).toBe(id);

  // Offline is not the same as one that does not answer.
  await one.node.stop();
  const off = (peers: readonly Peer[]): boolean =>
    peers.some(
      ({ id, state, lastSeenAgeMs }) => id === one.node.id && state === 'offline' && lastSeenAgeMs !== null,
    );
  await untilPeers('offline', off);
  expect((await first.node.cli(['peers'])).stdout).toMatch(/offline, last seen/);
  const peers = await untilPeers('offline', off);
  const alive = peers.find(({ id }) => id === two.node.id) as Peer;
  expect(await answers(alive.name)).toBe(two.node.id);
});

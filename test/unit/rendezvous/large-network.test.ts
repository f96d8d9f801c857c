/** A relay above the threshold, here 8 members: a sorted registry instead of a roster. Real sockets. */
import { afterEach, describe, expect, it } from 'vitest';
import { ownerOf } from '../../../src/core/identity/certificate.js';
import { macOf } from '../../../src/core/identity/node-id.js';
import { fromBase64Url, toHex } from '../../../src/core/lib/bytes.js';
import { formatIpv4 } from '../../../src/core/lib/ipv4.js';
import type { FindRequest } from '../../../src/core/wire/signal.js';
import { Kit, sleep, TestNetwork, until, type TestClient, type TestRelay } from './relay-kit.js';

const kit = new Kit();
afterEach(() => kit.clean());

const limits = { introduceAll: 8 };

interface Large {
  readonly relay: TestRelay;
  readonly network: TestNetwork;
  /** In the order of ids. */
  readonly clients: TestClient[];
}

/** A network of `count` members, all online. */
async function large(count: number): Promise<Large> {
  const relay = await kit.relay({ limits: { ...limits, handshakes: 1_000, handshakesPerAddress: 1_000 } });
  const network = new TestNetwork([relay.fact]);
  const clients: TestClient[] = [];
  for (let i = 0; i < count; i++) clients.push(await kit.client(network.node(i + 1), relay.fact).up());
  clients.sort((a, b) => (a.node.idText < b.node.idText ? -1 : 1));
  return { relay, network, clients };
}

const idOf = (client: TestClient | undefined): string => client?.node.idText ?? '';
const owners = (members: readonly string[]): string[] =>
  members.map((text) => ownerOf(fromBase64Url(text) ?? new Uint8Array(0)) ?? 'none');

/** The neighbours of a place in a list that closes to a ring. */
function around(clients: readonly TestClient[], at: number, count: number): string[] {
  const out: string[] = [];
  for (let i = 1; i <= count; i++) {
    out.push(idOf(clients[(at + i) % clients.length]));
    out.push(idOf(clients[(at - i + clients.length) % clients.length]));
  }
  return out;
}

let query = 0;
async function find(client: TestClient, key: Omit<FindRequest, 'type' | 'query'>) {
  const mine = ++query;
  expect(client.client.request({ type: 'find', query: mine, ...key })).toBe(true);
  const answer = () => client.answers.find((one) => one.type === 'found' && one.query === mine);
  await until(() => answer() !== undefined);
  return answer() as Extract<ReturnType<typeof answer>, { type: 'found' }>;
}

async function locate(client: TestClient, targets: string[]): Promise<string[]> {
  const before = client.answers.length;
  expect(client.client.request({ type: 'locate', targets })).toBe(true);
  const answer = () => client.answers.slice(before).find((one) => one.type === 'located');
  await until(() => answer() !== undefined);
  return owners((answer() as { members: string[] }).members);
}

describe('a network at the threshold', () => {
  it('is told of everybody, and told when that ends', async () => {
    const { relay, network, clients } = await large(8);
    for (const { ups } of clients) expect(ups[0]?.welcome).toMatchObject({ complete: true });
    expect(clients.map(({ ups }) => ups[0]?.welcome.size).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const ninth = await kit.client(network.node(9), relay.fact).up();
    expect(ninth.ups[0]?.welcome).toMatchObject({ complete: false, size: 9 });
    for (const client of clients) {
      await until(() => client.answers.length === 1);
      expect(client.answers).toEqual([{ type: 'roster', complete: false, size: 8 }]);
    }
    // Those who knew everybody go on hearing of everybody they knew.
    const gone = clients[0] as TestClient;
    gone.client.stop();
    for (const client of clients.slice(1)) {
      await until(() => client.presence.some(({ id, online }) => id === idOf(gone) && !online));
    }
  });
});

describe('a large network', () => {
  it('welcomes a node with its neighbours and some others, all online', async () => {
    const { relay, network, clients } = await large(30);
    const off = clients.splice(7, 1)[0] as TestClient;
    off.client.stop();
    await until(() => relay.server.clients === 29);
    const newcomer = await kit.client(network.node(100), relay.fact).up();
    const welcome = newcomer.ups[0]?.welcome;
    expect(welcome).toMatchObject({ complete: false, size: 30 });
    const all = [...clients, newcomer].sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
    const told = welcome?.online ?? [];
    expect(told).toEqual(expect.arrayContaining(around(all, all.indexOf(newcomer), 4)));
    expect(told.length).toBeLessThanOrEqual(16);
    expect(told.length).toBeGreaterThan(8);
    expect(new Set(told).size).toBe(told.length);
    expect(told).not.toContain(idOf(off));
    expect(told).not.toContain(idOf(newcomer));
    expect(owners(welcome?.members ?? [])).toEqual(told);
  });

  it('tells the neighbours of a newcomer, and nobody else', async () => {
    const { relay, network, clients } = await large(40);
    await sleep(100);
    for (const { presence, members } of clients) presence.length = members.length = 0;
    const newcomer = await kit.client(network.node(100), relay.fact).up();
    const all = [...clients, newcomer].sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
    const near = around(all, all.indexOf(newcomer), 4);
    await until(() => clients.filter((client) => client.presence.length > 0).length === 8);
    await sleep(100);
    const told = clients.filter(({ presence }) => presence.length > 0);
    expect(told.map(idOf).sort()).toEqual(near.sort());
    for (const client of told) {
      expect(client.presence).toEqual([{ id: idOf(newcomer), online: true }]);
      expect(client.members).toEqual([newcomer.node.credential]);
    }
    // They are told of its going too; and of its return, with no need for the credential again.
    newcomer.client.stop();
    for (const client of told) await until(() => client.presence.length === 2);
    await kit.client(newcomer.node, relay.fact).up();
    for (const client of told) {
      await until(() => client.presence.length === 3);
      expect(client.members).toHaveLength(1);
    }
  });

  it('tells a node of the going of those its welcome named, and of none that it never heard of', async () => {
    const { relay, network, clients } = await large(40);
    const newcomer = await kit.client(network.node(100), relay.fact).up();
    const told = newcomer.ups[0]?.welcome.online ?? [];
    await sleep(50);
    newcomer.presence.length = 0;
    const named = clients.find((client) => told.includes(idOf(client))) as TestClient;
    const unheard = clients.find((client) => !told.includes(idOf(client))) as TestClient;
    unheard.client.stop();
    await until(() => relay.server.clients === 40);
    named.client.stop();
    await until(() => newcomer.presence.length > 0);
    expect(newcomer.presence).toEqual([{ id: idOf(named), online: false }]);
  });

  it('locates who is at or after a place, not the asker, each once, and has them watched', async () => {
    const { clients } = await large(30);
    const asker = clients[3] as TestClient;
    const own = idOf(asker);
    const next = idOf(clients[4]);
    expect(await locate(asker, [own])).toEqual([next]);
    expect(await locate(asker, [own, next])).toEqual([next]);
    const last = 'f'.repeat(32);
    const first = '0'.repeat(32);
    expect(await locate(asker, [last, first])).toEqual([idOf(clients[0])]);
    const far = clients[18] as TestClient;
    expect(await locate(asker, [idOf(far)])).toEqual([idOf(far)]);
    far.client.stop();
    await until(() => asker.presence.some(({ id, online }) => id === idOf(far) && !online));
    expect(await locate(asker, [idOf(far)])).toEqual([idOf(clients[19])]);
  });

  it('finds members by name, address, id, beginning of an id, MAC and ids', async () => {
    const { relay, network, clients } = await large(20);
    const asker = clients[2] as TestClient;
    const wanted = clients[11] as TestClient;
    const { node } = wanted;
    const number = Number(new TextDecoder().decode(node.credential).match(/node-(\d+)/)?.[1]);
    const only = async (key: Omit<FindRequest, 'type' | 'query'>) => {
      const { members, online } = await find(asker, key);
      expect(owners(members)).toEqual([node.idText]);
      expect(online).toEqual([node.idText]);
    };
    await only({ text: `node-${number}` });
    await only({ text: ` NODE-${number}` });
    await only({ text: formatIpv4(0x0a01_0000 + number) });
    await only({ text: node.idText });
    await only({ text: node.idText.slice(0, 10) });
    await only({ mac: toHex(macOf(node.id)) });
    await only({ ids: [node.idText, 'f'.repeat(32)] });
    for (const text of ['', 'node-', node.idText.slice(0, 3), '10.1.99.99']) {
      expect((await find(asker, { text })).members).toEqual([]);
    }
    expect((await find(asker, { mac: '000000000000' })).members).toEqual([]);
    expect((await find(asker, {})).members).toEqual([]);
    expect((await find(asker, { ids: [idOf(asker)] })).members).toEqual([]);
    // Names are not unique, and a name may look like an id.
    const twin = await kit.client(network.node(200, undefined, { name: `node-${number}` }), relay.fact).up();
    const both = await find(asker, { text: `node-${number}` });
    expect(owners(both.members).sort()).toEqual([node.idText, idOf(twin)].sort());
    // Who is gone is still found, and its return is told.
    wanted.client.stop();
    await until(() => asker.presence.some(({ id, online }) => id === node.idText && !online));
    const found = await find(asker, { mac: toHex(macOf(node.id)) });
    expect(owners(found.members)).toEqual([node.idText]);
    expect(found.online).toEqual([]);
  });

  it('tells of a member that was asked for before it ever came', async () => {
    const { relay, network, clients } = await large(20);
    const late = network.node(300);
    const ids = [...clients.map(idOf), late.idText].sort();
    // Its neighbours would hear of it anyway.
    const away = (ids.indexOf(late.idText) + 8) % ids.length;
    const asker = clients.find((client) => idOf(client) === ids[away]) as TestClient;
    expect((await find(asker, { ids: [late.idText] })).members).toEqual([]);
    await kit.client(late, relay.fact).up();
    await until(() => asker.presence.some(({ id, online }) => id === late.idText && online));
    expect(asker.members).toContainEqual(late.credential);
  });

  it('leaves too many questions unanswered and the connection up', async () => {
    const { clients } = await large(10);
    const [asker] = clients as [TestClient];
    let sent = 0;
    while (asker.client.request({ type: 'find', query: 7_000 + sent, text: 'nobody' })) sent++;
    expect(sent).toBeGreaterThanOrEqual(16);
    await until(() => asker.answers.filter(({ type }) => type === 'found').length === sent);
    expect(asker.client.state).toBe('connected');
  });
});

/** A relay as `evio relay` runs it: whom it lets in, how, and what strangers learn from it. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../src/core/lib/env.js';
import { fromBase64Url, toBase64Url, toHex } from '../../../src/core/lib/bytes.js';
import { generateKeys } from '../../../src/core/identity/keys.js';
import { relayErrands } from '../../../src/core/enroll/errands.js';
import { pinRelay, provesKey, registerOnce } from '../../../src/core/relays/net/register.js';
import { parseRelayUrl } from '../../../src/core/relays/net/relay-url.js';
import { inviteIn, makeRelayInvite } from '../../../src/rendezvous/invite.js';
import { answerAtRest, type NetworkEntry } from '../../../src/rendezvous/desk.js';
import { openTicket, signTicket } from '../../../src/rendezvous/ticket.js';
import { env, Kit, TestNetwork, until, type TestNode, type TestRelay } from './relay-kit.js';

const kit = new Kit();
afterEach(() => kit.clean());

const day = 86_400_000;

/** What the relay answers to a node: `welcome`, or the reason by which it counted the refusal. */
async function come(
  relay: TestRelay,
  node: TestNode,
  wish?: { ticket?: string | undefined; what?: 'withdraw' },
): Promise<string> {
  const before = new Map(relay.server.refused());
  const founding = wish && { what: wish.what ?? ('enter' as const), ticket: wish.ticket };
  try {
    await registerOnce({ ...node, relay: relay.fact, agent: 'x', timeoutMs: 5_000, env, founding });
    return 'welcome';
  } catch {
    for (const [reason, count] of relay.server.refused())
      if (count > (before.get(reason) ?? 0)) return reason;
    return 'no answer';
  }
}

async function ticketOf(relay: TestRelay, uses = 1, expiresMs = day): Promise<string> {
  const invite = await makeRelayInvite(join(relay.home, 'relay'), { uses, expiresMs }, env);
  return parseRelayUrl(invite.url).ticket as string;
}

async function networksOf(relay: TestRelay): Promise<NetworkEntry[]> {
  return ((await relay.server.desk.answer({ do: 'networks' })) as { networks: NetworkEntry[] }).networks;
}

describe('a relay invite that is revoked', () => {
  it('admits no network any more, after a restart too; who came by it stays', async () => {
    const relay = await kit.closedRelay();
    expect(await come(relay, new TestNetwork([relay.fact]).node(1), {})).toBe('welcome');
    const ticket = await ticketOf(relay, 2);
    const [one, two] = [1, 2].map(() => new TestNetwork([relay.fact])) as [TestNetwork, TestNetwork];
    expect(await come(relay, one.node(1), { ticket })).toBe('welcome');
    const url = `evio://192.0.2.1:1#${toBase64Url(relay.fact.key)}.${ticket}`;
    const { id } = inviteIn(url);
    expect(inviteIn(id)).toEqual({ id });
    const answer = await relay.server.desk.answer({ do: 'revoke-invite', ...inviteIn(url) });
    expect(answer).toMatchObject({ invite: { id, state: 'revoked', networks: [one.id] } });
    expect(await come(relay, two.node(1), { ticket })).toBe('invite-revoked');
    await relay.server.stop();
    const again = await kit.closedRelay({ home: relay.home, listen: relay.listen });
    expect(await come(again, two.node(1), { ticket })).toBe('invite-revoked');
    expect(await come(again, one.node(2, one.invite()))).toBe('welcome');
    expect(() => inviteIn('evio://192.0.2.1:1')).toThrow('is no relay invite');
  });
});

describe('a refusal', () => {
  it('is told to the operator at once, and then counted, so that a flood fills no log', async () => {
    const lines: unknown[] = [];
    const log = {
      ...env.log,
      info: (message: string, fields?: object) => lines.push({ message, ...fields }),
    };
    const relay = await kit.closedRelay({ env: { ...env, log } });
    for (let i = 0; i < 5; i++) {
      expect(await come(relay, new TestNetwork([relay.fact]).node(1))).toBe('network-unknown');
    }
    const refusals = (): unknown[] =>
      lines.filter((line) => (line as { message: string }).message === 'relay refused nodes');
    expect(refusals()).toEqual([{ message: 'relay refused nodes', reason: 'network-unknown', count: 1 }]);
    await relay.server.stop();
    expect(refusals().slice(1)).toEqual([
      { message: 'relay refused nodes', reason: 'network-unknown', count: 4 },
    ]);
  });
});

describe('a stranger', () => {
  it('learns no key from a closed relay, and does not get in with a network of its own', async () => {
    const relay = await kit.closedRelay();
    expect(relay.serves).toBe('first');
    const text = await (await fetch(`http://${relay.listen}/healthz`)).text();
    expect(JSON.parse(text)).toMatchObject({ status: 'ok', closed: true, udpPort: relay.port });
    const forms = [toBase64Url(relay.fact.key), toHex(relay.fact.key)];
    for (const form of forms) expect(text).not.toContain(form);
    await expect(pinRelay(relay.listen)).rejects.toMatchObject({ code: 'EVIO_RELAY_KEY_HIDDEN' });
    // Without the key there is no handshake, and so nothing that a relay would listen to.
    const guess = { ...relay.fact, key: generateKeys(systemRandom).publicKey };
    expect(await provesKey(guess, env, 2_000)).toBe(false);
    expect(await provesKey(relay.fact, env, 2_000)).toBe(true);
    expect(await come({ ...relay, fact: guess }, new TestNetwork([guess]).node(1), {})).toBe('wrong-key');
  });

  it('of a closed relay that has the key, as every member has, brings no network once one is there', async () => {
    const relay = await kit.closedRelay();
    expect(await come(relay, new TestNetwork([relay.fact]).node(1))).toBe('network-unknown');
    expect(await come(relay, new TestNetwork([relay.fact]).node(1), {})).toBe('welcome');
    expect(await come(relay, new TestNetwork([relay.fact]).node(1))).toBe('network-unknown');
  });
});

describe('the first network', () => {
  it('claims a new relay, with all its members, for good; the next needs an invite', async () => {
    const relay = await kit.closedRelay();
    const network = new TestNetwork([relay.fact]);
    const owner = network.node(1);
    expect(await come(relay, owner, {})).toBe('welcome');
    expect(await come(relay, owner)).toBe('welcome');
    expect(await come(relay, network.node(2, network.invite()))).toBe('welcome');
    expect(await come(relay, new TestNetwork([relay.fact]).node(1), {})).toBe('network-unknown');
    await relay.server.stop();
    const again = await kit.closedRelay({ home: relay.home, listen: relay.listen });
    expect(again.serves).toBe('admitted');
    expect(await come(again, owner)).toBe('welcome');
    expect(await come(again, new TestNetwork([relay.fact]).node(1), {})).toBe('network-unknown');
    expect(await networksOf(again)).toMatchObject([
      { id: network.id, name: 'test', by: 'claim', members: 2 },
    ]);
  });

  it('is founded by who made it, not by somebody with an invite to it', async () => {
    const relay = await kit.closedRelay();
    const network = new TestNetwork([relay.fact]);
    expect(await come(relay, network.node(2, network.invite()), {})).toBe('not-the-owner');
    expect(await come(relay, network.node(1), {})).toBe('welcome');
  });

  it('may be taken back by who founded it, as long as nobody joined: init failed at another relay', async () => {
    const relay = await kit.closedRelay();
    const [lost, kept] = [1, 2].map(() => new TestNetwork([relay.fact])) as [TestNetwork, TestNetwork];
    const founder = lost.node(1);
    expect(await come(relay, founder, {})).toBe('welcome');
    expect(await come(relay, kept.node(1), {})).toBe('network-unknown');
    expect(await come(relay, kept.node(1), { what: 'withdraw' })).toBe('network-unknown');
    expect(await come(relay, founder, { what: 'withdraw' })).toBe('withdrawn');
    expect(await networksOf(relay)).toEqual([]);
    await relay.server.stop();
    const again = await kit.closedRelay({ home: relay.home, listen: relay.listen });
    const owner = kept.node(1);
    expect(await come(again, owner, {})).toBe('welcome');
    expect(await come(again, kept.node(2))).toBe('welcome');
    // A network in use is nobody's to take back.
    expect(await come(again, owner, { what: 'withdraw' })).toBe('withdrawn');
    expect(await networksOf(again)).toMatchObject([{ id: kept.id, members: 2 }]);
  });

  it('is not whoever comes after state was lost', async () => {
    const relay = await kit.closedRelay();
    await relay.server.stop();
    const folder = join(relay.home, 'relay');
    for (const file of readdirSync(folder)) if (file !== 'relay.json') rmSync(join(folder, file));
    const again = await kit.closedRelay({ home: relay.home, listen: relay.listen });
    expect(again.serves).toBe('admitted');
    expect(await come(again, new TestNetwork([relay.fact]).node(1), {})).toBe('network-unknown');
  });

  it('is not whoever comes after state was damaged; a relay that cannot read its state does not begin', async () => {
    const relay = await kit.closedRelay();
    expect(await come(relay, new TestNetwork([relay.fact]).node(1), {})).toBe('welcome');
    await relay.server.stop();
    const folder = join(relay.home, 'relay');
    for (const file of readdirSync(folder).filter((name) => /^(log|snapshot)\./.test(name)))
      writeFileSync(join(folder, file), 'nonsense\n{"kind":"begin"}\n');
    for (let start = 0; start < 2; start++) {
      const again = await kit.closedRelay({ home: relay.home, listen: relay.listen });
      expect(again.serves).toBe('admitted');
      expect(await come(again, new TestNetwork([relay.fact]).node(1), {})).toBe('network-unknown');
      await again.server.stop();
    }
    mkdirSync(join(folder, 'log.99'));
    await expect(kit.closedRelay({ home: relay.home, listen: relay.listen })).rejects.toMatchObject({
      code: 'EVIO_STORAGE',
    });
  });

  it('may be any at an open relay, which keeps none of them when it is closed', async () => {
    const relay = await kit.relay();
    const networks = [1, 2].map(() => new TestNetwork([relay.fact]));
    for (const network of networks) expect(await come(relay, network.node(1), {})).toBe('welcome');
    await relay.server.stop();
    const closed = await kit.closedRelay({ home: relay.home, listen: relay.listen });
    expect(closed.serves).toBe('admitted');
    for (const network of networks) expect(await come(closed, network.node(1), {})).toBe('network-unknown');
    const one = networks[0] as TestNetwork;
    await closed.server.desk.answer({ do: 'allow', network: one.id });
    expect(await come(closed, one.node(1))).toBe('address-taken');
  });
});

describe('a relay invite', () => {
  it('lets as many networks in as it says, each once, also after a restart', async () => {
    const relay = await kit.closedRelay();
    await come(relay, new TestNetwork([relay.fact]).node(1), {});
    const ticket = await ticketOf(relay, 2);
    const [one, two, three] = [1, 2, 3].map(() => new TestNetwork([relay.fact])) as [
      TestNetwork,
      TestNetwork,
      TestNetwork,
    ];
    for (const network of [one, two]) {
      const node = network.node(1);
      expect(await come(relay, node, { ticket })).toBe('welcome');
      expect(await come(relay, node, { ticket })).toBe('welcome');
      expect(await come(relay, node)).toBe('welcome');
    }
    expect(await come(relay, three.node(1), { ticket })).toBe('invite-used-up');
    await relay.server.stop();
    const again = await kit.closedRelay({ home: relay.home, listen: relay.listen });
    expect(await come(again, three.node(1), { ticket })).toBe('invite-used-up');
    expect(await come(again, two.node(2))).toBe('welcome');
    // Forgotten is not given back.
    await again.server.desk.answer({ do: 'forget', network: one.id });
    expect(await come(again, three.node(1), { ticket })).toBe('invite-used-up');
  });

  it('is not used up by a network that was taken back', async () => {
    const relay = await kit.closedRelay();
    await come(relay, new TestNetwork([relay.fact]).node(1), {});
    const ticket = await ticketOf(relay);
    const [lost, kept] = [1, 2].map(() => new TestNetwork([relay.fact])) as [TestNetwork, TestNetwork];
    const founder = lost.node(1);
    expect(await come(relay, founder, { ticket })).toBe('welcome');
    expect(await come(relay, kept.node(1), { ticket })).toBe('invite-used-up');
    expect(await come(relay, founder, { what: 'withdraw' })).toBe('withdrawn');
    expect(await come(relay, founder)).toBe('network-unknown');
    expect(await come(relay, kept.node(1), { ticket })).toBe('welcome');
  });

  it('is of this relay, in time, and for owners', async () => {
    const relay = await kit.closedRelay();
    const other = await kit.closedRelay();
    for (const each of [relay, other]) await come(each, new TestNetwork([each.fact]).node(1), {});
    const network = new TestNetwork([relay.fact]);
    const foreign = await ticketOf(other);
    expect(await come(relay, network.node(1), { ticket: foreign })).toBe('invite-bad');
    expect(await come(relay, network.node(1), { ticket: 'AAAA' })).toBe('invite-bad');
    const good = await ticketOf(relay);
    const changed = fromBase64Url(good) as Uint8Array;
    changed[20] = (changed[20] as number) + 1; // more uses
    expect(await come(relay, network.node(1), { ticket: toBase64Url(changed) })).toBe('invite-bad');
    expect(await come(relay, network.node(1), { ticket: await ticketOf(relay, 1, -1) })).toBe(
      'invite-expired',
    );
    expect(await come(relay, network.node(2, network.invite()), { ticket: good })).toBe('not-the-owner');
    expect(await come(relay, network.node(1), { ticket: good })).toBe('welcome');
  });

  it('travels in the URL, and init shows it to the relay', async () => {
    const relay = await kit.closedRelay();
    await come(relay, new TestNetwork([relay.fact]).node(1), {});
    const invite = await makeRelayInvite(join(relay.home, 'relay'), { uses: 1, expiresMs: day }, env);
    expect(invite.url.startsWith(`${relay.url}.`)).toBe(true);
    const errands = relayErrands(env, 'evio/test');
    const named = await errands.find(invite.url);
    expect(named.fact).toEqual(relay.fact);
    const network = new TestNetwork([relay.fact]);
    const node = network.node(1);
    await errands.found(named, { ...node } as unknown as Parameters<typeof errands.found>[1]);
    expect((await networksOf(relay)).map(({ by }) => by)).toEqual(['claim', 'ticket']);
  });

  it('is needed by nobody, and hurts nobody, at an open relay', async () => {
    const relay = await kit.relay();
    expect(await come(relay, new TestNetwork([relay.fact]).node(1), { ticket: 'AAAA' })).toBe('welcome');
  });

  it('is read to its end', () => {
    const keys = generateKeys(systemRandom);
    const bytes = signTicket(new Uint8Array(8).fill(7), 1_000, 3, keys);
    expect(openTicket(bytes, keys)).toEqual({ id: '07'.repeat(8), notAfter: 1_000, uses: 3 });
    for (let length = 0; length < bytes.length; length++)
      expect(openTicket(bytes.subarray(0, length), keys)).toBeUndefined();
    expect(openTicket(new Uint8Array([...bytes, 0]), keys)).toBeUndefined();
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at] = (changed[at] as number) ^ 1;
      expect(openTicket(changed, keys)).toBeUndefined();
    }
  });
});

describe('the operator', () => {
  it('has a network forgotten at once: its members are out, and stay out', async () => {
    const relay = await kit.closedRelay();
    const network = new TestNetwork([relay.fact]);
    await come(relay, network.node(1), {});
    const other = new TestNetwork([relay.fact]);
    await relay.server.desk.answer({ do: 'allow', network: other.id });
    const bystander = await kit.client(other.node(1), relay.fact).up();
    const clients = [
      await kit.client(network.node(2), relay.fact).up(),
      await kit.client(network.node(3), relay.fact).up(),
    ];
    expect(await networksOf(relay)).toMatchObject([
      { id: network.id, members: 3, online: 2 },
      { id: other.id, by: 'operator', members: 1, online: 1 },
    ]);
    await relay.server.desk.answer({ do: 'forget', network: network.id });
    for (const client of clients) {
      await until(() => client.refusals.length === 1);
      expect(client.refusals[0]).toMatchObject({ code: 'network-not-allowed' });
    }
    expect(await come(relay, network.node(4))).toBe('network-unknown');
    expect(await networksOf(relay)).toMatchObject([{ id: other.id, online: 1 }]);
    expect(bystander.client.state).toBe('connected');
    await expect(relay.server.desk.answer({ do: 'forget', network: network.id })).rejects.toMatchObject({
      code: 'EVIO_NO_NETWORK',
    });
    await relay.server.stop();
    const again = await kit.closedRelay({ home: relay.home, listen: relay.listen });
    expect((await networksOf(again)).map(({ id }) => id)).toEqual([other.id]);
    expect(again.serves).toBe('admitted');
  });

  it('asks a relay at rest the same', async () => {
    const relay = await kit.closedRelay();
    const network = new TestNetwork([relay.fact]);
    await come(relay, network.node(1), {});
    await relay.server.stop();
    const folder = join(relay.home, 'relay');
    const list = async (): Promise<NetworkEntry[]> =>
      ((await answerAtRest(folder, env, { do: 'networks' })) as { networks: NetworkEntry[] }).networks;
    expect(await list()).toMatchObject([{ id: network.id, by: 'claim', members: 1, online: 0 }]);
    await answerAtRest(folder, env, { do: 'allow', network: '0123456789abcdef' });
    await answerAtRest(folder, env, { do: 'forget', network: network.id });
    expect(await list()).toMatchObject([{ id: '0123456789abcdef', by: 'operator', members: 0 }]);
  });
});

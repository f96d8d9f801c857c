/** A relay that an admin added, which the network's signed facts do not name; and what a relay knows after a restart. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  encodeCredential,
  parseCertificate,
  parseCredential,
  signCertificate,
} from '../../../src/core/identity/certificate.js';
import { Right, Role, signInvite } from '../../../src/core/identity/invite.js';
import { generateKeys, type Keys } from '../../../src/core/identity/keys.js';
import { signNetwork, type NetworkFacts, openNetwork } from '../../../src/core/identity/network.js';
import { makeReceipt } from '../../../src/core/identity/receipt.js';
import { systemRandom } from '../../../src/core/lib/env.js';
import { Ledger } from '../../../src/core/ledger/ledger.js';
import { registerOnce } from '../../../src/core/relays/net/register.js';
import { ledgerNews } from '../../../src/core/wire/signal.js';
import { env, Kit, TestNetwork, until, type TestNode, type TestRelay } from './relay-kit.js';

let kit: Kit;
beforeEach(() => {
  kit = new Kit();
});
afterEach(() => kit.clean());

function come(relay: TestRelay, node: TestNode, ledger?: Ledger): Promise<unknown> {
  return registerOnce({
    ...node,
    relay: relay.fact,
    agent: 'evio/test',
    timeoutMs: 5_000,
    env,
    heads: [],
    ...(ledger && { brings: ledgerNews(ledger.all())[0] }),
  });
}

describe('a relay that an admin added', () => {
  it('serves members whose token does not name it, though their first machine brought the network before', async () => {
    const first = await kit.relay();
    const added = await kit.closedRelay();
    const network = new TestNetwork([first.fact]);
    const owner = network.node(1);
    const facts = openNetwork(network.networkBytes) as NetworkFacts;
    const both = signNetwork({ ...facts, relays: [first.fact, added.fact] }, network.root);
    // As `evio network relay add` does it.
    await registerOnce({
      ...owner,
      networkBytes: both,
      relay: added.fact,
      agent: 'evio/test',
      timeoutMs: 5_000,
      env,
      founding: { what: 'enter' },
    });
    const member = network.node(2, network.invite());
    await expect(come(added, member)).rejects.toMatchObject({ code: 'EVIO_RELAY_REFUSED' });
    const ledger = new Ledger(network.root.publicKey);
    ledger.say(
      { kind: 'facts', serial: 2, name: 'test', mtu: 1350, relays: [first.fact, added.fact] },
      network.root,
      Date.now(),
    );
    await come(added, member, ledger);
    // From now on it knows by itself.
    await come(added, network.node(3, network.invite()));
  });
});

describe('a closed relay, after the root key was replaced', () => {
  /** The node with a renewal by this key. */
  function renewed(network: TestNetwork, host: number, issuer: Keys, rights: number): TestNode {
    const node = network.node(host, undefined, { rights });
    const parts = parseCredential(node.credential);
    const certificate = parts && parseCertificate(parts.certificate);
    if (!parts || !certificate) throw new Error('no certificate');
    const { keys } = node;
    const now = Date.now();
    const invite = signInvite(
      {
        issuer: issuer.publicKey,
        key: keys.publicKey,
        notAfter: certificate.notAfter,
        uses: 0,
        joined: now,
        roles: Role.switch | Role.leaf,
        rights,
        ephemeral: false,
        range: (openNetwork(network.networkBytes) as NetworkFacts).cidr,
        tags: [],
      },
      issuer,
    );
    const credential = encodeCredential({
      certificate: signCertificate(certificate, keys, keys),
      invite,
      receipt: makeReceipt(certificate, keys.publicKey, { joined: now }, now, issuer),
    });
    return { ...node, credential };
  }

  it('is claimed by the machine that made the network, renewed or not, and by no other', async () => {
    const first = await kit.relay();
    const closed = await kit.closedRelay();
    const network = new TestNetwork([first.fact]);
    const root = generateKeys(systemRandom);
    const relays = [first.fact, closed.fact];
    const ledger = new Ledger(network.root.publicKey);
    ledger.say({ kind: 'root-replace', key: root.publicKey, kept: [] }, network.root, Date.now());
    ledger.say({ kind: 'facts', serial: 2, name: 'test', mtu: 1350, relays }, root, Date.now());
    const bring = (node: TestNode): Promise<unknown> =>
      registerOnce({
        ...node,
        relay: closed.fact,
        agent: 'evio/test',
        timeoutMs: 5_000,
        env,
        founding: { what: 'enter' },
        heads: [],
        brings: ledgerNews(ledger.all())[0],
      });
    const code = 'EVIO_RELAY_REFUSED';
    // A member that the new root renewed, and an admin by its own word.
    await expect(bring(renewed(network, 2, root, 0))).rejects.toMatchObject({ code });
    const stranger = generateKeys(systemRandom);
    await expect(bring(renewed(network, 3, stranger, Right.admin))).rejects.toBeDefined();
    await bring(renewed(network, 1, root, Right.admin));
    const desk = (await closed.server.desk.answer({ do: 'networks' })) as { networks: { id: string }[] };
    expect(desk.networks.map(({ id }) => id)).toEqual([network.id]);
  });
});

describe('a relay that starts again', () => {
  it('knows who was revoked, and forgets them', async () => {
    const relay = await kit.relay();
    const network = new TestNetwork([relay.fact]);
    const invite = network.invite();
    const [good, bad] = [2, 3].map((host) => network.node(host, invite)) as [TestNode, TestNode];
    await come(relay, good);
    await come(relay, bad);
    const owner = await kit.client(network.node(1), relay.fact).up();
    const out = await kit.client(bad, relay.fact).up();
    const ledger = new Ledger(network.root.publicKey);
    const bar = { kind: 'bar-member', key: bad.keys.publicKey, name: 'bad', reason: '' } as const;
    for (const news of ledgerNews([ledger.say(bar, network.root, Date.now())])) owner.client.tell(news);
    await until(() => out.refusals.length > 0);
    out.client.stop();
    await expect(come(relay, bad)).rejects.toMatchObject({ code: 'EVIO_REVOKED' });
    owner.client.stop();
    await relay.server.stop();
    const again = await kit.relay({ home: relay.home, listen: relay.listen });
    await expect(come(again, bad)).rejects.toMatchObject({ code: 'EVIO_REVOKED' });
    await come(again, good);
    const { networks } = (await again.server.desk.answer({ do: 'networks' })) as {
      networks: { members: number }[];
    };
    expect(networks[0]?.members).toBe(2);
  });
});

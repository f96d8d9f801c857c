/** Two relays that do not know of each other's members, and members that claim the same: real sockets, shifted clocks. */
import { afterEach, describe, expect, it } from 'vitest';
import { verifyCredential } from '../../../src/core/identity/certificate.js';
import { openNetwork, type NetworkFacts } from '../../../src/core/identity/network.js';
import { fromBase64Url } from '../../../src/core/lib/bytes.js';
import type { Env } from '../../../src/core/lib/env.js';
import { noClaims } from '../../../src/core/identity/claims.js';
import { NetworkRecord } from '../../../src/rendezvous/network-record.js';
import { withReceipt } from '../../../src/core/membership/self.js';
import { registerOnce } from '../../../src/core/relays/net/register.js';
import type { RelayFact } from '../../../src/core/identity/network.js';
import { firstReceiptOf } from '../../support/receipts.js';
import { generateKeys } from '../../../src/core/identity/keys.js';
import { systemRandom } from '../../../src/core/lib/env.js';
import { env, Kit, TestNetwork, until, type TestNode } from './relay-kit.js';

const kit = new Kit();
afterEach(() => kit.clean());

/** The machine's clock, whose date is off by so many ms. */
function offBy(ms: number): Env {
  return { ...env, clock: { ...env.clock, date: () => Date.now() + ms } };
}

/** The node with the receipt that the relay gives it. */
async function joined(node: TestNode, relay: { readonly fact: RelayFact }): Promise<TestNode> {
  const welcome = await registerOnce({ ...node, relay: relay.fact, agent: 'x', timeoutMs: 5_000, env });
  const receipt = welcome.receipt === null ? undefined : fromBase64Url(welcome.receipt);
  return receipt ? { ...node, credential: withReceipt(node.credential, receipt) } : node;
}

async function stage() {
  const early = await kit.relay({ env: offBy(-3_600_000) });
  const late = await kit.relay();
  const network = new TestNetwork([early.fact, late.fact]);
  return { early, late, network, invite: network.invite() };
}

describe('an address that members claimed at two relays', () => {
  it('goes to the earlier claim, and the other is told', async () => {
    const { early, late, network, invite } = await stage();
    const first = await joined(network.node(7, invite, { name: 'first' }), early);
    const second = await kit.client(network.node(7, invite, { name: 'second' }), late.fact).up();
    const watcher = await kit.client(network.node(9, invite), late.fact).up();
    await kit.client(first, late.fact).up();
    await until(() => second.refusals.length === 1, 10_000);
    expect(second.refusals[0]).toMatchObject({ code: 'address-taken', detail: 'first' });
    await until(() => watcher.members.some((bytes) => bytes.length === first.credential.length));
  });

  it('does not go to who comes later, nor to who has no receipt for it', async () => {
    const { early, late, network, invite } = await stage();
    await joined(network.node(7, invite, { name: 'first' }), early);
    const second = await joined(network.node(7, invite, { name: 'second' }), late);
    // A member since before, with a new address, whose date it wrote itself.
    const thief = await joined(network.node(8, invite), early);
    const moved = network.node(7, invite, { keys: thief.keys, signedAt: Date.now() + 5 });
    for (const claimant of [second, moved])
      await expect(joined(claimant, early)).rejects.toMatchObject({ code: 'EVIO_ADDRESS_TAKEN' });
  });

  it('stays with its holder when the clock of the relay went back', async () => {
    const home = kit.home();
    const before = await kit.relay({ home });
    const network = new TestNetwork([before.fact]);
    const invite = network.invite();
    await joined(network.node(7, invite), before);
    await before.server.stop();
    const after = await kit.relay({ home, listen: before.listen, env: offBy(-24 * 3_600_000) });
    await expect(joined(network.node(7, invite), after)).rejects.toMatchObject({
      code: 'EVIO_ADDRESS_TAKEN',
    });
  });
});

describe('receipts', () => {
  it('of version 1 are exchanged for one that names address and name, of the same date', async () => {
    const relay = await kit.relay();
    const old = generateKeys(systemRandom);
    const network = new TestNetwork([relay.fact, { address: '127.0.0.1:9', key: old.publicKey }]);
    const node = network.node(7, network.invite({ uses: 1 }));
    const date = Date.now() - 5_000;
    const credential = withReceipt(node.credential, firstReceiptOf(node.credential, old, date));
    const upgraded = await joined({ ...node, credential }, relay);
    const verdict = verifyCredential(
      upgraded.credential,
      openNetwork(network.networkBytes) as NetworkFacts,
      Date.now(),
    );
    expect(verdict).toMatchObject({ ok: true, member: { claims: { joined: date, witnessed: true } } });
  });
});

describe('who joined by an ephemeral invite', () => {
  it('keeps its address for five minutes after it went, and for as long as it is here', () => {
    const record = new NetworkRecord('0123456789abcdef', 0);
    const member = {
      id: 'aa'.repeat(16),
      name: 'job',
      ip: 7,
      signedAt: 0,
      notAfter: Infinity,
      lastSeen: 1_000,
    };
    const credential = new Uint8Array(0);
    record.put({ ...member, claims: noClaims, credential, ephemeral: true });
    record.put({ ...member, id: 'bb'.repeat(16), ip: 8, claims: noClaims, credential, ephemeral: false });
    const late = 1_001 + 5 * 60_000;
    expect(record.pruneEphemeral(late - 1, () => false)).toBe(false);
    expect(record.pruneEphemeral(late, () => true)).toBe(false);
    expect(record.holder(7)?.name).toBe('job');
    expect(record.pruneEphemeral(late, () => false)).toBe(true);
    expect(record.holder(7)).toBeUndefined();
    expect(record.members.map(({ ip }) => ip)).toEqual([8]);
  });
});

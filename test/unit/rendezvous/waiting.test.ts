/** Who has to be let in by admins, at a relay with real sockets. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Right } from '../../../src/core/identity/invite.js';
import type { Keys } from '../../../src/core/identity/keys.js';
import { fromBase64Url } from '../../../src/core/lib/bytes.js';
import type { RelayAnswer } from '../../../src/core/relays/net/relay-client.js';
import { registerOnce } from '../../../src/core/relays/net/register.js';
import { ledgerNews, maxApplicants } from '../../../src/core/wire/signal.js';
import { Ledger } from '../../../src/core/ledger/ledger.js';
import type { Saying } from '../../support/ledger.js';
import { env, Kit, TestNetwork, until, type TestClient, type TestNode, type TestRelay } from './relay-kit.js';

let kit: Kit;
let relay: TestRelay;
let network: TestNetwork;
let ledger: Ledger;
let admin: TestClient;

/** An admin says something by its own key, as its node would. */
function say(by: TestClient, keys: Keys, saying: Saying): void {
  for (const news of ledgerNews([ledger.say(saying, keys, Date.now())])) by.client.tell(news);
}

/** Names of those who wait, as an admin was told last. */
function toldTo(client: TestClient): number | undefined {
  const told = client.answers.filter(
    (answer): answer is Extract<RelayAnswer, { type: 'applicants' }> => answer.type === 'applicants',
  );
  return told.at(-1)?.members.length;
}

beforeEach(async () => {
  kit = new Kit();
  relay = await kit.relay();
  network = new TestNetwork([relay.fact]);
  ledger = new Ledger(network.root.publicKey);
  admin = await kit.client(network.node(1, undefined, { rights: Right.admin }), relay.fact).up();
  say(admin, network.root, { kind: 'admin-add', key: admin.node.keys.publicKey });
});
afterEach(() => kit.clean());

describe('who has to be let in by admins', () => {
  function joiner(host: number, invite = network.invite({ approvals: 1 })): TestNode {
    return network.node(host, invite);
  }

  it('waits, is known to admins only, and is a member within moments of their word', async () => {
    const member = await kit.client(network.node(2), relay.fact).up();
    const waits = kit.client(joiner(3), relay.fact);
    waits.client.start();
    await until(() => waits.waits.length > 0 && toldTo(admin) === 1);
    expect(waits.waits).toEqual([{ approvals: 0, needed: 1 }]);
    expect(waits.ups).toEqual([]);
    expect(member.members).toEqual([]);
    expect(member.answers.filter(({ type }) => type === 'applicants')).toEqual([]);
    const late = await kit.client(network.node(4), relay.fact).up();
    expect(late.ups[0]?.welcome.online).not.toContain(waits.node.idText);

    const at = performance.now();
    say(admin, admin.node.keys, { kind: 'admit', id: waits.node.idText });
    await until(() => waits.ups.length > 0);
    expect(performance.now() - at).toBeLessThan(2_000);
    expect(waits.ups[0]?.welcome.receipt).not.toBeNull();
    await until(() => member.members.length > 0 && toldTo(admin) === 0);
  });

  it('is told to an admin that comes later', async () => {
    const waits = kit.client(joiner(3), relay.fact);
    waits.client.start();
    await until(() => waits.waits.length > 0);
    admin.client.stop();
    const again = await kit.client(admin.node, relay.fact).up();
    await until(() => toldTo(again) === 1);
  });

  it('is refused for good when an admin turns it away', async () => {
    const waits = kit.client(joiner(3), relay.fact);
    waits.client.start();
    await until(() => waits.waits.length > 0);
    const { publicKey } = waits.node.keys;
    say(admin, admin.node.keys, { kind: 'bar-member', key: publicKey, name: 'x', reason: '' });
    await until(() => waits.refusals.length > 0);
    expect(waits.refusals[0]?.code).toBe('revoked');
    await until(() => toldTo(admin) === 0);
  });

  it('is gone when it hangs up, and when its token is revoked', async () => {
    const invite = network.invite({ approvals: 1 });
    const [one, other] = [3, 4].map((host) => kit.client(joiner(host, invite), relay.fact));
    one?.client.start();
    other?.client.start();
    await until(() => toldTo(admin) === 2);
    one?.client.stop();
    await until(() => toldTo(admin) === 1);
    say(admin, admin.node.keys, { kind: 'bar-invite', key: invite.keys.publicKey, kept: [] });
    await until(() => toldTo(admin) === 0);
    expect(other?.refusals[0]?.code).toBe('revoked');
  });

  it('leaves room for others, however many come by one token', async () => {
    const stolen = network.invite({ approvals: 1 });
    const flood = Array.from({ length: maxApplicants / 2 + 4 }, (_, i) =>
      kit.client(joiner(10 + i, stolen), relay.fact),
    );
    for (const { client } of flood) client.start();
    await until(() => flood.every(({ waits, refusals }) => waits.length + refusals.length > 0));
    expect(flood.filter(({ waits }) => waits.length > 0)).toHaveLength(maxApplicants / 2);
    expect(relay.server.refused().get('full-waiting')).toBe(4);
    await until(() => toldTo(admin) === maxApplicants / 2);
  });

  it('is given up when its time is over, and forgotten', async () => {
    const node = joiner(3);
    const limit = AbortSignal.timeout(1_500);
    const told: unknown[] = [];
    const common = { relay: relay.fact, keys: node.keys, networkBytes: network.networkBytes };
    const attempt = registerOnce({
      ...common,
      credential: node.credential,
      agent: 'evio/test',
      timeoutMs: 5_000,
      env,
      farewell: new Uint8Array(8),
      waiting: { tell: (waiting) => told.push(waiting), until: limit },
    });
    await expect(attempt).rejects.toMatchObject({ code: 'EVIO_WAITING', exitStatus: 4 });
    expect(told).toEqual([{ approvals: 0, needed: 1 }]);
    await until(() => toldTo(admin) === 0);
  });

  it('joins although its token expired meanwhile, since it was let in by its key', async () => {
    const waits = kit.client(
      joiner(3, network.invite({ approvals: 1, notAfter: Date.now() + 1_500 })),
      relay.fact,
    );
    waits.client.start();
    await until(() => waits.waits.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 1_800));
    say(admin, admin.node.keys, { kind: 'admit', id: waits.node.idText });
    await until(() => waits.ups.length > 0);
    // With the receipt that it was given it comes again.
    const receipt = fromBase64Url(waits.ups[0]?.welcome.receipt ?? '');
    expect(receipt?.length).toBeGreaterThan(0);
  });

  it('needs the word of as many admins as the root key says, and the second of one is none', async () => {
    const second = await kit.client(network.node(2), relay.fact).up();
    say(admin, network.root, { kind: 'admin-add', key: second.node.keys.publicKey });
    const kept = [second.node.idText];
    say(admin, network.root, { kind: 'admission', approvals: 2, kept });
    // By a token that asks for nobody's word.
    const waits = kit.client(joiner(3, network.invite()), relay.fact);
    waits.client.start();
    await until(() => waits.waits.length > 0);
    expect(waits.waits).toEqual([{ approvals: 0, needed: 2 }]);
    say(admin, admin.node.keys, { kind: 'admit', id: waits.node.idText });
    await until(() => waits.waits.length > 1);
    say(admin, admin.node.keys, { kind: 'admit', id: waits.node.idText });
    await until(() => waits.waits.length > 2);
    expect(waits.waits.slice(1)).toEqual([
      { approvals: 1, needed: 2 },
      { approvals: 1, needed: 2 },
    ]);
    expect(waits.ups).toEqual([]);
    say(second, second.node.keys, { kind: 'admit', id: waits.node.idText });
    await until(() => waits.ups.length > 0);
  });
});

/** What a relay tells its operator of a network's members. */
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { batchOf } from '../../../src/core/wire/relay.js';
import { answerAtRest, type NetworkEntry } from '../../../src/rendezvous/desk.js';
import type { LocalMember } from '../../../src/rendezvous/local-network.js';
import { memberEntries, memberEntryLimit, type MemberEntry } from '../../../src/rendezvous/member-entries.js';
import { NetworkRecord } from '../../../src/rendezvous/network-record.js';
import { env, forwarderKinds, Kit, TestNetwork, UdpPeer, until, type TestRelay } from './relay-kit.js';

const kit = new Kit();
afterEach(() => kit.clean());

async function told(relay: TestRelay, network: string) {
  const answer = await relay.server.desk.answer({ do: 'members', network });
  const { members, network: entry } = answer as { network: NetworkEntry; members: MemberEntry[] };
  return { entry, of: (name: string) => members.find((member) => member.name === name) };
}

describe.each(forwarderKinds)('members, as a relay that forwards by %s tells them', (forwarder) => {
  it('are all of a network: who is here, by what, since when, and what passed for them', async () => {
    const relay = await kit.relay({ forwarder });
    const network = new TestNetwork([relay.fact]);
    const begun = Date.now();
    const [a, b, c] = await Promise.all(
      [1, 2, 3].map((host) => kit.client(network.node(host), relay.fact).up()),
    );
    if (!a || !b || !c) throw new Error('three clients');
    const left = await (await UdpPeer.open(kit, a.session)).bind();
    const right = await (await UdpPeer.open(kit, b.session)).bind();
    // From UDP to UDP, a burst of one header among them; to a WebSocket; and from one, to both.
    for (let i = 0; i < 20; i++) left.sendTo(b.node.id, new Uint8Array(1_000).fill(i));
    left.sendTo(c.node.id, new Uint8Array(500));
    c.client.sendData(b.node.id, batchOf(new Uint8Array(300)));
    await until(() => right.delivered.length === 21 && c.received.length === 1);

    const { entry, of } = await told(relay, network.id);
    expect(entry).toMatchObject({ members: 3, online: 3 });
    const [one, two, three] = [of('node-1'), of('node-2'), of('node-3')] as [
      MemberEntry,
      MemberEntry,
      MemberEntry,
    ];
    expect(one).toMatchObject({ id: a.node.idText, ip: '10.1.0.1', transport: 'udp', host: '127.0.0.1' });
    expect(two).toMatchObject({ transport: 'udp', seen: null });
    expect(three).toMatchObject({ transport: 'websocket', host: '127.0.0.1', seen: null });
    for (const { since, expires } of [one, two, three]) {
      expect(since).toBeGreaterThanOrEqual(begun);
      expect(expires).toBeGreaterThan(Date.now());
    }
    // Headers of the relay's packets are counted or not, by the way that they go.
    const about = (bytes: number, packets: number) => [bytes, bytes + packets * 30] as const;
    const within = (value: number, [least, most]: readonly [number, number]): void => {
      expect(value).toBeGreaterThanOrEqual(least);
      expect(value).toBeLessThanOrEqual(most);
    };
    within(one.sentBytes, about(20_500, 21));
    within(two.receivedBytes, about(20_300, 21));
    within(three.receivedBytes, about(500, 1));
    within(three.sentBytes, about(300, 1));
    expect([one.receivedBytes, two.sentBytes]).toEqual([0, 0]);

    a.client.stop();
    await until(() => relay.server.clients === 2);
    const after = await told(relay, network.id);
    expect(after.entry).toMatchObject({ members: 3, online: 2 });
    const gone = after.of('node-1') as MemberEntry;
    expect(gone).toMatchObject({ transport: null, host: '', since: null, sentBytes: 0 });
    expect(gone.seen).toBeGreaterThanOrEqual(begun);
  });
});

describe('members of a network', () => {
  it('that the relay does not know are nobody’s, and a relay that does not run knows who they were', async () => {
    const relay = await kit.relay();
    const network = new TestNetwork([relay.fact]);
    await kit.client(network.node(1), relay.fact).up();
    await expect(
      relay.server.desk.answer({ do: 'members', network: '0123456789abcdef' }),
    ).rejects.toMatchObject({ code: 'EVIO_NO_NETWORK' });
    await relay.server.stop();
    const folder = join(relay.home, 'relay');
    const answer = await answerAtRest(folder, env, { do: 'members', network: network.id });
    expect(answer).toMatchObject({ members: [{ name: 'node-1', transport: null }] });
  });

  it('are told up to a bound, those first that are here', () => {
    const record = new NetworkRecord('0123456789abcdef', 0);
    const ids = Array.from({ length: memberEntryLimit + 50 }, (_, i) => i.toString(16).padStart(32, '0'));
    for (const [i, id] of ids.entries())
      record.put({
        id,
        name: `n${i}`,
        ip: i,
        signedAt: 0,
        claims: { joined: 0, ip: 0, name: 0, witnessed: true },
        notAfter: 0,
        ephemeral: false,
        credential: new Uint8Array(0),
        lastSeen: 0,
      });
    const last = ids.at(-1) as string;
    const local = { connection: { observed: '192.0.2.1' }, admin: () => true } as unknown as LocalMember;
    const packets = { byUdp: () => false, passed: () => ({ sent: 1, received: 2 }) };
    const entries = memberEntries(record, new Map([[last, local]]), packets);
    expect(entries).toHaveLength(memberEntryLimit);
    expect(entries[0]).toMatchObject({ id: last, transport: 'websocket', admin: true, receivedBytes: 2 });
    expect(new Set(entries.map(({ id }) => id)).size).toBe(memberEntryLimit);
  });
});

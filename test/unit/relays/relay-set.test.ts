/** The node's side of a large network: a real relay whose threshold is 4 members, and one node's set of relays. */
import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Path } from '../../../src/core/dataplane/plane/plane.js';
import { ownerOf } from '../../../src/core/identity/certificate.js';
import { onlineLimit } from '../../../src/core/relays/online-ids.js';
import type { RelaySet } from '../../../src/core/relays/relay-set.js';
import { VirtualClock } from '../../support/virtual.js';
import { env, Kit, TestNetwork, until, type TestClient, type TestNode } from '../rendezvous/relay-kit.js';
import { plane, relaySetOf } from './relay-set-rig.js';

const kit = new Kit();
afterEach(() => kit.clean());

class Events {
  readonly members: string[] = [];
  readonly presence: [string, boolean][] = [];
  readonly named: (readonly string[])[] = [];
  readonly rosters: [boolean, number][] = [];
  changes = 0;
}

function relaySet(node: TestNode, relays: Relays): { set: RelaySet; events: Events } {
  const events = new Events();
  const set = relaySetOf(
    { node, relays, plane },
    {
      member: (credential) => events.members.push(ownerOf(credential) ?? ''),
      presence: (id, online) => events.presence.push([id, online]),
      named: (ids) => events.named.push(ids),
      roster: (complete, size) => events.rosters.push([complete, size]),
      changed: () => events.changes++,
    },
  );
  set.start();
  kit.later(() => set.stop());
  return { set, events };
}
type Relays = ConstructorParameters<typeof RelaySet>[0]['relays'];

async function stage(count: number) {
  const relay = await kit.relay({
    limits: { introduceAll: 4, handshakes: 1_000, handshakesPerAddress: 1_000 },
  });
  const network = new TestNetwork([relay.fact]);
  const clients: TestClient[] = [];
  for (let i = 1; i <= count; i++) clients.push(await kit.client(network.node(i), relay.fact).up());
  const node = network.node(200);
  const { set, events } = relaySet(node, [relay.fact]);
  await until(() => set.anyUp);
  const ids = clients.map((client) => client.node.idText);
  const unknown = ids.filter((id) => !set.isOnline(id));
  return { relay, network, clients, ids, unknown, node, set, events };
}

describe('RelaySet in a network that its relay does not list', () => {
  it('names whom the welcome named, and says how large the network is', async () => {
    const { set, events, unknown } = await stage(30);
    expect(set.complete).toBe(false);
    expect(events.rosters).toEqual([[false, 31]]);
    expect(events.named).toHaveLength(1);
    expect(events.named[0]?.every((id) => set.isOnline(id))).toBe(true);
    expect(unknown.length).toBeGreaterThanOrEqual(14);
  });

  it('locates: credentials first, then names of members that are online', async () => {
    const { set, events, unknown } = await stage(30);
    const [wanted] = unknown as [string];
    expect(set.locate([wanted])).toBe(true);
    await until(() => events.named.length === 2);
    expect(events.named[1]).toEqual([wanted]);
    expect(events.members).toContain(wanted);
    expect(set.isOnline(wanted)).toBe(true);
    expect(set.choices(new Uint8Array(16), wanted)).toHaveLength(1);
  });

  it('finds by name, and knows then whether the member is online', async () => {
    const { relay, clients, set, events, unknown } = await stage(30);
    const wanted = clients.find(({ node }) => node.idText === unknown[0]) as TestClient;
    const number = clients.indexOf(wanted) + 1;
    expect((await set.find({ text: `node-${number}` })).map(ownerOf)).toEqual([unknown[0]]);
    expect(events.members).toContain(unknown[0]);
    expect(set.isOnline(unknown[0] ?? '')).toBe(true);
    wanted.client.stop();
    await until(() => !set.isOnline(unknown[0] ?? ''));
    expect(await set.find({ text: 'nobody' })).toEqual([]);
    expect(set.lostAt).toBe(-Infinity);
    await relay.server.stop();
    await until(() => !set.anyUp);
    expect(set.lostAt).toBeGreaterThan(-Infinity);
    expect(await set.find({ text: 'node-1' })).toEqual([]);
    expect(set.locate([unknown[1] ?? ''])).toBe(false);
  });

  it('asks for a member, and hears when it comes', async () => {
    const { relay, network, set, events } = await stage(30);
    const late = network.node(201);
    set.ask(late.idText);
    await until(() => events.presence.some(([id, online]) => id === late.idText && !online));
    await kit.client(late, relay.fact).up();
    await until(() => set.isOnline(late.idText));
    expect(events.members).toContain(late.idText);
  });

  it('takes a packet through a relay as a sign that its sender is there, and has it watched', async () => {
    const { clients, set, unknown } = await stage(30);
    const [source] = unknown as [string];
    expect(set.heard(0, source)).toBe(true);
    expect(set.heard(0, source)).toBe(false);
    expect(set.heard(7, source)).toBe(false);
    expect(set.isOnline(source)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 100));
    clients.find(({ node }) => node.idText === source)?.client.stop();
    await until(() => !set.isOnline(source));
  });

  it('keeps a bounded number of ids, whatever a relay says', async () => {
    const { set } = await stage(6);
    const id = (number: number) => `e${number.toString(16).padStart(31, '0')}`;
    for (let i = 0; i < onlineLimit + 10; i++) set.heard(0, id(i));
    const known = Array.from({ length: onlineLimit + 10 }, (_, i) => id(i)).filter((one) =>
      set.isOnline(one),
    );
    expect(known).toHaveLength(onlineLimit);
  });
});

describe('RelaySet in a small network', () => {
  it('says that the roster is complete, and when it is not any more', async () => {
    const relay = await kit.relay({ limits: { introduceAll: 2 } });
    const network = new TestNetwork([relay.fact]);
    const { set, events } = relaySet(network.node(1), [relay.fact]);
    await until(() => set.anyUp);
    expect([set.complete, events.rosters]).toEqual([true, [[true, 1]]]);
    for (const host of [2, 3]) await kit.client(network.node(host), relay.fact).up();
    await until(() => !set.complete);
    expect(events.rosters.at(-1)).toEqual([false, 2]);
  });
});

describe('RelaySet whose relay is gone and back', () => {
  it.each(['udp', 'ws'])(
    'goes there by nothing but %s, which answers at last or is all that is left',
    async (by) => {
      const relay = await kit.relay();
      const network = new TestNetwork([relay.fact]);
      const [node, other] = [network.node(1), network.node(2)];
      const socket = createSocket('udp4');
      await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
      const ways = (): string[] =>
        set.choices(other.id, other.idText).map(({ label }) => label.replace(/:.*/, ''));
      const taken = new Set<string>();
      const set = relaySetOf(
        {
          node,
          relays: [relay.fact],
          plane: {
            ...plane,
            sendPacket: (packet: Uint8Array, path: Path) => {
              if (path.kind === 'direct') socket.send(packet, path.endpoint.port, path.endpoint.host);
            },
          },
        },
        { changed: () => ways().forEach((way) => taken.add(way)) },
      );
      const answers: (() => void)[] = [];
      socket.on('message', (bytes, { address, port }) => {
        answers.push(() => {
          set.receive(env.clock.now(), new Uint8Array(bytes), { host: address, port });
        });
      });
      kit.later(() => {
        set.stop();
        socket.close();
      });
      set.start();
      await kit.client(other, relay.fact).up();
      await until(() => set.isOnline(other.idText) && answers.length === 1);
      expect(ways()).toEqual(['ws']);
      answers.pop()?.();
      expect(ways()).toEqual(['udp']);
      await relay.server.stop();
      await until(() => !set.anyUp);
      taken.clear();
      await kit.relay({ home: relay.home, listen: relay.listen });
      // Nothing here calls `tick`, so the time that it has does not pass.
      await until(() => set.isOnline(other.idText) && answers.length === 1);
      expect(ways()).toEqual([]);
      if (by === 'udp') answers.pop()?.();
      else set.tick(env.clock.now() + 800);
      expect(ways()).toEqual([by]);
      expect([...taken]).toEqual([by]);
    },
  );
});

describe('dueAt of a RelaySet', () => {
  /**
   * A set with a UDP socket of its own, or whose UDP is blocked; ticked every 50 ms, or when it says. Time passes once all that was asked
   * is answered, so that no machine is too slow for it.
   */
  async function ticked(udp: boolean, when: 'always' | 'due') {
    const relay = await kit.relay();
    const node = new TestNetwork([relay.fact]).node(1);
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    // The relay looks at the date.
    const clock = new VirtualClock(1_000, env.clock.date());
    const seen = { binds: [] as number[], answers: 0, ticks: 0, up: [] as string[] };
    const ports = {
      setRelay: () => undefined,
      carried: () => undefined,
      relayHeardMs: () => 0,
      now: () => 0,
      sendPacket: (packet: Uint8Array, path: Path) => {
        seen.binds.push(clock.now());
        if (udp && path.kind === 'direct') socket.send(packet, path.endpoint.port, path.endpoint.host);
      },
    };
    const set = relaySetOf(
      { node, relays: [relay.fact], plane: ports, clock },
      { up: (_url, transport) => seen.up.push(transport) },
    );
    socket.on('message', (bytes, { address, port }) => {
      set.receive(clock.now(), new Uint8Array(bytes), { host: address, port });
      seen.answers++;
    });
    expect(set.dueAt).toBe(Infinity);
    set.start();
    kit.later(() => {
      set.stop();
      socket.close();
    });
    while (seen.binds.length === 0) {
      clock.advance(1);
      await sleep(1);
    }
    const settled = (): boolean => seen.up.length > 0 && set.dueAt - clock.now() >= 1_000;
    for (; !settled(); seen.ticks++) {
      if (udp) await until(() => seen.answers === seen.binds.length);
      if (settled()) break;
      clock.advance(when === 'always' ? 50 : set.dueAt - clock.now());
      set.tick(clock.now());
    }
    const [first = NaN] = seen.binds;
    return { seen, set, binds: seen.binds.map((at) => at - first) };
  }

  it.each([true, false])('finds out by the same binds whether UDP passes (%s)', async (udp) => {
    const polled = await ticked(udp, 'always');
    const due = await ticked(udp, 'due');
    for (const { seen, set, binds } of [polled, due]) {
      expect(binds).toEqual(udp ? [0] : [0, 250, 500, 750, 1_000, 1_250]);
      expect(seen.up).toEqual([udp ? 'udp' : 'websocket']);
      expect(set.udpBlocked).toBe(!udp);
    }
    expect(due.seen.ticks).toBe(due.binds.length - 1);
    expect(polled.seen.ticks).toBe(udp ? 0 : 25);
  });
});

describe('RelaySet of which a relay refuses', () => {
  it('has hope while another one has not answered', async () => {
    const [named, other] = [await kit.relay(), await kit.relay()];
    // What is away does not answer: the network names it alone.
    const network = new TestNetwork([named.fact]);
    await named.server.stop();
    const refused = async (relays: Relays): Promise<boolean> => {
      let heard = false;
      const node = network.node(1);
      const set = relaySetOf({ node, relays, plane }, { refused: () => (heard = true) });
      set.start();
      kit.later(() => set.stop());
      await until(() => heard);
      return set.allRefuse;
    };
    expect(await refused([other.fact])).toBe(true);
    expect(await refused([named.fact, other.fact])).toBe(false);
  });
});

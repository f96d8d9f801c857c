import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/core/lib/bytes.js';
import { askFixedEveryMs } from '../../../src/core/overlay/fixed-links.js';
import { introductionsAtOnce, introductionsPerS } from '../../../src/core/overlay/introductions.js';
import {
  idOfPosition,
  lonelyAfterMs,
  lonelyEveryMs,
  lonelyLinks,
} from '../../../src/core/overlay/overlay-host.js';
import { manyLinks, routeEveryMs } from '../../../src/core/overlay/route-feed.js';
import { askEveryMs, maxWanted, wantedForMs } from '../../../src/core/overlay/wanted.js';
import { positionOfText } from '../../../src/core/topology/position.js';
import { encodeCard, parseCard } from '../../../src/core/wire/ring.js';
import { hostRig, idAt, macOfId } from './host-rig.js';

const idB = idAt(0.25);
const idC = idAt(0.5);
const card = (idText: string): Uint8Array =>
  encodeCard({
    credential: fromHex(idText) as Uint8Array,
    candidates: [{ kind: 'host', endpoint: { host: '192.0.2.7', port: 7 } }],
  });

describe('members that relays name', () => {
  it('are connected to, and become links', () => {
    const { clock, host, relays, run, add, connect, table } = hostRig();
    const b = add('b', idB);
    host.named(clock.now(), [idB]);
    run(100);
    expect(b.take()).toEqual(['connect']);
    expect(relays.asked).toEqual([idB]);
    connect(b);
    table(b);
    run(100);
    expect(host.roles().get(idB)).toMatch(/^(successor|predecessor)$/);
    expect(host.settled).toBe(true);
    expect(host.forwards).toBe(true);
  });

  it('are let go when they go offline before a session stands', () => {
    const { clock, host, run, add } = hostRig();
    const b = add('b', idB);
    host.named(clock.now(), [idB]);
    run(100);
    b.take();
    host.offline(clock.now(), idB);
    expect(b.take()).toEqual(['disconnect']);
  });

  it('stay linked for all that relays say, while they let hear of themselves', () => {
    const { clock, host, run, add, connect, table } = hostRig();
    const [alive, dead] = [add('alive', idB), add('dead', idC)];
    for (const peer of [alive, dead]) {
      connect(peer);
      table(peer);
    }
    run(100);
    dead.silenceMs = 60_000;
    for (const id of [idB, idC]) host.offline(clock.now(), id);
    run(3_000);
    expect(alive.take()).not.toContain('disconnect');
    expect(dead.take()).toContain('disconnect');
    expect([...host.roles().keys()]).toEqual([idB]);
  });

  it('are asked of the friend who named them, unless a relay has them', () => {
    const { relays, run, add, connect, table, takeSent } = hostRig();
    const b = add('b', idB);
    const c = add('c', idC);
    connect(b);
    table(b, { others: [idC] });
    run(100);
    expect(c.take()).toEqual(['connect']);
    expect(takeSent()).toContainEqual({ to: 'b', message: { type: 'meet', id: idC } });
    relays.online.add(idAt(0.6));
    const d = add('d', idAt(0.6));
    table(b, { version: 2, others: [idC, idAt(0.6)] });
    run(100);
    expect(d.take()).toEqual(['connect']);
    expect(takeSent().filter(({ message }) => message.type === 'meet')).toEqual([]);
  });

  it('become links at once when they are connected already', () => {
    const { clock, host, run, add } = hostRig();
    const b = add('b', idB);
    // A session that came about before the overlay wanted one.
    b.state = 'connected';
    host.named(clock.now(), [idB]);
    run(100);
    expect(b.take()).toEqual([]);
    expect([...host.roles().keys()]).toEqual([idB]);
  });
});

describe('a member that is wanted but not known', () => {
  it('is asked for at once and again, and begun with as soon as it is known', () => {
    const { clock, host, found, run, add, connect, table, takeSent } = hostRig();
    const b = add('b', idB);
    connect(b);
    table(b, { others: [idC] });
    run(100);
    expect(found).toEqual([{ ids: [idC] }]);
    expect(takeSent()).toEqual([{ to: 'b', message: { type: 'meet', id: idC } }]);
    run(askEveryMs);
    expect(found).toEqual([{ ids: [idC] }, { ids: [idC] }]);
    expect(takeSent()).toEqual([{ to: 'b', message: { type: 'meet', id: idC } }]);
    const c = add('c', idC);
    host.membersChanged(clock.now());
    expect(c.take()).toEqual(['connect']);
    run(2 * askEveryMs);
    expect(found).toHaveLength(2);
  });

  it('is forgotten after a while', () => {
    const { clock, host, found, run, add } = hostRig();
    host.named(clock.now(), [idB]);
    run(wantedForMs + 500);
    const asked = found.length;
    expect(asked).toBe(wantedForMs / askEveryMs);
    const b = add('b', idB);
    host.membersChanged(clock.now());
    expect(b.take()).toEqual([]);
  });

  it('is one of so many at most', () => {
    const { clock, host, found, run } = hostRig({ relays: true });
    const ids = Array.from({ length: 2 * maxWanted }, (_, i) => idAt((i + 1) / (2 * maxWanted + 2)));
    host.named(clock.now(), ids);
    run(askEveryMs + 500);
    const again = ids.filter((id) => found.filter((key) => 'ids' in key && key.ids.includes(id)).length > 1);
    expect(again.length).toBeGreaterThan(0);
    expect(again.length).toBeLessThanOrEqual(maxWanted);
  });
});

describe('introductions', () => {
  const meeting = () => {
    const rig = hostRig();
    const [b, c] = [rig.add('b', idB), rig.add('c', idC)];
    for (const peer of [b, c]) rig.connect(peer);
    rig.run(50);
    rig.takeSent();
    return { ...rig, b, c };
  };

  it('give each of two links the card of the other', () => {
    const { clock, host, b, c, takeSent } = meeting();
    c.whereabouts = [{ kind: 'host', endpoint: { host: '192.0.2.9', port: 9 } }];
    host.ring(clock.now(), b, { type: 'meet', id: idC });
    const cards = takeSent().map(({ to, message }) => [
      to,
      message.type === 'introduce' ? parseCard(message.card) : undefined,
    ]);
    expect(cards).toEqual([
      ['b', { credential: c.member.credential, candidates: c.whereabouts }],
      ['c', { credential: b.member.credential, candidates: [] }],
    ]);
  });

  it('cost each link its own budget, which refills', () => {
    const { clock, host, b, c, takeSent } = meeting();
    const meet = (): number => {
      for (let i = 0; i < 2 * introductionsAtOnce; i++) host.ring(clock.now(), b, { type: 'meet', id: idC });
      return takeSent().length / 2;
    };
    expect(meet()).toBe(introductionsAtOnce);
    expect(meet()).toBe(0);
    clock.advance(1_000);
    expect(meet()).toBe(introductionsPerS);
    host.ring(clock.now(), c, { type: 'meet', id: idB });
    expect(takeSent()).toHaveLength(2);
  });

  it('by a friend are followed, and it is a way from then on; beyond its budget they are not', () => {
    const { clock, host, add, b } = meeting();
    const d = add('d', idAt(0.7));
    const introduce = (): void => {
      host.ring(clock.now(), b, { type: 'introduce', card: card(idAt(0.7)) });
    };
    introduce();
    expect(d.take()).toEqual(['introduced', 'ways']);
    expect(d.endpoints).toEqual([{ kind: 'host', endpoint: { host: '192.0.2.7', port: 7 } }]);
    for (let i = 0; i < 2 * introductionsAtOnce; i++) introduce();
    expect(d.take().filter((what) => what === 'introduced')).toHaveLength(introductionsAtOnce - 1);
    d.state = 'connected';
    clock.advance(10_000);
    introduce();
    expect(d.take()).toEqual([]);
  });

  it('follow the card of who seeks', () => {
    const { clock, host, b, c, add, takeSent } = meeting();
    const d = add('d', idAt(0.7));
    host.ring(clock.now(), b, {
      type: 'seek',
      nonce: 1,
      target: idAt(0.001),
      hops: 1,
      card: card(idAt(0.7)),
    });
    expect(d.take()).toEqual(['introduced']);
    // It is nearest, so it answers with its own card.
    const [answer] = takeSent();
    expect(answer).toMatchObject({ to: 'b', message: { type: 'sought', nonce: 1, id: idAt(0) } });
    expect(c.take()).toEqual([]);
  });
});

describe('links that the operator wants', () => {
  it('are made to members as soon as they are known', () => {
    const { clock, host, found, run, add } = hostRig({ fixed: ['gateway', 'other'] });
    run(1_000);
    const gateway = add('gateway', idB);
    host.membersChanged(clock.now());
    run(1_000);
    expect(gateway.take()).toEqual(['connect']);
    // A relay that tells of everybody has nothing to add.
    expect(found).toEqual([]);
  });

  it('are asked for where relays name only some members, until they are known', () => {
    const { clock, host, found, run, add } = hostRig({ fixed: ['gateway', 'other'] });
    host.roster(clock.now(), false, 5_000);
    run(10_000);
    expect(found).toEqual([{ text: 'gateway' }, { text: 'other' }]);
    add('gateway', idB);
    host.membersChanged(clock.now());
    run(2 * askFixedEveryMs);
    expect(found.slice(2)).toEqual([{ text: 'other' }, { text: 'other' }]);
    add('other', idC);
    host.membersChanged(clock.now());
    run(2 * askFixedEveryMs);
    expect(found).toHaveLength(4);
  });

  it('are told of as such, and kept when nothing else needs them', () => {
    const { clock, host, run, add, connect, table } = hostRig({ fixed: ['b'] });
    const b = add('b', idB);
    host.membersChanged(clock.now());
    run(100);
    connect(b);
    table(b, { claims: 0 });
    run(30_000);
    expect(host.roles().get(idB)).toBe('static');
    expect(b.take()).not.toContain('disconnect');
  });
});

describe('a node that no relay answers', () => {
  it('seeks members where it reached them before, again and again', () => {
    const { run, add } = hostRig({ relays: false });
    const [known, remembered] = [add('known', idB), add('remembered', idC)];
    remembered.remembered = ['192.0.2.1:1'];
    run(lonelyAfterMs - 100);
    expect(remembered.take()).toEqual([]);
    run(200);
    expect(remembered.take()).toEqual(['connect']);
    expect(known.take()).toEqual([]);
    run(2 * lonelyEveryMs + 100);
    // The overlay gives one up after 10 s; it is named again and begun with anew.
    expect(remembered.take().filter((what) => what === 'connect')).toHaveLength(1);
  });

  it('does not while it has links enough, nor with a relay', () => {
    const lonely = hostRig({ relays: false });
    const links = Array.from({ length: lonelyLinks }, (_, i) => lonely.add(`l${i}`, idAt((i + 1) / 8)));
    for (const peer of links) lonely.connect(peer);
    const remembered = lonely.add('remembered', idAt(0.9));
    remembered.remembered = ['192.0.2.1:1'];
    lonely.run(lonelyEveryMs + 2_000);
    expect(remembered.take()).toEqual([]);
    const { run, add } = hostRig();
    const other = add('remembered', idB);
    other.remembered = ['192.0.2.1:1'];
    run(lonelyEveryMs + 2_000);
    expect(other.take()).toEqual([]);
  });
});

describe('the forwarding table', () => {
  const many = (count: number) => {
    const rig = hostRig();
    rig.host.roster(rig.clock.now(), true, count);
    const links = Array.from({ length: count }, (_, i) => rig.add(`l${i}`, idAt((i + 1) / (count + 2))));
    for (const peer of links) rig.connect(peer);
    rig.run(500);
    rig.given.length = 0;
    return { ...rig, links };
  };

  it('of few links is given at every change, and peers are told to look for their ways again', () => {
    const { clock, host, links, given, wakes } = many(3);
    const before = wakes.waysChanged;
    for (const peer of links) {
      peer.indirect = true;
      host.moved(peer);
    }
    expect(given.map(({ at }) => at)).toEqual(links.map(() => clock.now()));
    expect(wakes.waysChanged - before).toBe(links.length);
  });

  it('of many links is given no more often than is good, and never late', () => {
    const { clock, host, links, given, run } = many(manyLinks + 6);
    const begun = clock.now();
    for (const [i, peer] of links.entries()) {
      peer.indirect = i % 2 === 0;
      host.moved(peer);
      run(5);
    }
    const lasted = clock.now() - begun;
    run(routeEveryMs);
    expect(given.length).toBeGreaterThan(2);
    expect(given.length).toBeLessThanOrEqual(2 + lasted / routeEveryMs);
    for (let i = 1; i < given.length; i++) {
      expect((given[i]?.at ?? 0) - (given[i - 1]?.at ?? 0)).toBeGreaterThanOrEqual(routeEveryMs);
    }
  });

  it('that was kept back is given as soon as it may be', () => {
    const { clock, host, given, run } = many(manyLinks + 6);
    for (let i = 0; i < 10; i++) {
      given.length = 0;
      const begun = clock.now();
      for (const complete of [false, true]) host.roster(begun, complete, manyLinks);
      run(routeEveryMs);
      expect(given.map(({ at }) => at)).toEqual([begun, begun + routeEveryMs]);
      run(137);
    }
  });

  it('is empty at the start, and says whether every member is known', () => {
    const { clock, host, given } = hostRig();
    expect(given).toEqual([{ at: clock.now(), routes: [], complete: true }]);
    host.roster(clock.now(), false, 5_000);
    expect(given.at(-1)).toMatchObject({ complete: false });
    const times = given.length;
    host.roster(clock.now(), false, 5_001);
    expect(given).toHaveLength(times);
  });
});

describe('frames to an address that nobody known has', () => {
  it('make the relays look for it', () => {
    const { clock, host, found } = hostRig();
    host.unknownMac(clock.now(), macOfId(idB));
    expect(found).toEqual([{ mac: toHex(macOfId(idB)) }]);
  });

  it('without a relay are followed through the links, for all ids that it may belong to', () => {
    const { clock, host, found, run, add, connect, table, takeSent } = hostRig({ relays: false });
    const b = add('b', idAt(0.2));
    connect(b);
    table(b);
    run(100);
    takeSent();
    host.unknownMac(clock.now(), macOfId(idB));
    const targets = takeSent().flatMap(({ message }) => (message.type === 'seek' ? [message.target] : []));
    expect(found).toEqual([]);
    expect(targets).toHaveLength(4);
    const wanted = positionOfText(idB);
    // A MAC has 46 of the first 48 bits of an id.
    expect(targets.some((target) => Math.abs(positionOfText(target) - wanted) < 16)).toBe(true);
  });
});

describe('the way through other members', () => {
  it('is a link that is linked with both, or the ring', () => {
    const { clock, host, run, add, connect, table } = hostRig();
    const b = add('b', idB);
    const c = add('c', idC);
    expect(host.choice(c)).toBeUndefined();
    connect(b);
    table(b);
    run(200);
    expect(host.choice(c)).toMatchObject({ label: 'ring', path: { kind: 'overlay' } });
    table(b, { version: 2, others: [idC] });
    run(200);
    expect(host.choice(c)).toMatchObject({ label: 'via b', path: { kind: 'overlay', via: b.slot } });
    expect(host.friendOf(idC)).toBe(idB);
    b.state = 'idle';
    host.lost(clock.now(), b);
    run(200);
    expect(host.choice(c)).toBeUndefined();
  });

  it('does not lead over a link that is reached through others itself', () => {
    const { host, run, add, connect, table } = hostRig();
    const b = add('b', idB);
    const c = add('c', idC);
    b.indirect = true;
    connect(b);
    table(b, { others: [idC] });
    run(200);
    expect(host.choice(c)).toBeUndefined();
    b.indirect = false;
    host.moved(b);
    run(200);
    expect(host.choice(c)).toMatchObject({ label: 'via b' });
  });
});

describe('leaves', () => {
  it('are nobody’s neighbours: who is named as one is not connected to', () => {
    const { clock, host, run, add } = hostRig();
    const leaf = add('leaf', idB, 'leaf');
    host.named(clock.now(), [idB]);
    run(1_000);
    expect(leaf.take()).toEqual([]);
  });

  it('that connect are known as such before their first table', () => {
    const { host, run, add, connect } = hostRig();
    connect(add('leaf', idB, 'leaf'));
    run(200);
    expect(host.report()).toMatchObject({ predecessor: null, successors: [] });
    expect([...host.roles().keys()]).toEqual([idB]);
  });

  it('say so in their tables', () => {
    const { run, add, connect, sent } = hostRig({ role: 'leaf' });
    connect(add('b', idB));
    run(200);
    expect(sent.find(({ message }) => message.type === 'table')?.message).toMatchObject({ leaf: true });
  });
});

describe('use of a peer', () => {
  it('makes a link on demand, and is told to the overlay once a second', () => {
    const { clock, host, run, add } = hostRig();
    const leaf = add('leaf', idB, 'leaf');
    host.used(clock.now(), leaf);
    run(100);
    expect(leaf.take()).toEqual(['connect']);
    expect(host.dueAt).toBeGreaterThan(clock.now());
  });
});

describe('the host', () => {
  it('does one thing after the other, also when a peer answers while it is asked', () => {
    const { clock, host, run, add, connect } = hostRig();
    const log: string[] = [];
    const ids = [0.2, 0.4, 0.6].map(idAt);
    for (const id of ids) {
      const peer = add(id, id);
      peer.connect = () => {
        log.push(`begin ${id}`);
        connect(peer);
        log.push(`end ${id}`);
      };
    }
    host.named(clock.now(), ids);
    run(100);
    // No call of one is found between begin and end of another.
    expect(log.filter((_, i) => i % 2 === 0).map((line) => line.replace('begin', 'end'))).toEqual(
      log.filter((_, i) => i % 2 === 1),
    );
    expect(log).toHaveLength(2 * ids.length);
    expect([...host.roles().keys()].sort()).toEqual(ids);
  });

  it.each([
    ['keeps a link whose way went with the relays', { up: false, lostAgoMs: 0, silentMs: 500 }, false],
    [
      'gives up one that was heard after the relays had gone',
      { up: false, lostAgoMs: 60_000, silentMs: 0 },
      true,
    ],
    ['gives up one where no relay ever was', { up: false, lostAgoMs: Infinity, silentMs: 0 }, true],
    [
      'gives up one where a relay is up, and knows better',
      { up: true, lostAgoMs: -Infinity, silentMs: 0 },
      true,
    ],
  ])('%s', (_what, { up, lostAgoMs, silentMs }, gone) => {
    const rig = hostRig({ relays: up });
    const b = rig.add('b', idB);
    rig.connect(b);
    rig.clock.advance(1_000);
    const heardAt = rig.clock.now() - silentMs;
    rig.relays.lostAt = up ? -Infinity : rig.clock.now() - lostAgoMs;
    Object.defineProperty(b, 'silenceMs', { get: () => rig.clock.now() - heardAt });
    b.cutOff = true;
    b.take();
    rig.run(7_000);
    expect(b.take().includes('disconnect')).toBe(gone);
  });

  it('goes through no friend that was reached by the relay that went', () => {
    const { host, relays, add, connect, table } = hostRig();
    const [b, c] = [add('b', idB), add('c', idC)];
    connect(b);
    table(b, { successors: [idC] });
    b.relayed = true;
    relays.online.add(idB);
    expect(host.choice(c)?.label).toBe('via b');
    relays.online.clear();
    expect(host.choice(c)?.label).not.toBe('via b');
    b.relayed = false;
    expect(host.choice(c)?.label).toBe('via b');
  });

  it.each(['via b', 'ring'])(
    'goes %s while members come back to the relays only if it reaches its friend itself',
    (label) => {
      const { host, relays, clock, run, add, connect, table } = hostRig();
      const [b, c] = [add('b', idB), add('c', idC)];
      connect(b);
      table(b, label === 'ring' ? {} : { successors: [idC] });
      if (label === 'ring') run(200);
      b.relayed = true;
      relays.online.add(idB);
      expect(host.choice(c)?.label).toBe(label);
      relays.lostAt = clock.now();
      expect(host.choice(c)).toBeUndefined();
      b.relayed = false;
      expect(host.choice(c)?.label).toBe(label);
      b.relayed = true;
      relays.lostAt = -Infinity;
      expect(host.choice(c)?.label).toBe(label);
    },
  );

  it('gives up a silent link once, though the peer tells at once that it is lost, and comes back to it', () => {
    const { host, run, add, connect, table } = hostRig();
    const b = add('b', idB);
    connect(b);
    table(b);
    run(100);
    b.silenceMs = 60_000;
    run(8_000);
    expect(b.take().filter((what) => what !== 'ways')).toEqual(['disconnect', 'connect']);
    expect(host.roles().size).toBe(0);
  });

  it('wants nothing any more once it is stopped', () => {
    const { clock, host, found, run } = hostRig({ relays: false });
    host.named(clock.now(), [idB]);
    run(100);
    host.stop();
    expect(host.dueAt).toBe(Infinity);
    expect(host.tick(clock.now() + 60_000)).toBe(Infinity);
    expect(found).toHaveLength(1);
  });

  it('asks a relay for a place on the ring by a whole id', () => {
    for (const share of [0, 0.1, 0.999_999]) {
      const position = Math.floor(share * 2 ** 52);
      expect(idOfPosition(position)).toMatch(/^[0-9a-f]{32}$/);
      expect(positionOfText(idOfPosition(position))).toBe(position);
    }
  });
});

/** How announcements spread, and what a hostile member gets: members on a bus, without sessions. */
import { describe, expect, it } from 'vitest';
import { signAnnouncement } from '../../../src/core/identity/announcement.js';
import { verifyCredential, type Member } from '../../../src/core/identity/certificate.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { selfOf, type Self } from '../../../src/core/membership/self.js';
import { SubnetBook } from '../../../src/core/subnets/book.js';
import { Spread } from '../../../src/core/subnets/spread.js';
import type { SubnetsMessage } from '../../../src/core/wire/subnets.js';
import { memberProfiles } from '../../support/members.js';
import { prefix } from '../../support/subnets.js';
import { VirtualClock } from '../../support/virtual.js';

const lan = '192.168.7.0/24';
const clock = new VirtualClock();
const profiles = memberProfiles(6, clock) as [Profile, ...Profile[]];
const selves = profiles.map((profile) => selfOf(profile)) as [Self, ...Self[]];

function memberOf(credential: Uint8Array): Member | undefined {
  const verdict = verifyCredential(credential, selves[0].network, clock.date());
  return verdict.ok ? verdict.member : undefined;
}

/** What member `n` says, signed by `signer`. */
function document(n: number, serial: number, texts: readonly string[] = [lan], signer = n): Uint8Array {
  const subnets = texts.map((text) => ({ prefix: prefix(text), shared: false, since: 1 }));
  const { keys } = selves[n] as Self;
  const signedAt = clock.date();
  return signAnnouncement(
    { nodeKey: keys.publicKey, serial, signedAt, subnets },
    (selves[signer] as Self).keys,
  );
}

interface Node {
  readonly id: string;
  readonly book: SubnetBook;
  readonly spread: Spread;
  links: string[];
  refused: string[];
}

class Bus {
  readonly nodes: Node[];
  readonly #queue: (() => void)[] = [];
  now = 0;
  sent = 0;
  /** Loses every message while it is true. */
  deaf = false;

  constructor(count: number) {
    this.nodes = selves.slice(0, count).map(({ idText: id }) => this.#make(id));
  }

  #make(id: string): Node {
    const book = new SubnetBook([prefix('10.144.0.0/16')]);
    const node: Node = { id, book, links: [], refused: [] } as unknown as Node;
    const spread = new Spread(id, book, {
      send: (to, message) => {
        this.sent++;
        if (!this.deaf) this.give(to, id, message);
      },
      links: () => node.links,
      memberOf,
      date: () => clock.date(),
      changed: () => undefined,
      outdone: () => undefined,
      refused: (member) => node.refused.push(member.name),
    });
    return Object.assign(node, { spread });
  }

  give(to: string, from: string, message: SubnetsMessage): void {
    this.#queue.push(() => {
      this.nodes.find((node) => node.id === to)?.spread.receive(this.now, from, message);
    });
  }

  link(a: number, b: number): void {
    const [x, y] = [this.nodes[a] as Node, this.nodes[b] as Node];
    x.links.push(y.id);
    y.links.push(x.id);
    x.spread.connected(this.now, y.id);
    y.spread.connected(this.now, x.id);
  }

  /** Member `n` announces by itself. */
  announce(n: number, serial: number, texts?: readonly string[]): void {
    const node = this.nodes[n] as Node;
    const terms = { dateMs: clock.date(), rankOf: (_: string, since: number) => since };
    const member = memberOf((selves[n] as Self).credential) as Member;
    expect(node.book.take(member, document(n, serial, texts), terms)).toBe('new');
    node.spread.tell(this.now, node.id);
  }

  run(ms: number): void {
    for (const end = this.now + ms; ; this.now += 100) {
      for (let deed = this.#queue.shift(); deed; deed = this.#queue.shift()) deed();
      if (this.now >= end) return;
      for (const { spread } of this.nodes) if (this.now >= spread.dueAt) spread.tick(this.now);
    }
  }

  serials(of: number): number[] {
    return this.nodes.map(({ book }) => book.serialOf((selves[of] as Self).idText));
  }
}

/** In a row, each linked with the next. */
function row(count: number): Bus {
  const bus = new Bus(count);
  for (let n = 0; n + 1 < count; n++) bus.link(n, n + 1);
  bus.run(1_000);
  return bus;
}

describe('announcements', () => {
  it('cost nothing while there are none, and reach the other end at once', () => {
    const bus = row(6);
    bus.run(200_000);
    expect(bus.sent).toBe(0);
    bus.announce(0, 5);
    bus.run(0);
    expect(bus.serials(0)).toEqual([5, 5, 5, 5, 5, 5]);
  });

  it('that were lost are found by the comparison that follows', () => {
    const bus = row(4);
    bus.deaf = true;
    bus.announce(0, 5);
    bus.run(0);
    expect(bus.serials(0)).toEqual([5, -1, -1, -1]);
    bus.deaf = false;
    bus.run(2_000);
    expect(bus.serials(0)).toEqual([5, 5, 5, 5]);
  });

  it('are found by who comes later, in both directions', () => {
    const bus = new Bus(2);
    bus.announce(0, 5);
    bus.run(3_000);
    bus.link(0, 1);
    bus.run(3_000);
    expect(bus.serials(0)).toEqual([5, 5]);
  });

  it('of before are replaced by later ones, never the other way', () => {
    const bus = row(3);
    bus.announce(0, 5);
    bus.run(1_000);
    bus.announce(0, 6, []);
    bus.run(1_000);
    expect(bus.nodes.map(({ book }) => book.rulings().length)).toEqual([0, 0, 0]);
    const { credential, idText } = selves[0];
    bus.give(selves[2]?.idText ?? '', idText, { type: 'announce', credential, announcement: document(0, 5) });
    bus.run(1_000);
    expect(bus.serials(0)).toEqual([6, 6, 6]);
  });
});

describe('a hostile member', () => {
  it('cannot announce for another, nor use up what that one may announce', () => {
    const bus = row(3);
    const [, one, two] = selves as [Self, Self, Self];
    const { credential } = selves[0];
    for (let serial = 100; serial < 400; serial++)
      bus.give(two.idText, one.idText, {
        type: 'announce',
        credential,
        announcement: document(0, serial, [lan], 1),
      });
    bus.run(0);
    expect(bus.serials(0)).toEqual([-1, -1, -1]);
    bus.announce(0, 5);
    bus.run(0);
    expect(bus.serials(0)).toEqual([5, 5, 5]);
  });

  it('without the right is refused, named, and not passed on', () => {
    const bus = row(3);
    const [zero, one] = selves as [Self, Self, Self];
    const { credential } = one;
    bus.give(zero.idText, one.idText, { type: 'announce', credential, announcement: document(1, 5) });
    bus.run(3_000);
    expect(bus.nodes[0]?.refused).toEqual(['n1']);
    expect(bus.nodes[0]?.book.refusals()).toMatchObject([{ name: 'n1', cidr: lan, fault: 'right' }]);
    expect(bus.serials(1)).toEqual([-1, -1, -1]);
  });

  it('that changes its announcement without end is not followed', () => {
    const bus = row(3);
    const [zero, one] = selves as [Self, Self, Self];
    for (let serial = 1; serial <= 200; serial++)
      bus.give(one.idText, zero.idText, {
        type: 'announce',
        credential: zero.credential,
        announcement: document(0, serial),
      });
    bus.run(0);
    expect(bus.serials(0)[1]).toBeLessThan(20);
    expect(bus.sent).toBeLessThan(100);
  });
});

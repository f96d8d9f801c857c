import { describe, expect, it } from 'vitest';
import { Gossip } from '../../../src/core/ledger/gossip.js';
import { headsOf, Ledger, type LedgerVerdict } from '../../../src/core/ledger/ledger.js';
import { idOfKey } from '../../../src/core/ledger/statement.js';
import { encodeLedger, parseLedger, partLength, type LedgerMessage } from '../../../src/core/wire/ledger.js';
import { admitted, bar, founded, keys, removal, said, saysOf } from '../../support/ledger.js';
import { SeededRandom } from '../../support/virtual.js';

interface Member {
  readonly id: string;
  readonly ledger: Ledger;
  readonly gossip: Gossip;
  readonly kept: Uint8Array[];
  readonly refused: LedgerVerdict[];
  sent: number;
}

/** Members on a net that takes 20 ms and may lose messages; everything goes over the wire format. */
class Net {
  now = 0;
  readonly members = new Map<string, Member>();
  readonly random = new SeededRandom(3);
  loss = 0;
  readonly #queue: { at: number; from: string; to: string; bytes: Uint8Array }[] = [];

  add(id: string, ledger: Ledger): Member {
    const kept: Uint8Array[] = [];
    const refused: LedgerVerdict[] = [];
    const gossip = new Gossip({
      ledger,
      send: (to, message) => this.send(id, to, message),
      taken: (statements) => kept.push(...statements),
      refused: (verdict) => refused.push(verdict),
    });
    const member = { id, ledger, gossip, kept, refused, sent: 0 };
    this.members.set(id, member);
    return member;
  }

  send(from: string, to: string, message: LedgerMessage): void {
    const bytes = encodeLedger(message);
    expect(bytes.length).toBeLessThanOrEqual(1_200);
    const member = this.members.get(from);
    if (member) member.sent += bytes.length;
    if (this.random.unit() >= this.loss) this.#queue.push({ at: this.now + 20, from, to, bytes });
  }

  connect(a: string, b: string): void {
    this.members.get(a)?.gossip.connected(this.now, b);
    this.members.get(b)?.gossip.connected(this.now, a);
  }

  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const due = Math.min(...[...this.members.values()].map(({ gossip }) => gossip.dueAt));
      const arrives = this.#queue[0]?.at ?? Infinity;
      const next = Math.min(due, arrives);
      if (next > end) break;
      this.now = Math.max(this.now, next);
      if (arrives <= due) {
        const { from, to, bytes } = this.#queue.shift() as { from: string; to: string; bytes: Uint8Array };
        const message = parseLedger(bytes);
        if (!message) throw new Error('not understood');
        this.members.get(to)?.gossip.receive(this.now, from, message);
      } else {
        for (const { gossip } of this.members.values()) if (gossip.dueAt <= this.now) gossip.tick(this.now);
      }
    }
    this.now = end;
  }

  get equal(): boolean {
    const [first, ...others] = [...this.members.values()];
    return others.every(
      ({ ledger }) => JSON.stringify(saysOf(ledger)) === JSON.stringify(saysOf((first as Member).ledger)),
    );
  }
}

const ids = ['aa', 'bb', 'cc', 'dd'].map((two) => two.repeat(16)) as [string, string, string, string];
const [a, b, c, d] = ids;

describe('gossip', () => {
  it('brings two members that meet to the same state, in one exchange', () => {
    const net = new Net();
    const { root, ledger } = founded();
    const alice = admitted(ledger, root);
    const one = net.add(a, ledger);
    const two = net.add(b, new Ledger(root.publicKey));
    for (let i = 0; i < 5; i++) ledger.say(bar(keys()), alice, 1);
    net.connect(a, b);
    net.run(60);
    expect(net.equal).toBe(true);
    expect(two.kept).toHaveLength(6);
    expect(one.kept).toEqual([]);
    // Two equal ledgers say little to each other from then on.
    net.run(5_000);
    const sent = one.sent;
    net.run(600_000);
    expect(one.sent - sent).toBeLessThan(15 * 200);
  });

  it('each of two that meet gets what the other has', () => {
    const net = new Net();
    const { root, ledger } = founded();
    const alice = admitted(ledger, root);
    const bob = admitted(ledger, root);
    const other = ledger.clone();
    net.add(a, ledger);
    net.add(b, other);
    ledger.say(bar(keys()), alice, 1);
    other.say(bar(keys()), bob, 1);
    net.connect(a, b);
    net.run(500);
    expect(net.equal).toBe(true);
    expect(ledger.serial).toBe(4);
  });

  it('passes a new statement on along a chain at once', () => {
    const net = new Net();
    const { root, ledger } = founded();
    const members = ids.map((id) => net.add(id, ledger.clone()));
    net.connect(a, b);
    net.connect(b, c);
    net.connect(c, d);
    net.run(1_000);
    const mallory = keys();
    const statement = (members[0] as Member).ledger.say(bar(mallory), root, 1);
    (members[0] as Member).gossip.said(net.now, [statement]);
    net.run(61);
    for (const member of members)
      expect(member.ledger.standing.isBarred(idOfKey(mallory.publicKey))).toBe(true);
    expect(members.map(({ kept }) => kept.length)).toEqual([0, 1, 1, 1]);
  });

  it('gets through where every third message is lost', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const net = new Net();
      const { root, ledger } = founded();
      net.add(a, ledger.clone());
      net.add(b, ledger.clone());
      net.connect(a, b);
      net.run(2_000 + seed);
      net.loss = 0.33;
      const one = net.members.get(a) as Member;
      one.gossip.said(net.now, [one.ledger.say(bar(keys()), root, 1)]);
      net.run(65_000);
      expect(net.equal).toBe(true);
    }
  });

  it('a long document comes in pieces, goes on where it was cut off, and is passed on', () => {
    const net = new Net();
    net.loss = 0.05;
    const { root, ledger } = founded();
    const document = new SeededRandom(9).fill(new Uint8Array(65_000));
    net.add(a, ledger.clone());
    net.add(b, ledger.clone());
    net.add(c, ledger.clone());
    net.connect(a, b);
    net.connect(b, c);
    net.run(1_000);
    const one = net.members.get(a) as Member;
    const before = one.sent;
    one.gossip.said(net.now, [one.ledger.say({ kind: 'policy', serial: 1, document }, root, 1)]);
    net.run(20_000);
    expect((net.members.get(c) as Member).ledger.policy).toEqual(document);
    // What had come before a loss was not sent again from the beginning.
    expect(one.sent - before).toBeLessThan(3 * document.length);
  });

  it('converges in a network of forks, removals and strangers', () => {
    const net = new Net();
    const { root, ledger } = founded();
    const alice = admitted(ledger, root);
    const head = ledger.headOf(alice.publicKey);
    const one = net.add(a, ledger.clone());
    const two = net.add(b, ledger.clone());
    net.add(c, new Ledger(root.publicKey));
    one.ledger.take(said(ledger, alice, bar(keys()), head));
    two.ledger.take(said(ledger, alice, bar(keys()), head));
    two.ledger.say(bar(keys()), alice, 1);
    one.ledger.say(removal(one.ledger, alice), root, 1);
    net.connect(a, c);
    net.connect(c, b);
    net.run(5_000);
    expect(net.equal).toBe(true);
    // Who heard of the end first takes no other past; who had one of its own still can prove it.
    expect((net.members.get(b) as Member).ledger.forks).toHaveLength(1);
  });

  it('a summary of many authors takes several messages', () => {
    const net = new Net();
    const { root, ledger } = founded();
    const admins = Array.from({ length: 25 }, () => admitted(ledger, root));
    for (const admin of admins) ledger.say(bar(keys()), admin, 1);
    net.add(a, ledger);
    const two = net.add(b, new Ledger(root.publicKey));
    net.connect(a, b);
    net.run(5_000);
    expect(two.ledger.serial).toBe(50);
    two.ledger.say(bar(keys()), root, 1);
    two.gossip.connected(net.now, a);
    net.run(200);
    expect(net.equal).toBe(true);
  });

  it('a member that asks without end is answered within a rate, and one that lies is told so little', () => {
    const net = new Net();
    const { root, ledger } = founded();
    for (let i = 0; i < 50; i++) ledger.say(bar(keys(), 'x'.repeat(100)), root, 1);
    const one = net.add(a, ledger);
    one.gossip.connected(0, b);
    const ask: LedgerMessage = { type: 'have', after: '0'.repeat(64), toEnd: true, authors: [] };
    for (let i = 0; i < 5_000; i++) {
      one.gossip.receive(i, b, ask);
      one.gossip.tick(i);
    }
    // 96 parts and 96 a second more, 400 bytes each, and a few `have`.
    expect(one.sent).toBeLessThan((96 + 5 * 96) * 450 + 20 * 150);
    const liar: LedgerMessage = {
      ...ask,
      authors: [
        ...headsOf(ledger),
        { author: 'f'.repeat(64), ends: [{ sequence: 9, hash: 'e'.repeat(64) }] },
      ],
    };
    const two = net.add(c, ledger.clone());
    two.gossip.connected(0, d);
    for (let now = 0; now < 600_000; now += 50) {
      if (now % 1_000 === 0) two.gossip.receive(now, d, liar);
      if (two.gossip.dueAt <= now) two.gossip.tick(now);
    }
    // What it pretends to have is asked for, ever more seldom.
    expect(two.sent).toBeLessThan(30 * 200);
  });

  it('takes nothing that does not prove itself, and nothing of who is not connected', () => {
    const net = new Net();
    const { root, ledger } = founded();
    const one = net.add(a, ledger);
    const statement = said(ledger, root, bar(keys()));
    const part = (bytes: Uint8Array): LedgerMessage => ({
      type: 'part',
      hash: '0'.repeat(64),
      length: bytes.length,
      offset: 0,
      bytes,
    });
    one.gossip.receive(0, b, part(statement));
    expect(ledger.serial).toBe(0);
    one.gossip.connected(0, b);
    const forged = new Uint8Array(statement);
    forged[150] = (forged[150] as number) ^ 1;
    one.gossip.receive(0, b, part(forged));
    one.gossip.receive(0, b, part(said(ledger, keys(), bar(keys()))));
    expect(one.refused).toEqual(['forged', 'stranger']);
    // Pieces that do not fit each other are no statement, and take no more memory than one.
    const piece = statement.subarray(0, partLength / 8);
    for (let offset = 0; offset < 10; offset++) {
      one.gossip.receive(0, b, {
        type: 'part',
        hash: '1'.repeat(64),
        length: 70_000,
        offset: offset * 7,
        bytes: piece,
      });
    }
    expect(ledger.serial).toBe(0);
    one.gossip.receive(0, b, part(statement));
    expect(ledger.serial).toBe(1);
  });
});

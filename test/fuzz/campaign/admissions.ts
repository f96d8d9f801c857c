/**
 * How somebody comes in, under fire: the waiting rooms of relays and admins, orders to let in and to turn away, relay invites.
 * Parsers by what they read; machines by what must hold whatever they are told.
 */
import { verifyCredential, type Member } from '../../../src/core/identity/certificate.js';
import { generateKeys } from '../../../src/core/identity/keys.js';
import { openNetwork } from '../../../src/core/identity/network.js';
import { Ledger } from '../../../src/core/ledger/ledger.js';
import { parseStatement, signStatement } from '../../../src/core/ledger/statement.js';
import { fromBase64Url, toBase64Url } from '../../../src/core/lib/bytes.js';
import { silentLogger } from '../../../src/core/lib/env.js';
import { renew, renewableOf, wishCertificate } from '../../../src/core/membership/renewal.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { secretBytes, selfOf } from '../../../src/core/membership/self.js';
import { Applicants } from '../../../src/core/node/applicants.js';
import { maxApplicants, parseToNode, parseToRelay } from '../../../src/core/wire/signal.js';
import { encodeTestimony, parseTestimony } from '../../../src/core/wire/testimony.js';
import { Gate } from '../../../src/rendezvous/gate.js';
import type { MemberConnection } from '../../../src/rendezvous/member-connection.js';
import { Registry } from '../../../src/rendezvous/registry.js';
import { signTicket } from '../../../src/rendezvous/ticket.js';
import { WaitingRoom } from '../../../src/rendezvous/waiting-room.js';
import { bar, type Saying } from '../../support/ledger.js';
import { receiptOf } from '../../support/receipts.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';
import { cast, check } from './cast.js';
import { parser, textParser, type Target } from './target.js';

/* ---- what is said ---- */

function messages(): Target[] {
  const { profiles, root, clock, waiting } = cast(2);
  const self = selfOf(profiles[1] as Profile);
  const day = 86_400_000;
  const wish = wishCertificate(self, day, clock.date());
  const renewed = renew(
    wish,
    renewableOf(self),
    self.network,
    root,
    new Ledger(root.publicKey).standing,
    day,
    clock.date(),
  );
  const applicant = waiting('w').credential;
  const id = self.idText;
  const spoken: Saying[] = [
    { kind: 'admit', id },
    bar(self.keys, 'not ours'),
    { kind: 'admission', approvals: 2, kept: [id] },
    { kind: 'root-replace', key: self.keys.publicKey, kept: [id, id] },
    { kind: 'admin-remove', key: self.keys.publicKey, sequence: 1, head: new Uint8Array(32), kept: [id] },
  ];
  const statements = spoken.map((saying) =>
    signStatement(saying, { sequence: 0, hash: '00'.repeat(32) }, root, root.publicKey, clock.date()),
  );
  const json = (messages: readonly object[]): string[] => messages.map((message) => JSON.stringify(message));
  return [
    parser(
      'renewal messages',
      [
        encodeTestimony({ type: 'renew', document: wish }),
        encodeTestimony({ type: 'renewed', document: renewed as Uint8Array }),
        encodeTestimony({ type: 'receipt', document: receiptOf(self.credential, root, clock.date()) }),
      ],
      parseTestimony,
      6,
    ),
    parser('orders of admins', statements, (b) => parseStatement(b, root.publicKey) ?? null, 6),
    textParser(
      'waiting room, to relay',
      json([
        {
          type: 'hello',
          version: 1,
          agent: 'evio/1',
          network: profiles[1]?.network,
          credential: applicant,
          founding: 'enter',
          ticket: toBase64Url(signTicket(new Uint8Array(8).fill(1), 5, 2, root)),
          heads: [{ author: 'ab'.repeat(32), ends: [{ sequence: 1, hash: 'cd'.repeat(32) }] }],
          ledger: { type: 'ledger', statements: statements.map(toBase64Url) },
        },
        { type: 'ping', id: 7 },
      ]),
      (t) => parseToRelay(t) ?? null,
      4,
    ),
    textParser(
      'waiting room, to node',
      json([
        { type: 'waiting', approvals: 1, needed: 2 },
        { type: 'applicants', members: [applicant, applicant] },
        { type: 'refused', code: 'full', message: 'no room to wait', detail: 'full-waiting' },
      ]),
      (t) => parseToNode(t) ?? null,
      4,
    ),
  ];
}

/* ---- a relay's waiting room ---- */

function waitingRoom(): Target {
  const clock = new VirtualClock();
  let told = 0;
  const room = new WaitingRoom(clock, (_network, { members }) => {
    told++;
    check(members.length <= maxApplicants, 'more are told of than may wait');
  });
  const networks = ['n1', 'n2', 'n3'];
  const sites = ['192.0.2.1', '192.0.3.1', '2001:db8::1', '::ffff:192.0.2.9'];
  const inside = new Map<
    MemberConnection,
    { network: string; id: string; invite: string; observed: string }
  >();
  let steps = 0;
  return {
    name: 'waiting room',
    weight: 6,
    run(mutator) {
      if (mutator.below(3) === 0) {
        const connection = mutator.of([...inside.keys(), {} as MemberConnection]);
        room.leave(connection);
        inside.delete(connection);
      } else {
        const network = mutator.of(networks);
        const id = `m${mutator.below(90)}`;
        const invite = `i${mutator.below(3)}`;
        const observed = mutator.of(sites);
        const connection = (
          mutator.below(4) === 0 && inside.size > 0 ? mutator.of([...inside.keys()]) : { observed }
        ) as MemberConnection;
        const known = inside.get(connection);
        // A connection is one node's, of one network, as long as it stands.
        const who = known ?? { network, id, invite, observed };
        const member = { idText: who.id, inviteId: who.invite, credential: new Uint8Array(3) } as Member;
        const entered = room.enter({
          network: who.network,
          connection,
          hello: {} as never,
          remoteStatic: new Uint8Array(32),
          member,
        });
        if (entered !== 'full') {
          if (entered) inside.delete(entered);
          inside.set(connection, who);
        } else check(!known, 'who waits already finds no room');
      }
      if (mutator.below(20) === 0) clock.advance(mutator.of([1, 199, 200, 5_000]));
      check(room.size === inside.size, `${room.size} wait, ${inside.size} came in`);
      for (const network of networks) {
        const here = room.of(network);
        check(here.length <= maxApplicants, 'too many wait in one network');
        check(new Set(here.map(({ member }) => member.idText)).size === here.length, 'one waits twice');
        for (const invite of ['i0', 'i1', 'i2'])
          check(
            here.filter(({ member }) => member.inviteId === invite).length <= maxApplicants / 2,
            'one invite takes the whole room',
          );
      }
      check(told <= steps + 10, 'admins are told more often than anything happens');
      return `step ${++steps}`;
    },
  };
}

/* ---- what an admin's node knows of who waits ---- */

function applicants(): Target {
  const { clock, first, root, waiting, profiles } = cast(3);
  const ledger = new Ledger(root.publicKey);
  const self = selfOf(first);
  ledger.say({ kind: 'admin-add', key: self.keys.publicKey }, root, clock.date());
  let events = 0;
  const machine = new Applicants({
    clock,
    log: silentLogger,
    network: self.network,
    networkId: self.networkId,
    self,
    ledger,
    tell: () => events++,
    changed: () => undefined,
  });
  const waiters = Array.from({ length: 48 }, (_, i) => waiting(`w${i}`));
  const bytes = waiters.map(({ credential }) => secretBytes(credential));
  const ids = new Set(waiters.map((profile) => selfOf(profile).idText));
  const verdict = (credential: Uint8Array): Member | undefined => {
    const judged = verifyCredential(credential, self.network, clock.date(), true, ledger.standing);
    return judged.ok ? undefined : judged.waiting;
  };
  const look = (): void => {
    const members = machine.members();
    // Of each of two relays four were told, and the others came by themselves, all by one invite.
    check(members.length <= maxApplicants / 2 + 8, 'more wait than there is room for');
    for (const { idText } of members) {
      check(ids.has(idText), 'somebody waits whom nobody invited');
      check(ledger.standing.approvals(idText) === 0, 'somebody waits who was let in');
    }
  };
  let steps = 0;
  return {
    name: 'applicants',
    weight: 1,
    run(mutator) {
      const any = (): Uint8Array =>
        mutator.below(3) === 0
          ? mutator.from(bytes)
          : mutator.of([...bytes, secretBytes(profiles[1]?.credential ?? '')]);
      switch (mutator.below(6)) {
        case 0:
          machine.relay(mutator.of(['a', 'b']), Array.from({ length: mutator.below(5) }, any));
          break;
        case 1:
          clock.advance(mutator.below(60) === 0 ? 130_000 : mutator.of([10, 900]));
          break;
        case 2:
          if (mutator.below(40) === 0)
            ledger.say({ kind: 'admit', id: mutator.of([...ids].slice(0, 8)) }, root, clock.date());
          break;
        default: {
          const member = verdict(mutator.of(bytes));
          if (member) machine.came(member);
        }
      }
      // Each look verifies all of them.
      if (steps % 16 === 0) look();
      check(events <= maxApplicants + (clock.now() / 1_000) * 0.2 + 1, 'told of without a limit');
      return `step ${++steps}`;
    },
  };
}

/* ---- relay invites: which networks a closed relay takes ---- */

function relayInvites(): Target {
  const random = new SeededRandom(8);
  const [relay, stranger] = [generateKeys(random), generateKeys(random)];
  const { first } = cast(1);
  const facts = openNetwork(secretBytes(first.network));
  if (!facts) throw new Error('no network');
  const day = 86_400_000;
  const now = Date.UTC(2026, 0, 1);
  const uses = new Map([3, 1, 0].map((n) => [`0${n}`.repeat(8), n]));
  const ticketOf = (id: string, keys = relay, notAfter = now + day): Uint8Array =>
    signTicket(new Uint8Array(Buffer.from(id, 'hex')), notAfter, uses.get(id) ?? 9, keys);
  const genuine = [...uses.keys()].map((id) => ticketOf(id));
  const worthless = [ticketOf('09'.repeat(8), stranger), ticketOf('08'.repeat(8), relay, now - 1)];
  let registry = new Registry();
  let gate = new Gate({ open: false, allow: new Set() }, relay, registry);
  let steps = 0;
  return {
    name: 'relay invites',
    weight: 1,
    run(mutator) {
      if (steps % 500 === 499) {
        registry = new Registry();
        gate = new Gate({ open: false, allow: new Set() }, relay, registry);
      }
      const network = `${mutator.below(40)}`.padStart(16, '0');
      const bytes = mutator.below(2) === 0 ? mutator.of(genuine) : mutator.from([...genuine, ...worthless]);
      const ticket = mutator.below(6) === 0 ? undefined : toBase64Url(bytes);
      const founding = mutator.of(['enter', 'enter', 'withdraw', undefined] as const);
      const { claimable } = gate;
      const verdict = gate.judge(network, { founding, ticket }, now);
      if ('entry' in verdict && verdict.entry) {
        const known = genuine.some((other) => Buffer.from(other).equals(Buffer.from(bytes)));
        check(known || (claimable && ticket === undefined), 'a network comes in by nothing');
        gate.enter(registry.ensure(network, undefined), facts, verdict.entry, now);
      }
      for (const [id, { networks }] of registry.tickets)
        check(networks.size <= (uses.get(id) ?? 0), 'an invite is used more often than it says');
      check(fromBase64Url(ticket ?? '') !== undefined, 'a ticket that is no text');
      steps++;
      return bytes;
    },
  };
}

export const admissions = (): Target[] => [...messages(), waitingRoom(), applicants(), relayInvites()];

/** The machines under fire: handshake sessions, the ring, the ledger's gossip, the packet loop; a relay's are in relay-session.ts. */
import type { Path, SessionKeys } from '../../../src/core/dataplane/plane/plane.js';
import { generateKeys, type Keys } from '../../../src/core/identity/keys.js';
import { Gossip } from '../../../src/core/ledger/gossip.js';
import { silentLogger } from '../../../src/core/lib/env.js';
import { toHex } from '../../../src/core/lib/bytes.js';
import { consumeInitiation } from '../../../src/core/noise/ik.js';
import { StampSource } from '../../../src/core/noise/tai64n.js';
import { IndexTable } from '../../../src/core/peer/index-table.js';
import { rekeyAfterMs, Session } from '../../../src/core/peer/session.js';
import { Overlay } from '../../../src/core/topology/overlay.js';
import { parseInitPayload, parseResponse, parseResponsePayload } from '../../../src/core/wire/handshake.js';
import { encodeLedger, parseLedger } from '../../../src/core/wire/ledger.js';
import { Kind, PacketType, Suite } from '../../../src/core/wire/packet.js';
import { encodeRing, parseRing, type RingMessage } from '../../../src/core/wire/ring.js';
import { floodOf } from '../../support/floods.js';
import { honest, hostile } from '../../support/hostile-frames.js';
import { bar, admitted, founded, keys } from '../../support/ledger.js';
import { endpointOf, fromDevice, makeRig, sealFor, envelope, type Rig } from '../../support/loop-rig.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';
import type { Mutator } from './mutator.js';
import { admissions } from './admissions.js';
import { memberships } from './memberships.js';
import { admission, relayDoor, relaySession } from './relay-session.js';
import type { Target } from './target.js';

const check = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(what);
};

/* ---- sessions: two of them, and a line that changes, repeats, holds back and makes up packets ---- */

const via: Path = { kind: 'direct', endpoint: { host: '192.0.2.1', port: 1 } };
const prologue = Uint8Array.of(1);
const suites = [Suite.aes256gcm, Suite.chacha20poly1305];

class Side {
  readonly clock: VirtualClock;
  readonly seed: number;
  readonly keys: Keys;
  readonly installed = new Map<number, SessionKeys>();
  readonly sent: Uint8Array[] = [];
  readonly indexes: IndexTable<Session>;
  session!: Session;
  using: number | undefined;

  constructor(clock: VirtualClock, seed: number) {
    this.clock = clock;
    this.seed = seed;
    this.keys = generateKeys(new SeededRandom(seed));
    this.indexes = new IndexTable<Session>(new SeededRandom(seed + 9));
  }

  meet(other: Side): void {
    const env = { clock: this.clock, random: new SeededRandom(this.seed + 5), log: silentLogger };
    this.session = new Session(
      {
        env,
        localStatic: this.keys.dh,
        prologue,
        suite: suites[this.seed % 2] as Suite,
        boot: this.seed,
        stamps: new StampSource(this.clock),
        indexes: this.indexes,
        rekeyAfterMs,
        credential: () => Uint8Array.of(this.seed),
      },
      {
        handshakePaths: () => [via],
        relayed: () => false,
        answerLength: () => 0,
        send: (packet) => {
          this.sent.push(packet.slice());
          if (this.sent.length > 64) this.sent.shift();
        },
        addKey: (added) => {
          check(!this.installed.has(added.localIndex), 'an index is installed twice');
          const copy = { ...added, sendKey: added.sendKey.slice(), receiveKey: added.receiveKey.slice() };
          check(
            copy.sendKey.some((byte) => byte !== 0),
            'a key of zeros',
          );
          this.installed.set(added.localIndex, copy);
        },
        useKey: (index) => {
          check(this.installed.has(index), 'a key is used that is not there');
          this.using = index;
        },
        removeKey: (index) => {
          this.installed.delete(index);
          if (this.using === index) this.using = undefined;
        },
        keepalive: () => undefined,
        established: () => undefined,
        lost: () => undefined,
      },
      other.keys.dh.publicKey,
    );
  }

  receive(packet: Uint8Array, other: Side): void {
    const now = this.clock.now();
    if (packet[0] === PacketType.handshakeInit) {
      const init = consumeInitiation(packet, { localStatic: this.keys.dh, prologue, suites });
      const payload = init && parseInitPayload(init.payload);
      // The door has its certificate proven before it comes to the session.
      if (!init || !payload || toHex(init.remoteStatic) !== toHex(other.keys.dh.publicKey)) return;
      this.session.acceptInitiation(now, init, payload, via);
    } else if (packet[0] === PacketType.cookieReply) {
      this.session.takeCookie(now, packet);
    } else {
      const response = parseResponse(packet);
      const opened = response && this.session.openResponse(packet, response.receiverIndex);
      const payload = opened && parseResponsePayload(opened.payload);
      if (response && opened && payload)
        this.session.complete(now, opened, response.receiverIndex, payload.boot);
    }
  }
}

function sessions(): Target {
  const clock = new VirtualClock();
  const [a, b] = [new Side(clock, 1), new Side(clock, 2)];
  a.meet(b);
  b.meet(a);
  let steps = 0;
  const step = (mutator: Mutator): void => {
    const [me, other] = mutator.below(2) === 0 ? [a, b] : [b, a];
    switch (mutator.below(12)) {
      case 0:
        return me.session.connect(clock.now());
      case 1:
        clock.advance(mutator.of([1, 50, 400, 2_000, 30_000, 130_000]));
        for (const { session } of [a, b]) if (session.dueAt <= clock.now()) session.tick(clock.now());
        return;
      case 2:
        return me.session.exhausted(clock.now(), me.using ?? 0);
      case 3:
        return me.session.confirm(clock.now(), mutator.of([...me.installed.keys(), 7]));
      case 4:
        if (mutator.below(50) === 0) me.session.reset();
        return;
      case 5:
      case 6:
      case 7: {
        const packet = other.sent.at(-1 - mutator.below(3));
        if (packet) me.receive(packet.slice(), other);
        return;
      }
      default:
        me.receive(mutator.from([...other.sent, ...me.sent]), other);
    }
  };
  /** Whatever came before, a line that carries lets them meet, with the same keys crosswise. */
  const meets = (): void => {
    a.sent.length = b.sent.length = 0;
    // Longer than any retry waits, so that it begins now, with a stamp above all before.
    clock.advance(20_000);
    a.session.tick(clock.now());
    a.session.connect(clock.now());
    for (let turns = 0; turns < 4; turns++) {
      for (const packet of a.sent.splice(0)) b.receive(packet, a);
      for (const packet of b.sent.splice(0)) a.receive(packet, b);
    }
    // The plane of the responder tells when the first packet under a key comes: under the one that is used.
    b.session.confirm(clock.now(), a.installed.get(a.using ?? -1)?.remoteIndex ?? -1);
    check(a.session.established && b.session.established, 'two sessions do not meet any more');
    const used = a.installed.get(a.using as number);
    const same = used && b.installed.get(used.remoteIndex);
    check(same !== undefined && toHex(same.receiveKey) === toHex(used?.sendKey as Uint8Array), 'keys differ');
  };
  return {
    name: 'sessions',
    weight: 2,
    run(mutator) {
      step(mutator);
      for (const { installed, session } of [a, b]) {
        check(installed.size <= 6, `${installed.size} keys at once`);
        check(!Number.isNaN(session.dueAt), 'due at no time');
      }
      if (++steps % 500 === 0) meets();
      return `step ${steps}`;
    },
  };
}

/* ---- the ring: one member among forty who say anything ---- */

const idAt = (i: number): string =>
  toHex(Uint8Array.from({ length: 16 }, (_, at) => (i * 37 + at * i * 11) & 255));
const ids = Array.from({ length: 40 }, (_, i) => idAt(i + 1));

function ring(): Target {
  const clock = new VirtualClock();
  const asked = new Set<string>();
  const up = new Set<string>();
  const outbox: RingMessage[] = [];
  let sent = 0;
  const overlay = new Overlay(
    { id: idAt(99), role: 'switch' },
    {
      env: { clock, random: new SeededRandom(3), log: silentLogger },
      connect: (id) => {
        asked.add(id);
      },
      disconnect: (id) => {
        up.delete(id);
        asked.delete(id);
      },
      send: (id, message) => {
        sent++;
        check(id.length === 32, 'a message to nobody');
        // What it makes, others can read.
        check(parseRing(encodeRing(message)) !== undefined, 'a message that nobody reads');
        if (outbox.push(message) > 50) outbox.shift();
      },
      silence: () => clock.now() % 5_000,
      waiting: () => 0,
      locate: () => false,
      card: () => new Uint8Array(40),
      received: () => undefined,
      routes: (links) => {
        check(links.length <= ids.length, 'more routes than members');
      },
    },
  );
  overlay.start(clock.now());
  const message = (mutator: Mutator): RingMessage => {
    const some = (): string[] => Array.from({ length: mutator.below(8) }, () => mutator.of(ids));
    return mutator.of<() => RingMessage>([
      () => ({
        type: 'table',
        version: mutator.below(5),
        claims: mutator.below(256),
        leaf: mutator.below(4) === 0,
        settled: mutator.below(2) === 0,
        successors: some(),
        predecessors: some(),
        others: some(),
        indirect: some(),
      }),
      () => ({ type: 'beat', seen: mutator.below(5), claims: mutator.below(256), answer: true }),
      () => ({ type: 'refuse' }),
      () => ({
        type: 'seek',
        nonce: mutator.below(9),
        target: mutator.of(ids),
        hops: mutator.below(256),
        card: new Uint8Array(20),
      }),
      () => ({ type: 'sought', nonce: mutator.below(9), id: mutator.of(ids), card: new Uint8Array(20) }),
    ])();
  };
  let steps = 0;
  return {
    name: 'ring',
    weight: 8,
    run(mutator) {
      const now = clock.now();
      const id = mutator.of([...ids, idAt(99)]);
      const before = sent;
      switch (mutator.below(12)) {
        case 0:
          overlay.connected(now, id, mutator.below(3) === 0, mutator.below(5) === 0);
          if (id !== idAt(99)) up.add(id);
          break;
        case 1:
          overlay.disconnected(now, id);
          up.delete(id);
          break;
        case 2:
          overlay.unreachable(now, mutator.of([...asked, id]));
          break;
        case 3:
          overlay.found(now, [id, mutator.of(ids)]);
          break;
        case 4:
          overlay.gone(now, id);
          break;
        case 5:
          overlay.restarted(now, id);
          overlay.moved(id, mutator.below(2) === 0);
          break;
        case 6:
          overlay.demand(now, id);
          overlay.sized(now, mutator.of([0, 1, 40, 100_000]));
          break;
        case 7: {
          clock.advance(mutator.of([1, 20, 300, 1_500, 40_000]));
          const at = overlay.tick(clock.now());
          check(at > clock.now() - 1 && !Number.isNaN(at), `due at ${at}, now ${clock.now()}`);
          break;
        }
        case 8: {
          const bytes = mutator.from([encodeRing(message(mutator)), ...outbox.slice(-3).map(encodeRing)]);
          const parsed = parseRing(bytes);
          if (parsed) overlay.receive(now, id, parsed);
          break;
        }
        default:
          overlay.receive(now, mutator.of([...up, id]), message(mutator));
      }
      // One input moves a bounded number of messages: no storm of them can be begun.
      check(sent - before <= 4 * ids.length, `${sent - before} messages at one input`);
      check(overlay.links().length <= ids.length, 'links with nobody');
      return `step ${++steps}`;
    },
  };
}

/* ---- gossip of the ledger: messages that are whole, changed, and made up ---- */

function gossip(): Target {
  const clock = new VirtualClock();
  const { root, ledger } = founded();
  const admin = admitted(ledger, root);
  const sent: Uint8Array[] = [];
  const genuine = Array.from({ length: 8 }, (_, i) => {
    const there = ledger.clone();
    return there.say(bar(keys(), `r${i}`), i % 2 ? admin : root, 3_000 + i);
  });
  const machine = new Gossip({
    ledger,
    send: (_id, message) => {
      const bytes = encodeLedger(message);
      check(parseLedger(bytes) !== undefined, 'a message that nobody reads');
      if (sent.push(bytes) > 50) sent.shift();
    },
    taken: () => undefined,
    refused: () => undefined,
  });
  const parts = genuine.map((bytes) =>
    encodeLedger({ type: 'part', hash: '22'.repeat(32), length: bytes.length, offset: 0, bytes }),
  );
  let steps = 0;
  return {
    name: 'gossip',
    weight: 4,
    run(mutator) {
      const id = mutator.of(ids.slice(0, 5));
      switch (mutator.below(8)) {
        case 0:
          machine.connected(clock.now(), id);
          break;
        case 1:
          machine.disconnected(id);
          break;
        case 2:
          clock.advance(mutator.of([1, 100, 5_000, 100_000]));
          machine.tick(clock.now());
          check(!Number.isNaN(machine.dueAt), 'due at no time');
          break;
        default: {
          const message = parseLedger(mutator.from([...parts, ...sent]));
          if (message) machine.receive(clock.now(), id, message);
        }
      }
      return `step ${++steps}`;
    },
  };
}

/* ---- the packet loop: what its host sends, strangers, and a member with good keys ---- */

const frames = [...honest, ...hostile].map(({ frame }) => frame);
const plain = frames.map((frame) => Uint8Array.of(Kind.frame, ...frame));
const plaintexts = [
  ...plain,
  ...plain.slice(0, 8).map((inner) => floodOf(1, 5, inner)),
  ...plain.slice(0, 8).map((inner) => envelope(3, sealFor(1, 2, inner))),
  Uint8Array.of(Kind.control, 1, 0, 0, 0, 0, 0, 0, 0, 1),
  Uint8Array.of(Kind.groups, 1, 0, 0, 0, 0),
  ...frames.slice(0, 8).map((frame) => Uint8Array.of(Kind.frameChecksumAt, 0, 34, 0, 16, ...frame)),
];
const virtio = frames.map((frame) => fromDevice(frame));

function loop(name: string, feed: (rig: Rig, mutator: Mutator) => void): Target {
  const rig = makeRig(2);
  rig.meet(1);
  rig.meet(3);
  return {
    name,
    weight: 6,
    run(mutator) {
      feed(rig, mutator);
      rig.run();
      for (const { frame } of rig.io.deviceOut) check(frame.length >= 14, 'a frame without header');
      for (const { bytes } of rig.io.netOut) check(bytes.length > 0, 'an empty datagram');
      rig.io.deviceOut.length = rig.io.netOut.length = rig.events.length = 0;
      rig.time.now += mutator.below(50);
      return '';
    },
  };
}

const loops = [
  loop('loop, host', (rig, mutator) => rig.io.deviceIn.push(mutator.from(virtio))),
  loop('loop, stranger', (rig, mutator) => {
    const bytes = mutator.from(plain.slice(0, 20).map((p) => sealFor(1, 2, p)));
    if (bytes.length === 0) return;
    const segment = mutator.below(4) === 0 ? mutator.below(bytes.length + 1) : 0;
    rig.io.netIn.push({ bytes, from: endpointOf(1 + mutator.below(3)), segment });
  }),
  loop('loop, member', (rig, mutator) => {
    const bytes = mutator.from(plaintexts);
    if (bytes.length > 1_400) return;
    rig.io.netIn.push({ bytes: sealFor(1, 2, bytes), from: endpointOf(1), segment: 0 });
  }),
];

export const machines = (): Target[] => [
  sessions(),
  ring(),
  gossip(),
  ...loops,
  admission(),
  relaySession(),
  relayDoor(),
  ...admissions(),
  ...memberships(),
];

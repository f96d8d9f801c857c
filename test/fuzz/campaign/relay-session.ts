/**
 * A relay's side of WebSockets under fire: the Noise handshake, hello, and what comes after, from somebody who has keys of his
 * own and keeps to the rules now and then. The other end of the socket is a stand-in that counts.
 */
import { NearSocket } from '../../../src/rendezvous/member-socket.js';
import { EventEmitter } from 'node:events';
import type { WebSocket } from 'ws';
import { generateKeys } from '../../../src/core/identity/keys.js';
import { silentLogger } from '../../../src/core/lib/env.js';
import { concatBytes, toBase64Url, utf8 } from '../../../src/core/lib/bytes.js';
import { NoiseHandshake } from '../../../src/core/noise/handshake.js';
import { NoiseTransport } from '../../../src/core/noise/transport.js';
import { Suite } from '../../../src/core/wire/packet.js';
import { batchOf, CarrierMessage, countPackets, encodeCarrierData } from '../../../src/core/wire/relay.js';
import { parseToRelay, relayPrologue, type ToNode } from '../../../src/core/wire/signal.js';
import { admit } from '../../../src/rendezvous/admission.js';
import { Gate } from '../../../src/rendezvous/gate.js';
import { Ledgers } from '../../../src/rendezvous/ledgers.js';
import { defaultLimits } from '../../../src/rendezvous/limits.js';
import { MemberConnection, type ConnectionHost } from '../../../src/rendezvous/member-connection.js';
import { Registry } from '../../../src/rendezvous/registry.js';
import { answerHandshake } from '../../../src/rendezvous/relay-handshake.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';
import { TestNetwork } from '../../unit/rendezvous/relay-kit.js';
import type { Mutator } from './mutator.js';
import type { Target } from './target.js';

const check = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(what);
};

/** What a connection needs of a WebSocket. */
class Line extends EventEmitter {
  binaryType = '';
  bufferedAmount = 0;
  unsent = 0;
  open = true;
  readonly sent: Uint8Array[] = [];

  send(data: Uint8Array, done?: () => void): void {
    check(this.open, 'a message behind the end');
    this.sent.push(data.slice());
    done?.();
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    this.emit('close');
  }

  terminate(): void {
    this.close();
  }
}

const random = new SeededRandom(77);
const relay = generateKeys(random);
const node = generateKeys(random);
const id = '0123456789abcdef0123456789abcdef';
const said = [
  {
    type: 'hello',
    version: 1,
    agent: 'a',
    network: toBase64Url(utf8('n')),
    credential: toBase64Url(utf8('c')),
  },
  { type: 'ping', id: 4 },
  { type: 'find', id: 1, query: { text: 'ben' } },
  { type: 'locate', id: 1, positions: [id] },
  { type: 'leave', farewell: toBase64Url(new Uint8Array(137)) },
  { type: 'ledger', statements: [] },
].map((message) => utf8(JSON.stringify(message)));
const welcome = { type: 'welcome', members: [], online: [] } as unknown as Extract<
  ToNode,
  { type: 'welcome' }
>;

/** One connection, and the key of who is at the other end, once it shook hands. */
class Meeting {
  readonly line = new Line();
  readonly connection: MemberConnection;
  transport: NoiseTransport | undefined;
  #hellos = 0;
  #over = false;

  constructor(clock: VirtualClock, admits: boolean) {
    const alive = (): void => {
      check(!this.#over, 'the host hears of a connection that is over');
    };
    const host: ConnectionHost = {
      hello: (connection, hello) => {
        alive();
        check(++this.#hellos === 1 && hello.type === 'hello', 'more than one hello');
        if (admits) connection.welcome(welcome);
        else connection.refuse('bad-credential', 'no', undefined);
      },
      request: alive,
      ledger: alive,
      data: (_connection, message, packets) => {
        alive();
        check(packets > 0 && countPackets(message.subarray(17)) === packets, 'a batch that is not whole');
      },
      dropped: alive,
      turnedAway: () => undefined,
      closed: () => {
        check(!this.#over, 'closed twice');
        this.#over = true;
      },
    };
    this.connection = new MemberConnection({
      socket: new NearSocket(this.line as unknown as WebSocket),
      observed: '192.0.2.1',
      admitted: () => undefined,
      keys: relay,
      limits: defaultLimits,
      env: { clock, random, log: silentLogger },
      host,
    });
  }

  hears(bytes: Uint8Array, binary = true): void {
    if (this.line.open) this.line.emit('message', Buffer.from(bytes), binary);
  }

  shake(change: (first: Uint8Array) => Uint8Array): void {
    const handshake = new NoiseHandshake({
      pattern: 'IK',
      suite: Suite.aes256gcm,
      initiator: true,
      prologue: utf8(relayPrologue),
      staticKeys: node.dh,
      remoteStatic: relay.dh.publicKey,
      random,
    });
    this.hears(change(handshake.writeMessage(new Uint8Array(0))));
    const answer = this.line.sent[0];
    if (answer && handshake.readMessage(answer)) {
      this.transport = NoiseTransport.fromKeys(Suite.aes256gcm, handshake.split());
      this.line.sent.length = 0;
    }
    handshake.destroy();
  }

  /** What it said is sealed in order. */
  opens(): void {
    for (const bytes of this.line.sent.splice(0)) {
      if (bytes[0] !== CarrierMessage.sealed) continue;
      check(this.transport?.open(bytes.subarray(1)) !== undefined, 'a message that its node cannot open');
    }
  }
}

export function relaySession(): Target {
  const clock = new VirtualClock();
  let meeting = new Meeting(clock, true);
  const data = [1, 3].map((n) =>
    encodeCarrierData(
      new Uint8Array(16).fill(n),
      concatBytes(...Array.from({ length: n }, () => batchOf(said[0] as Uint8Array))),
    ),
  );
  const speak = (mutator: Mutator): void => {
    const { transport } = meeting;
    if (!transport) {
      const honest = mutator.below(4) > 0;
      if (mutator.below(3) === 0) meeting.hears(mutator.from(said), mutator.below(8) > 0);
      else meeting.shake((first) => (honest ? first : mutator.from([first])));
      return;
    }
    const seal = (plain: Uint8Array): Uint8Array =>
      concatBytes(Uint8Array.of(CarrierMessage.sealed), transport.seal(plain));
    switch (mutator.below(12)) {
      case 0:
        return meeting.hears(mutator.from([seal(mutator.of(said))]));
      case 1:
        return meeting.hears(mutator.from(data), mutator.below(8) > 0);
      case 2:
      case 3:
        return meeting.hears(mutator.of(data));
      case 4:
        clock.advance(mutator.of([1, 500, 6_000, 40_000]));
        return;
      case 5:
        meeting.line.bufferedAmount = mutator.of([0, 0, 300_000, 5_000_000]);
        meeting.line.unsent = mutator.of([0, 0, 100_000, 4_000_000]);
        return;
      case 6:
        return meeting.hears(seal(mutator.from(said)));
      default:
        return meeting.hears(seal(mutator.of(said)));
    }
  };
  let steps = 0;
  return {
    name: 'relay session',
    weight: 2,
    run(mutator) {
      clock.advance(20);
      if (!meeting.line.open || mutator.below(40) === 0) {
        meeting.line.close();
        meeting = new Meeting(clock, mutator.below(5) > 0);
      }
      speak(mutator);
      meeting.opens();
      return `step ${++steps}`;
    },
  };
}

/** The same door by itself: any bytes as the first message. */
export const relayDoor = (): Target => ({
  name: 'relay handshake',
  weight: 1,
  run(mutator) {
    const bytes = mutator.random(120);
    const shaken = answerHandshake(bytes, relay, random);
    check(typeof shaken === 'string', 'a handshake of nobody');
    return bytes;
  },
});

/* ---- a relay: what a connection says first ---- */

export function admission(): Target {
  const relay = generateKeys(new SeededRandom(4));
  const registry = new Registry();
  const gate = new Gate({ open: true, allow: new Set() }, relay, registry);
  const network = new TestNetwork([{ address: '127.0.0.1:3478', key: relay.publicKey }]);
  const nodes = [network.node(1), network.node(2)];
  const hellos = nodes.map((node) =>
    Buffer.from(
      JSON.stringify({
        type: 'hello',
        version: 1,
        agent: 'evio/test',
        network: toBase64Url(node.networkBytes),
        credential: toBase64Url(node.credential),
      }),
    ),
  );
  return {
    name: 'admission',
    weight: 1,
    run(mutator) {
      const bytes = mutator.from(hellos.map((hello) => new Uint8Array(hello)));
      const message = parseToRelay(Buffer.from(bytes).toString('utf8'));
      if (message?.type !== 'hello') return bytes;
      const node = mutator.of(nodes);
      const observed = `203.0.${mutator.below(256)}.${mutator.below(256)}`;
      const dateMs = Date.now();
      admit(message, node.keys.dh.publicKey, {
        keys: relay,
        gate,
        registry,
        ledgers: new Ledgers('/nonexistent', silentLogger),
        limits: defaultLimits,
        observed,
        dateMs,
      });
      check(registry.memberCount <= 2, 'a member that nobody signed');
      return bytes;
    },
  };
}

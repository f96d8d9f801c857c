/**
 * One WebSocket of a node: Noise IK as responder, hello, then sealed JSON and data messages.
 *
 *   handshake ──message 1──▶ hello ──hello──▶ judging ──admitted──▶ up ──▶ closed
 *                                                └─▶ waiting ──let in──┘
 */
import type { Keys } from '../core/identity/keys.js';
import { Backlog } from '../core/lib/backlog.js';
import { utf8 } from '../core/lib/bytes.js';
import type { Env } from '../core/lib/env.js';
import { TokenBucket } from '../core/lib/token-bucket.js';
import { tellBuffered } from '../core/native/v8.js';
import { NoiseTransport } from '../core/noise/transport.js';
import { Suite } from '../core/wire/packet.js';
import {
  carrierHeaderLength,
  CarrierMessage,
  countPackets,
  encodeCarrierData,
  readdressCarrierData,
} from '../core/wire/relay.js';
import {
  CloseCode,
  parseToRelay,
  type FindRequest,
  type LeaveRequest,
  type LedgerNews,
  type LocateRequest,
  type PlacedRequest,
  type Refusal,
  type ToNode,
  type ToRelay,
  type Waiting,
} from '../core/wire/signal.js';
import type { MemberSocket, SocketListener } from './member-socket.js';
import { answerHandshake } from './relay-handshake.js';
import type { HeldConnection } from './move/held.js';
import { byteBurst, bytesPerSecond, type RelayLimits } from './limits.js';

/** Sealed messages of a node, heartbeats and requests; more of them end the connection. */
const sealedRate = { perSecond: 10, burst: 80 } as const;
/** `locate` and `find`; those beyond it are not answered. A node keeps to less (net/relay-client.ts). */
const requestRate = { perSecond: 5, burst: 40 } as const;
/** A node that leaves this much of what it must know unread is dropped, bytes. */
const signalQueueLimit = 4 * 1024 * 1024;
/** Announcements wait here while the socket has this much to send, bytes. */
const announceWatermark = 256 * 1024;
/** A connection of which the node has another now ends by itself within this time, ms. */
const retiredMs = 10_000;
/** How often the heartbeat is looked at, ms. */
export const checkMs = 5_000;

export type Hello = Extract<ToRelay, { type: 'hello' }>;
export type Request = LocateRequest | FindRequest | PlacedRequest | LeaveRequest;

/** What the server does with a connection. */
export interface ConnectionHost {
  /** A hello of the holder of `remoteStatic`. The host calls `welcome` or `refuse`, now or later. */
  hello(connection: MemberConnection, hello: Hello, remoteStatic: Uint8Array): void;
  /** Of an admitted node, within its rate. */
  request(connection: MemberConnection, request: Request): void;
  /** Statements of an admitted node. */
  ledger(connection: MemberConnection, message: LedgerNews): void;
  /**
   * A data message of an admitted node for a member of its network: its batch is checked to be whole, and charged to the
   * node. The host may change it.
   */
  data(connection: MemberConnection, message: Uint8Array, packets: number): void;
  dropped(reason: 'malformed' | 'node-limit', packets: number): void;
  /** Refused before or at the handshake. */
  turnedAway(reason: 'wrong-key' | 'protocol' | 'silent'): void;
  /** Told once. */
  closed(connection: MemberConnection): void;
}

export interface ConnectionOptions {
  readonly socket: MemberSocket;
  /** What another process knew of it; default: it begins. */
  readonly held?: HeldConnection | undefined;
  /** Source address of the TCP connection. */
  readonly observed: string;
  /** Told when the node is admitted. */
  readonly admitted: () => void;
  readonly keys: Keys;
  readonly limits: RelayLimits;
  readonly env: Env;
  readonly host: ConnectionHost;
  /** Told once, before the host. */
  readonly closed?: (connection: MemberConnection) => void;
}

export class MemberConnection {
  readonly observed: string;
  readonly #options: ConnectionOptions;
  readonly #socket: MemberSocket;
  readonly #backlog: Backlog;
  readonly #bytes: TokenBucket;
  readonly #sealed: TokenBucket;
  readonly #requests: TokenBucket;
  readonly #announcements: (() => ToNode)[] = [];
  #announcing = false;
  #stage: 'handshake' | 'hello' | 'judging' | 'waiting' | 'up' | 'closed' = 'handshake';
  #transport: NoiseTransport | undefined;
  #remoteStatic: Uint8Array | undefined;
  #cancelDeadline: () => void;
  #heardAt: number;
  /** It was told that another process goes on (`sendAway`). */
  #away = false;
  /** While it rests: what was to be sent, and how it was to be closed. */
  #resting: { readonly plain: Uint8Array[]; close: (() => void) | undefined } | undefined;

  constructor(options: ConnectionOptions) {
    const { socket, env, limits } = options;
    this.observed = options.observed;
    this.#options = options;
    this.#socket = socket;
    const now = env.clock.now();
    this.#heardAt = now;
    this.#backlog = new Backlog(limits.queueBytes);
    this.#bytes = new TokenBucket(bytesPerSecond(limits.nodeMbps), byteBurst(limits.nodeMbps), now);
    this.#sealed = new TokenBucket(sealedRate.perSecond, sealedRate.burst, now);
    this.#requests = new TokenBucket(requestRate.perSecond, requestRate.burst, now);
    this.#cancelDeadline = env.clock.after(limits.handshakeMs, () => this.#late());
    if (options.held) this.#adopt(options.held);
    socket.listen(this.listener);
  }

  /** What hears of its socket. */
  get listener(): SocketListener {
    return {
      message: (data, binary) => {
        this.#received(data, binary);
      },
      heard: () => {
        this.#heard();
      },
      closed: () => {
        this.#closed();
      },
    };
  }

  get socket(): MemberSocket {
    return this.#socket;
  }

  /** Another process is to go on: nothing is sealed any more until `wake`. Not while it is judged. */
  rest(): void {
    this.#resting ??= { plain: [], close: undefined };
  }

  /** What another process needs to go on with it; undefined where there is nothing to go on with. While it rests. */
  held(): HeldConnection | undefined {
    const stage = this.#stage;
    if (stage === 'closed' || stage === 'judging') return undefined;
    return {
      stage,
      observed: this.observed,
      away: this.#away,
      transport: this.#transport?.held(),
      remoteStatic: this.#remoteStatic,
      announcements: this.#announcements.map((make) => make()),
    };
  }

  /** All goes on here. */
  wake(): void {
    const { plain = [], close } = this.#resting ?? {};
    this.#resting = undefined;
    for (const one of plain) this.sendPlain(one);
    this.#announce();
    close?.();
  }

  /** Another process goes on with it: the socket is not ours any more. */
  letGo(): void {
    this.#stage = 'closed';
    this.#cancelDeadline();
    this.#transport?.destroy();
  }

  #adopt({ stage, transport, remoteStatic, announcements, away }: HeldConnection): void {
    this.#stage = stage;
    this.#away = away;
    this.#transport = transport && NoiseTransport.from(Suite.aes256gcm, transport);
    this.#remoteStatic = remoteStatic;
    for (const message of announcements) this.#announcements.push(() => message);
    if (stage === 'up' || stage === 'waiting') this.#watch();
  }

  /**
   * Its process is about to end: the node is asked to come back to the one that goes on, and is served here until it has. Who
   * does not understand stays until the connection ends.
   */
  sendAway(): void {
    if (this.#stage !== 'up') return;
    this.#away = true;
    this.send({ type: 'away' });
  }

  /** True after `sendAway`. */
  get away(): boolean {
    return this.#away;
  }

  /** The same node is here by another connection: what is still on its way by this one arrives, then the node closes it. */
  retire(): void {
    this.#cancelDeadline();
    this.#cancelDeadline = this.#options.env.clock.after(retiredMs, () => {
      this.close(CloseCode.replaced, 'replaced');
    });
  }

  get up(): boolean {
    return this.#stage === 'up';
  }

  /** Admits the node. Nothing happens when the connection ended meanwhile; then it returns false. */
  welcome(message: Extract<ToNode, { type: 'welcome' }>): boolean {
    if (!this.#isJudged) return false;
    if (this.#stage === 'judging') this.#options.admitted();
    this.#stage = 'up';
    this.send(message);
    this.#watch();
    return true;
  }

  /** The node has to wait until admins let it in: it may ping, and do nothing else. Said again when more of them did. */
  wait(waiting: Waiting): void {
    if (!this.#isJudged) return;
    const begins = this.#stage === 'judging';
    this.#stage = 'waiting';
    if (begins) this.#options.admitted();
    this.send({ type: 'waiting', ...waiting });
    if (begins) this.#watch();
  }

  get #isJudged(): boolean {
    return this.#stage === 'judging' || this.#stage === 'waiting';
  }

  refuse(code: Refusal, message: string, detail: string | undefined): void {
    if (!this.#isJudged) return;
    this.send({ type: 'refused', code, message, ...(detail !== undefined && { detail }) });
    this.close(CloseCode.refused, code);
  }

  /** Ends the connection of a node that is up: it is not welcome any more. */
  dismiss(code: Refusal, message: string): void {
    if (this.#stage !== 'up') return;
    this.send({ type: 'refused', code, message });
    this.close(CloseCode.refused, code);
  }

  send(message: ToNode): void {
    this.sendPlain(encodeMessage(message));
  }

  /** Sends what `encodeMessage` made: for a message that goes to many. */
  sendPlain(plain: Uint8Array): void {
    if (this.#stage === 'closed' || !this.#transport) return;
    if (this.#resting) {
      this.#resting.plain.push(plain);
      return;
    }
    if (this.#socket.bufferedAmount > signalQueueLimit) {
      this.close(CloseCode.slow, 'too slow');
      return;
    }
    const sealed = this.#transport.seal(plain);
    const out = new Uint8Array(1 + sealed.length);
    out[0] = CarrierMessage.sealed;
    out.set(sealed, 1);
    this.#socket.send(out, () => this.#announce());
  }

  /** Messages that may wait until the socket has room, made when they are sent. */
  later(messages: Iterable<() => ToNode>): void {
    for (const message of messages) this.#announcements.push(message);
    this.#announce();
  }

  #takesData(length: number): boolean {
    if (this.#stage !== 'up') return false;
    const { bufferedAmount, unsent } = this.#socket;
    return this.#backlog.admits(length, bufferedAmount, unsent, this.#options.env.clock.now());
  }

  /** False when the node is too slow: the batch was dropped. */
  sendData(source: Uint8Array, batch: Uint8Array): boolean {
    if (!this.#takesData(batch.length)) return false;
    this.#socket.send(encodeCarrierData(source, batch));
    return true;
  }

  /** The same for a data message of another node: it is changed where it is. */
  passData(source: Uint8Array, message: Uint8Array): boolean {
    if (!this.#takesData(message.length)) return false;
    readdressCarrierData(message, source);
    this.#socket.send(message);
    return true;
  }

  close(code: number, reason: string): void {
    if (this.#stage === 'closed') return;
    if (this.#resting) {
      this.#resting.close ??= () => {
        this.close(code, reason);
      };
      return;
    }
    this.#socket.close(code, reason);
    this.#closed();
    // The other side may never answer the close.
    this.#options.env.clock.after(2_000, () => this.#socket.terminate());
  }

  /** Ends the connection without a word. */
  terminate(): void {
    this.#socket.terminate();
  }

  #late(): void {
    this.#options.host.turnedAway('silent');
    this.close(CloseCode.silent, 'nothing came in time');
  }

  #heard(): void {
    this.#heardAt = this.#options.env.clock.now();
    // Pongs are queued as well: a node that pings and does not read must not fill our memory.
    if (this.#socket.bufferedAmount > signalQueueLimit) this.#socket.terminate();
  }

  #watch(): void {
    const { clock } = this.#options.env;
    const { silentMs } = this.#options.limits;
    this.#cancelDeadline();
    this.#cancelDeadline = clock.after(Math.min(checkMs, silentMs), () => {
      if (clock.now() - this.#heardAt > silentMs) this.close(CloseCode.silent, 'no heartbeat');
      else this.#watch();
    });
  }

  #received(data: Buffer, binary: boolean): void {
    this.#heardAt = this.#options.env.clock.now();
    if (this.#stage === 'closed' || this.#understood(data, binary)) return;
    if (this.#stage !== 'up') this.#options.host.turnedAway('protocol');
    this.close(CloseCode.protocol, 'not understood');
  }

  #understood(data: Buffer, binary: boolean): boolean {
    if (!binary || data.length === 0) return false;
    if (this.#stage === 'handshake') return this.#shake(data);
    if (data[0] === CarrierMessage.data) return this.#stage === 'up' && this.#data(data);
    if (data[0] !== CarrierMessage.sealed || !this.#sealed.take(1, this.#heardAt)) return false;
    const plain = this.#transport?.open(data.subarray(1));
    if (!plain) return false;
    const message = parseToRelay(Buffer.from(plain.buffer, plain.byteOffset, plain.length).toString());
    if (!message) return this.#stage === 'up'; // of a later version, perhaps
    if (message.type === 'ping') {
      const answers = this.#stage === 'up' || this.#stage === 'waiting';
      if (answers) this.send({ type: 'pong', id: message.id });
      return answers;
    }
    if (isRequest(message)) {
      if (this.#stage === 'up' && this.#requests.take(1, this.#heardAt)) {
        this.#options.host.request(this, message);
      }
      return this.#stage === 'up';
    }
    if (message.type === 'ledger') {
      if (this.#stage === 'up') this.#options.host.ledger(this, message);
      return this.#stage === 'up';
    }
    if (this.#stage !== 'hello') return false;
    this.#stage = 'judging';
    this.#options.host.hello(this, message, this.#remoteStatic as Uint8Array);
    return true;
  }

  #shake(data: Buffer): boolean {
    const { keys, env, limits, host } = this.#options;
    const shaken = answerHandshake(data, keys, env.random);
    if (shaken === 'malformed') return false;
    if (shaken === 'wrong-key') {
      host.turnedAway('wrong-key');
      this.close(CloseCode.wrongKey, 'wrong key');
      return true;
    }
    this.#remoteStatic = shaken.remoteStatic;
    this.#transport = shaken.transport;
    this.#socket.send(shaken.answer);
    this.#stage = 'hello';
    this.#cancelDeadline();
    this.#cancelDeadline = env.clock.after(limits.helloMs, () => this.#late());
    return true;
  }

  #data(data: Buffer): boolean {
    // As it came from the socket, and joined.
    tellBuffered(2 * data.length);
    const packets = countPackets(data.subarray(carrierHeaderLength));
    if (packets === 0) {
      this.#options.host.dropped('malformed', 1);
      return true;
    }
    if (!this.#bytes.take(data.length, this.#heardAt)) {
      this.#options.host.dropped('node-limit', packets);
      return true;
    }
    this.#options.host.data(this, data, packets);
    return true;
  }

  /** Sends what waits in `later`, as far as the socket has room; goes on when something was sent. */
  #announce(): void {
    if (this.#announcing || this.#resting) return;
    this.#announcing = true;
    while (
      this.#announcements.length > 0 &&
      this.#stage === 'up' &&
      this.#socket.bufferedAmount < announceWatermark
    ) {
      const next = this.#announcements.shift();
      if (next) this.send(next());
    }
    this.#announcing = false;
  }

  #closed(): void {
    if (this.#stage === 'closed') return;
    this.#stage = 'closed';
    this.#cancelDeadline();
    this.#announcements.length = 0;
    this.#transport?.destroy();
    this.#options.closed?.(this);
    this.#options.host.closed(this);
  }
}

const requests: readonly string[] = ['locate', 'find', 'placed', 'leave'] satisfies Request['type'][];
const isRequest = (message: ToRelay): message is Request => requests.includes(message.type);

/** A message as it is before it is sealed for one node. */
export function encodeMessage(message: ToNode): Uint8Array {
  return utf8(JSON.stringify(message));
}

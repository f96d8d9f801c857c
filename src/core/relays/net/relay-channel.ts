/**
 * One connection to a relay, from the WebSocket to its close: Noise IK as initiator, hello, then sealed JSON and raw
 * data messages. It never reconnects; relay-client.ts and register.ts do with it what they need.
 *
 * The relay is known by the key in the network's facts, which Noise proves. TLS certificates therefore decide nothing:
 * a relay with a self-signed one works, and one with a stolen one does not.
 */
import type { connect, Socket } from 'node:net';
import { WebSocket, type RawData } from 'ws';
import { dhPublicKey, type Keys } from '../../identity/keys.js';
import type { RelayFact } from '../../identity/network.js';
import { Backlog } from '../../lib/backlog.js';
import { shownRelay } from '../../lib/relay-address.js';
import { fromBase64Url, toBase64Url, utf8 } from '../../lib/bytes.js';
import type { Endpoint } from '../../lib/endpoint.js';
import type { Env } from '../../lib/env.js';
import { EvioError } from '../../lib/errors.js';
import { handleDescriptor } from '../../native/handle.js';
import { unsentBytes } from '../../native/tcp.js';
import { tellBuffered } from '../../native/v8.js';
import { NoiseHandshake } from '../../noise/handshake.js';
import { NoiseTransport } from '../../noise/transport.js';
import { Suite } from '../../wire/packet.js';
import {
  carrierBatchLimit,
  carrierHeaderLength,
  CarrierMessage,
  encodeCarrierData,
} from '../../wire/relay.js';
import {
  CloseCode,
  parseToNode,
  relayPath,
  relayPrologue,
  signalVersion,
  type LedgerNews,
  type Refusal,
  type ToNode,
  type ToRelay,
  type Waiting,
  type Welcome,
} from '../../wire/signal.js';
import type { AuthorEnds } from '../../wire/ledger.js';
import { relayConnection, type Pins } from './dial.js';
import type { ProxyChoice } from '../../lib/proxy-url.js';
import { ReadBudget } from './read-budget.js';
import { foreignMend, relayFault, silence, type RelayFault } from './relay-fault.js';
import { systemNames, type RelayNames } from './relay-names.js';
import { parseRelayAddress, relayOrigin } from './relay-url.js';
import { refusalError } from './refusal.js';

/** Data to a relay waits in memory up to this many bytes, however fast the line is; further messages are dropped. */
const sendBufferLimit = 1024 * 1024;
/** Longest WebSocket message either side takes: a full batch or a full Noise message, and their headers. */
export const messageLimit = carrierBatchLimit + 4096;

/** What the welcome gives for UDP, ready for `DataPlane.setRelay` and for bind packets. */
export interface RelaySession {
  readonly association: number;
  /** Key of the association, 32 bytes. */
  readonly key: Uint8Array;
  /** Where the relay's UDP socket is: the address that the WebSocket reached. Undefined: a proxy knows it, and nobody here. */
  readonly endpoint: Endpoint | undefined;
  /** STUN only, for NAT classification. */
  readonly alternate: Endpoint | null;
}

export interface ChannelOptions {
  readonly relay: RelayFact;
  readonly keys: Keys;
  readonly networkBytes: Uint8Array;
  readonly credential: Uint8Array;
  readonly agent: string;
  /** Where the logs of our ledger end. */
  readonly heads?: AuthorEnds[] | undefined;
  /** Statements that the relay must know to let us in. */
  readonly brings?: LedgerNews | undefined;
  readonly env: Env;
  /** From the start to the welcome, ms. */
  readonly timeoutMs: number;
  readonly founding?: Founding | undefined;
  /** The interfaces that the connection leaves by; default: as routes say. */
  readonly pins?: Pins | undefined;
  /** The proxy by which it is reached, if any; default: none. */
  readonly proxy?: ((host: string, port: number) => ProxyChoice | undefined) | undefined;
  /** Who knows addresses of names; default: the machine's resolver alone. */
  readonly names?: RelayNames | undefined;
  /** How much the relay may say; default: a budget of this channel's own. */
  readonly budget?: Pick<ReadBudget, 'read'> | undefined;
}

/** A network is brought to a relay that may not know it, or taken back a moment later. */
export interface Founding {
  readonly what: 'enter' | 'withdraw';
  /** Relay invite, base64url, where the relay's URL had one. */
  readonly ticket?: string | undefined;
}

/** Why a channel ended. */
export interface ChannelEnd {
  /** WebSocket close code; 1006 when there was none. */
  readonly code: number;
  readonly error: EvioError;
  /** The relay's machine said itself that nobody listens there. */
  readonly answered?: boolean;
  /** Set when the relay said no. */
  readonly refusal?: { readonly code: Refusal; readonly detail: string | undefined };
}

export interface ChannelListener {
  welcome(welcome: Welcome, session: RelaySession): void;
  /** Admins have to let this node in. The channel stays open, and the welcome or the end comes when they have spoken. */
  waiting?(waiting: Waiting): void;
  /** Every sealed message after the welcome. */
  message(message: Exclude<ToNode, { type: 'welcome' | 'refused' | 'waiting' }>): void;
  /** Packets from `source`; the listener owns both arrays, and their memory where they reach to its end. */
  data(source: Uint8Array, batch: Uint8Array): void;
  /** Anything was received. */
  heard(): void;
  /** Told once, also when `close` was called. */
  ended(end: ChannelEnd): void;
}

type Stage = 'connecting' | 'handshake' | 'hello' | 'waiting' | 'up' | 'ended';

/** While it waits, it asks the relay for a sign of life so often, and believes it gone after so many without, ms. */
const waitingPingMs = 5_000;
const waitingPings = 3;

/** A fault of the connection that a retry may heal. */
export function unreachable(relay: RelayFact, why: string | RelayFault, cause?: unknown): EvioError {
  const { what, mend } =
    typeof why === 'string'
      ? { what: why, mend: 'Check that "evio relay" runs there and that its TCP port is open from here.' }
      : why;
  const shown = shownRelay(relay.address);
  return new EvioError(
    'EVIO_RELAY_UNREACHABLE',
    `The relay ${shown} cannot be reached: ${what}.`,
    [mend, `Look closer: evio doctor --relay ${shown}`],
    cause === undefined ? undefined : { cause },
  );
}

/** Whoever answers there does not own the key in the network's facts. */
export function keyMismatch(relay: RelayFact): EvioError {
  return new EvioError(
    'EVIO_RELAY_KEY_MISMATCH',
    `The relay at ${shownRelay(relay.address)} does not have the key that this network expects.`,
    [
      "If the relay was set up anew, give it its old state folder (relay/relay.json) back, or name its new key on an admin's machine: evio network relay add URL",
      'If not, somebody else answers at this address: do not use it.',
    ],
  );
}

export class RelayChannel {
  readonly #options: ChannelOptions;
  readonly #listener: ChannelListener;
  readonly #socket: WebSocket;
  readonly #cancelTimeout: () => void;
  #handshake: NoiseHandshake | undefined;
  #transport: NoiseTransport | undefined;
  #stage: Stage = 'connecting';
  /** Pings in a row to which nothing came, while it waits. */
  #unanswered = 0;
  /** Until the end. */
  readonly #dialling = new AbortController();
  #tcp: Socket | undefined;
  /** The connection goes by a proxy, and the relay's own address is this. */
  #proxied: { readonly own: string | undefined } | undefined;
  readonly #budget: Pick<ReadBudget, 'read'>;
  readonly #backlog = new Backlog(sendBufferLimit);
  /** Nothing is read before, ms of the clock. */
  #readAt = -Infinity;
  /** The reason to tell at the end, when the close frame says less. */
  #fault: EvioError | undefined;
  #refusal: ChannelEnd['refusal'];
  #answered = false;

  /**
   * Connects at once: the name is resolved anew and both families are tried (RFC 8305). Events come later, never inside the constructor.
   *
   * @throws EvioError when relay.address is malformed
   */
  constructor(options: ChannelOptions, listener: ChannelListener) {
    this.#options = options;
    this.#listener = listener;
    this.#budget = options.budget ?? new ReadBudget();
    const address = parseRelayAddress(options.relay.address);
    const origin = relayOrigin(address, 'ws');
    const { pins, names } = options;
    const createConnection = relayConnection(
      {
        pins,
        names: names ?? systemNames,
        proxy: options.proxy?.(address.host, address.port),
        proxied: (own) => {
          this.#proxied = { own };
        },
        until: this.#dialling.signal,
      },
      address.tls,
    );
    this.#socket = new WebSocket(origin + relayPath, {
      createConnection: createConnection as unknown as typeof connect,
      perMessageDeflate: false,
      maxPayload: messageLimit,
      skipUTF8Validation: true,
      followRedirects: false,
      rejectUnauthorized: false,
      // RFC 6455 wants masks, so that nobody who chooses what is sent can make it look like HTTP to a proxy (10.3). What we
      // send is ciphertext, which nobody chooses; a mask of zeros lets both ends pass over it.
      generateMask: (mask) => mask.fill(0),
    });
    this.#socket.binaryType = 'nodebuffer';
    this.#cancelTimeout = options.env.clock.after(options.timeoutMs, () => {
      this.#fail(
        unreachable(options.relay, { ...silence, what: `no answer within ${options.timeoutMs / 1000} s` }),
      );
    });
    this.#socket.on('upgrade', (response) => (this.#tcp = response.socket));
    this.#socket.on('unexpected-response', (request, response) => {
      response.resume();
      request.destroy();
      const busy = response.statusCode === 429 || response.statusCode === 503;
      const what = `it answers HTTP ${response.statusCode}, so no evio relay is there`;
      this.#fail(unreachable(options.relay, busy ? 'it is busy' : { what, mend: foreignMend }));
    });
    this.#socket.on('open', () => this.#opened());
    this.#socket.on('message', (data, binary) => this.#received(data, binary));
    this.#socket.on('error', (error) => {
      this.#fault ??= unreachable(options.relay, relayFault(error), error);
      this.#answered = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
    });
    this.#socket.on('close', (code, reason) => this.#closed(code, reason.toString('utf8').slice(0, 128)));
  }

  get up(): boolean {
    return this.#stage === 'up';
  }

  /** Of its TCP connection, while it is up. */
  get descriptor(): number | undefined {
    return this.#stage === 'up' && this.#tcp ? handleDescriptor(this.#tcp) : undefined;
  }

  /** The relay keeps it until admins have spoken. */
  get waits(): boolean {
    return this.#stage === 'waiting';
  }

  /** Sends a sealed message. False when the channel is not up. */
  send(message: ToRelay): boolean {
    if (this.#stage !== 'up' && this.#stage !== 'hello' && this.#stage !== 'waiting') return false;
    const sealed = this.#transport?.seal(utf8(JSON.stringify(message)));
    if (!sealed || this.#socket.readyState !== WebSocket.OPEN) return false;
    const out = new Uint8Array(1 + sealed.length);
    out[0] = CarrierMessage.sealed;
    out.set(sealed, 1);
    this.#socket.send(out);
    return true;
  }

  /** Sends packets. False when the channel is not up, its buffer is full, or the batch is too long: then it was dropped. */
  sendData(destination: Uint8Array, batch: Uint8Array): boolean {
    if (this.#stage !== 'up' || this.#socket.readyState !== WebSocket.OPEN) return false;
    if (batch.length > carrierBatchLimit) return false;
    const unsent = this.#tcp ? unsentBytes(this.#tcp) : 0;
    const now = this.#options.env.clock.now();
    if (!this.#backlog.admits(batch.length, this.#socket.bufferedAmount, unsent, now)) return false;
    tellBuffered(batch.length);
    this.#socket.send(encodeCarrierData(destination, batch));
    return true;
  }

  /** Closes politely; `ended` follows soon. */
  close(): void {
    if (this.#stage === 'ended') return;
    this.#cancelTimeout();
    this.#fault ??= unreachable(this.#options.relay, 'the connection was closed here');
    this.#socket.close(1000);
    // A relay that is gone does not answer the close.
    this.#options.env.clock.after(1_000, () => this.#socket.terminate());
  }

  /** Drops the connection without waiting for anybody: the path is believed dead. `ended` is told at once. */
  terminate(why: string): void {
    this.#fail(unreachable(this.#options.relay, why));
  }

  #fail(error: EvioError): void {
    this.#fault ??= error;
    this.#socket.terminate();
    this.#closed(1006, '');
  }

  #opened(): void {
    const { keys, relay, env } = this.#options;
    const remoteStatic = dhPublicKey(relay.key);
    if (!remoteStatic) {
      this.#fail(keyMismatch(relay));
      return;
    }
    try {
      this.#handshake = new NoiseHandshake({
        pattern: 'IK',
        suite: Suite.aes256gcm,
        initiator: true,
        prologue: utf8(relayPrologue),
        staticKeys: keys.dh,
        remoteStatic,
        random: env.random,
      });
      this.#socket.send(this.#handshake.writeMessage(new Uint8Array(0)));
      this.#stage = 'handshake';
    } catch {
      // Only a key that nobody can own (of low order) makes this throw.
      this.#fail(keyMismatch(relay));
    }
  }

  #received(data: RawData, binary: boolean): void {
    if (this.#stage === 'ended') return;
    this.#unanswered = 0;
    this.#listener.heard();
    const bytes = data as Buffer;
    const understood = binary && bytes.length > 0 && this.#dispatch(bytes);
    if (!understood) this.#fail(unreachable(this.#options.relay, 'it sent what no evio relay sends'));
  }

  /** False when the message cannot be from a relay that follows the protocol. */
  #dispatch(bytes: Buffer): boolean {
    if (this.#stage === 'handshake') return this.#finishHandshake(bytes);
    if (bytes[0] === CarrierMessage.data) {
      if (this.#stage !== 'up' || bytes.length <= carrierHeaderLength) return false;
      tellBuffered(2 * bytes.length);
      // ws joins what came in pieces, which most batches did, in memory of its own: that is passed on as it is.
      const alone = bytes.byteOffset === 0 && bytes.length === bytes.buffer.byteLength;
      const batch = alone
        ? new Uint8Array(bytes.buffer, carrierHeaderLength)
        : copy(bytes, carrierHeaderLength, bytes.length);
      this.#listener.data(copy(bytes, 1, carrierHeaderLength), batch);
      return true;
    }
    this.#pace(bytes.length);
    const plain = bytes[0] === CarrierMessage.sealed ? this.#transport?.open(bytes.subarray(1)) : undefined;
    const message =
      plain && parseToNode(Buffer.from(plain.buffer, plain.byteOffset, plain.length).toString());
    // A message of a later version of the protocol is not an error: it is not for us.
    if (!message) return plain !== undefined && this.#stage === 'up';
    const judged = this.#stage === 'hello' || this.#stage === 'waiting';
    if (message.type === 'welcome') return judged && this.#welcome(message);
    if (message.type === 'waiting') return judged && this.#wait(message);
    if (message.type === 'refused') {
      this.#refusal = { code: message.code, detail: message.detail };
      this.#fault ??= refusalError(this.#options.relay, message);
      this.#socket.close(1000);
      return true;
    }
    if (this.#stage === 'waiting') return message.type === 'pong';
    if (this.#stage !== 'up') return false;
    this.#listener.message(message);
    return true;
  }

  /** A message was read: the next may have to wait. */
  #pace(length: number): void {
    const { clock } = this.#options.env;
    this.#readAt = this.#budget.read(clock.now(), length);
    if (this.#readAt > clock.now() && !this.#socket.isPaused) this.#rest();
  }

  #rest(): void {
    const { clock } = this.#options.env;
    this.#socket.pause();
    clock.after(this.#readAt - clock.now(), () => {
      // More may have come meanwhile: what was read already is not held back.
      if (this.#readAt > clock.now()) this.#rest();
      else this.#socket.resume();
    });
  }

  #wait({ approvals, needed }: Waiting): boolean {
    const begins = this.#stage === 'hello';
    this.#stage = 'waiting';
    this.#cancelTimeout();
    if (begins) this.#pingWaiting();
    this.#listener.waiting?.({ approvals, needed });
    return true;
  }

  #pingWaiting(): void {
    this.#options.env.clock.after(waitingPingMs, () => {
      if (this.#stage !== 'waiting') return;
      if (++this.#unanswered > waitingPings) {
        this.terminate('no sign of life while this machine waited');
        return;
      }
      this.send({ type: 'ping', id: 0 });
      this.#pingWaiting();
    });
  }

  #finishHandshake(bytes: Uint8Array): boolean {
    const handshake = this.#handshake;
    if (!handshake?.readMessage(bytes)) {
      this.#fault ??= keyMismatch(this.#options.relay);
      return false;
    }
    const keys = handshake.split();
    this.#transport = new NoiseTransport(Suite.aes256gcm, keys.send, keys.receive);
    keys.send.fill(0);
    keys.receive.fill(0);
    handshake.destroy();
    this.#handshake = undefined;
    this.#stage = 'hello';
    const { agent, networkBytes, credential, founding, heads, brings } = this.#options;
    return this.send({
      type: 'hello',
      version: signalVersion,
      agent: agent.slice(0, 64),
      network: toBase64Url(networkBytes),
      credential: toBase64Url(credential),
      ...(founding && { founding: founding.what }),
      ...(founding?.ticket !== undefined && { ticket: founding.ticket }),
      ...(heads && { heads }),
      ...(brings && { ledger: brings }),
    });
  }

  #welcome(welcome: Welcome): boolean {
    const key = fromBase64Url(welcome.key);
    const reached = this.#tcp?.remoteAddress?.replace(/^::ffff:(?=\d+\.)/i, '');
    const host = this.#proxied ? this.#proxied.own : reached;
    if (key?.length !== 32 || (host === undefined && !this.#proxied)) return false;
    const at = (port: number): Endpoint | undefined => (host === undefined ? undefined : { host, port });
    this.#cancelTimeout();
    this.#stage = 'up';
    this.#listener.welcome(welcome, {
      association: welcome.association,
      key,
      endpoint: at(welcome.udpPort),
      alternate: (welcome.alternatePort === null ? undefined : at(welcome.alternatePort)) ?? null,
    });
    return true;
  }

  #closed(code: number, reason: string): void {
    if (this.#stage === 'ended') return;
    const { relay } = this.#options;
    this.#stage = 'ended';
    this.#dialling.abort();
    this.#cancelTimeout();
    this.#handshake?.destroy();
    this.#transport?.destroy();
    const error =
      code === CloseCode.wrongKey
        ? keyMismatch(relay)
        : (this.#fault ?? unreachable(relay, closeReason(code, reason)));
    this.#listener.ended({
      ...{ code, error },
      ...(this.#answered && { answered: true }),
      ...(this.#refusal && { refusal: this.#refusal }),
    });
  }
}

function closeReason(code: number, reason: string): string {
  if (code === CloseCode.replaced) return 'another connection of this node took over';
  if (code === CloseCode.busy) return 'it is busy';
  if (code === CloseCode.silent) return 'it heard nothing from here for too long';
  if (code === 1001) return 'it is shutting down';
  return reason === '' ? `the connection was closed (${code})` : `the connection was closed: ${reason}`;
}

function copy(bytes: Buffer, from: number, to: number): Uint8Array {
  return new Uint8Array(bytes.buffer.slice(bytes.byteOffset + from, bytes.byteOffset + to) as ArrayBuffer);
}

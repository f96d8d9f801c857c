/**
 * What a NAT does beside mapping, found out by sockets made for it, since only what was never used tells: how it filters
 * (RFC 5780 section 4.4, with the relay's two ports), and how it chooses ports. A machine without I/O; times are monotonic ms.
 *
 *   filtering   a new socket asks the relay to answer from its other port: does that come in?
 *   ports       three new sockets ask at once: are their outside ports next to each other?
 *
 * A NAT that gives ports in a row gave one near those three to whatever was sent at the same time. So peers are told the ports
 * around them (`range`), and send a packet to each: that opens their NAT for the one which it is.
 */
import { toHex } from '../lib/bytes.js';
import type { Endpoint } from '../lib/endpoint.js';
import type { Random } from '../lib/env.js';
import type { NatFiltering, NatPorts, PortRange } from '../wire/nat.js';
import { encodeBindingRequest, parseBindingResponse, transactionIdLength } from '../wire/stun.js';

const samples = 3;
/** Answers are waited for so long, ms; a question is repeated, for packets get lost. */
const roundMs = 1_000;
const repeatMs = 300;
/**
 * Ports are not sampled more often, and a range is good for so long: who punches later has later ports. A machine that is reaching many
 * uses up a range in no time, so each that begins meanwhile has another sample after it.
 */
const sampleEveryMs = 400;
const rangeLifeMs = 5_000;
/** Three ports within so many of each other, in order, were given in a row; by chance that is so once in 30,000 times. */
const rowSpread = 192;
/** Ports in a range, and how many of them come before the first sample: most packets go out just after it. */
const rangeCount = 64;
const rangeBefore = 16;

export interface NatProbePorts {
  readonly random: Random;
  /** Sends by the socket of this number, which is made when it is first named, and has no port that was used before. */
  send(socket: number, request: Uint8Array, server: Endpoint): void;
  /** The socket is not needed any more; its number does not come again. */
  close(socket: number): void;
  /** `range` or `filtering` is another: peers should hear of it. */
  changed(): void;
}

interface Question {
  readonly socket: number;
  readonly transaction: string;
  readonly request: Uint8Array;
  readonly what: 'filtering' | 'port';
  askAgainAt: number;
  /** Nobody answers it any more. */
  readonly endsAt: number;
  /** How the relay sees the socket. */
  mapped?: Endpoint;
}

export class NatProbe {
  readonly #ports: NatProbePorts;
  #server: Endpoint | undefined;
  #questions: Question[] = [];
  #socket = 0;
  #sampledAt = -Infinity;
  /** Somebody began to be reached since. */
  #again = false;
  #rangeUntil = -Infinity;
  #range: PortRange | undefined;
  #asked = false;
  filtering: NatFiltering = 'unknown';
  /** `preserved` is not known here. */
  ports: NatPorts = 'unknown';

  constructor(ports: NatProbePorts) {
    this.#ports = ports;
  }

  get dueAt(): number {
    const sample = this.#again && !this.#sampling ? this.#sampledAt + sampleEveryMs : Infinity;
    return this.#questions.reduce((at, { askAgainAt, endsAt }) => Math.min(at, askAgainAt, endsAt), sample);
  }

  /** Ports of which one is likely to be that of what was sent a moment ago. */
  range(now: number): PortRange | undefined {
    return now < this.#rangeUntil ? this.#range : undefined;
  }

  /** This relay answers by UDP. */
  reached(now: number, server: Endpoint): void {
    // What filters IPv6 is a firewall, and translates nothing.
    if (server.host.includes(':')) return;
    this.#server = server;
    if (this.#asked) return;
    this.#asked = true;
    this.#ask(now, 'filtering');
  }

  /** Packets go out to a peer for the first time, by a NAT that gives each destination a port of its own. */
  sample(now: number): void {
    if (!this.#server) return;
    this.#again = this.#sampling || now - this.#sampledAt < sampleEveryMs;
    if (this.#again) return;
    this.#sampledAt = now;
    for (let i = 0; i < samples; i++) this.#ask(now, 'port');
  }

  /** Another network: what was known holds no more. */
  clear(): void {
    this.#end('filtering');
    this.#end('port');
    this.#rangeUntil = this.#sampledAt = -Infinity;
    this.#asked = this.#again = false;
    this.filtering = this.ports = 'unknown';
  }

  tick(now: number): void {
    const late = this.#questions.filter(({ endsAt }) => now >= endsAt).map(({ what }) => what);
    if (late.includes('port')) this.#end('port');
    // The relay does answer, or nothing would have been asked: what does not come in is filtered.
    if (late.includes('filtering')) this.#filters('address-and-port-dependent');
    for (const question of this.#questions) if (now >= question.askAgainAt) this.#send(now, question);
    if (this.#again) this.sample(now);
  }

  get #sampling(): boolean {
    return this.#questions.some(({ what }) => what === 'port');
  }

  /** Something came to a socket of this machine's. */
  receive(now: number, socket: number, packet: Uint8Array, from: Endpoint): void {
    const question = this.#questions.find((one) => one.socket === socket);
    const response = question && parseBindingResponse(packet);
    if (!question || !response || toHex(response.transactionId) !== question.transaction) return;
    const server = this.#server;
    if (from.host !== server?.host) return;
    if (question.what === 'filtering') {
      // A relay of before, or without another port, knows no such request.
      const came = 'mapped' in response && from.port !== server.port;
      this.#filters(came ? 'endpoint-independent-or-address-dependent' : 'unknown');
    } else if ('mapped' in response) this.#sampled(now, question, response.mapped);
  }

  #filters(how: NatFiltering): void {
    this.filtering = how;
    this.#end('filtering');
    this.#ports.changed();
  }

  #sampled(now: number, question: Question, mapped: Endpoint): void {
    question.mapped = mapped;
    question.askAgainAt = Infinity;
    const seen = this.#questions.flatMap((one) => (one.what === 'port' ? (one.mapped ?? []) : []));
    if (seen.length < samples) return;
    this.#end('port');
    this.#judge(now, seen as [Endpoint, Endpoint, Endpoint]);
  }

  #judge(now: number, [a, b, c]: readonly [Endpoint, Endpoint, Endpoint]): void {
    const up = a.port < b.port && b.port < c.port;
    const down = a.port > b.port && b.port > c.port;
    const inRow = (up || down) && Math.abs(c.port - a.port) <= rowSpread && a.host === c.host;
    const before = this.ports;
    this.ports = inRow ? 'sequential' : 'random';
    if (!inRow) {
      if (before !== this.ports) this.#ports.changed();
      return;
    }
    const lowest = up ? a.port - rangeBefore : a.port + rangeBefore - rangeCount + 1;
    const port = Math.min(Math.max(1, lowest), 0x1_0000 - rangeCount);
    this.#range = { first: { host: a.host, port }, count: rangeCount };
    this.#rangeUntil = now + rangeLifeMs;
    this.#ports.changed();
  }

  #ask(now: number, what: Question['what']): void {
    const id = this.#ports.random.fill(new Uint8Array(transactionIdLength));
    const request = encodeBindingRequest(id, { room: true, changePort: what === 'filtering' });
    const question: Question = {
      socket: this.#socket++,
      transaction: toHex(id),
      request,
      what,
      askAgainAt: now,
      endsAt: now + roundMs,
    };
    this.#questions.push(question);
    this.#send(now, question);
  }

  #send(now: number, question: Question): void {
    question.askAgainAt = now + repeatMs;
    if (this.#server) this.#ports.send(question.socket, question.request, this.#server);
  }

  #end(what: Question['what']): void {
    for (const question of this.#questions) if (question.what === what) this.#ports.close(question.socket);
    this.#questions = this.#questions.filter((question) => question.what !== what);
  }
}

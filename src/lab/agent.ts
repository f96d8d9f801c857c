/**
 * A small program of plain UDP and TCP sockets that runs in a lab namespace and takes orders: what a NAT does
 * to packets is seen with it, without evio.
 */
import { parseEndpoint } from '../core/lib/endpoint.js';
import type { Endpoint } from '../core/lib/endpoint.js';
import { EvioError } from '../core/lib/errors.js';
import type { LabProcess } from './exec.js';
import type { LabHost } from './topology.js';

/** Runs inside the namespace: JSON orders on stdin, one JSON event per line on stdout. */
const program = `
const dgram = require('node:dgram'), net = require('node:net'), { isIPv6 } = net;
const sockets = new Map();
const say = (event) => process.stdout.write(JSON.stringify(event) + '\\n');
const at = (host, port) => { const h = host.replace(/^::ffff:/, ''); return isIPv6(h) ? '[' + h + ']:' + port : h + ':' + port; };
const orders = {
  udp({ id, host, port, echo }) {
    const s = dgram.createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4' });
    s.on('error', (e) => say({ id, event: 'error', text: e.message }));
    s.on('message', (m, from) => {
      const where = at(from.address, from.port);
      if (echo) s.send(where, from.port, from.address);
      say({ id, event: 'datagram', from: where, text: m.toString() });
    });
    s.bind(port, host, () => say({ id, event: 'ready', port: s.address().port }));
    sockets.set(id, s);
  },
  send({ id, host, port, text }) { sockets.get(id).send(text, port, host, () => undefined); },
  listen({ id, host, port }) {
    const s = net.createServer((c) => { c.on('error', () => undefined); c.end(at(c.remoteAddress, c.remotePort)); });
    s.on('error', (e) => say({ id, event: 'error', text: e.message }));
    s.listen(port, host, () => say({ id, event: 'ready', port: s.address().port }));
  },
  connect({ id, host, port, timeoutMs }) {
    let text = '', over = false;
    const c = net.connect({ host, port });
    const end = (event, t) => { if (!over) { over = true; say({ id, event, text: t }); c.destroy(); } };
    const timer = setTimeout(() => end('error', 'timeout'), timeoutMs);
    c.on('data', (d) => (text += d)); c.on('end', () => { clearTimeout(timer); end('text', text); });
    c.on('error', (e) => { clearTimeout(timer); end('error', e.code); });
  },
};
let rest = '';
process.stdin.setEncoding('utf8').on('data', (chunk) => {
  const lines = (rest + chunk).split('\\n'); rest = lines.pop();
  for (const line of lines) { const order = JSON.parse(line); orders[order.order](order); }
}).on('end', () => process.exit(0));
say({ id: 0, event: 'up' });
`;

interface AgentEvent {
  readonly id: number;
  readonly event: 'up' | 'ready' | 'datagram' | 'text' | 'error';
  readonly port?: number;
  readonly from?: string;
  readonly text?: string;
}

export interface Datagram {
  /** Source as the receiver saw it. */
  readonly from: Endpoint;
  readonly text: string;
}

/** A UDP socket inside a namespace. */
export interface UdpEnd {
  readonly port: number;
  send(text: string, to: Endpoint): void;
  /** The oldest datagram not taken yet, or undefined when none came in `timeoutMs`. */
  receive(timeoutMs?: number): Promise<Datagram | undefined>;
  /** Sends until `server` (a socket made with `echo`) answers with the source it saw; undefined if it never does. */
  reflexive(server: Endpoint, timeoutMs?: number): Promise<Endpoint | undefined>;
}

export class SocketAgent {
  readonly host: LabHost;
  readonly #process: LabProcess;
  readonly #inbox = new Map<number, AgentEvent[]>();
  #wake = new Set<() => void>();
  #lastId = 0;

  private constructor(host: LabHost) {
    this.host = host;
    this.#process = host.launch([process.execPath, '-e', program], {
      onLine: (line, stream) => {
        if (stream !== 'stdout') return;
        const event = JSON.parse(line) as AgentEvent;
        this.#box(event.id).push(event);
        for (const wake of [...this.#wake]) wake();
      },
    });
  }

  static async start(host: LabHost): Promise<SocketAgent> {
    const agent = new SocketAgent(host);
    await agent.#process.line(/"up"/);
    return agent;
  }

  #box(id: number): AgentEvent[] {
    let box = this.#inbox.get(id);
    if (box === undefined) this.#inbox.set(id, (box = []));
    return box;
  }

  async #next(id: number, timeoutMs: number): Promise<AgentEvent | undefined> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const event = this.#box(id).shift();
      const left = deadline - performance.now();
      if (event !== undefined || left <= 0 || !this.#process.running) return event;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          this.#wake.delete(done);
          resolve();
        };
        const timer = setTimeout(done, left);
        this.#wake.add(done);
      });
    }
  }

  #order(fields: Record<string, unknown>): void {
    this.#process.write(JSON.stringify(fields));
  }

  async #open(fields: Record<string, unknown>): Promise<[id: number, port: number]> {
    const id = ++this.#lastId;
    this.#order({ ...fields, id });
    const event = await this.#next(id, 5_000);
    if (event?.event !== 'ready')
      throw new EvioError('EVIO_LAB', `${this.host.name}: no socket: ${event?.text ?? 'no answer'}`);
    return [id, event.port ?? 0];
  }

  /** A UDP socket on `port` (0: any). With `echo` it answers each datagram with its source, like STUN. */
  async udp(port = 0, options: { readonly echo?: boolean; readonly ipv6?: boolean } = {}): Promise<UdpEnd> {
    const host = options.ipv6 === true ? '::' : '0.0.0.0';
    const [id, bound] = await this.#open({ order: 'udp', host, port, echo: options.echo === true });
    const send = (text: string, to: Endpoint): void => {
      this.#order({ order: 'send', id, host: to.host, port: to.port, text });
    };
    const receive = async (timeoutMs = 1_000): Promise<Datagram | undefined> => {
      const event = await this.#next(id, timeoutMs);
      const from = parseEndpoint(event?.from ?? '');
      return event?.text === undefined || from === undefined ? undefined : { from, text: event.text };
    };
    const reflexive = async (server: Endpoint, timeoutMs = 1_000): Promise<Endpoint | undefined> => {
      const deadline = performance.now() + timeoutMs;
      while (performance.now() < deadline) {
        send('where am I', server);
        const answer = await receive(Math.min(200, timeoutMs));
        if (answer !== undefined) return parseEndpoint(answer.text);
      }
      return undefined;
    };
    return { port: bound, send, receive, reflexive };
  }

  /** A TCP server that tells each caller the address it came from. */
  async listen(port: number, ipv6 = false): Promise<void> {
    await this.#open({ order: 'listen', host: ipv6 ? '::' : '0.0.0.0', port });
  }

  /** Calls such a server: the source it saw, or undefined when the call failed. */
  async connect(to: Endpoint, timeoutMs = 1_000): Promise<Endpoint | undefined> {
    const id = ++this.#lastId;
    this.#order({ order: 'connect', id, host: to.host, port: to.port, timeoutMs });
    const event = await this.#next(id, timeoutMs + 1_000);
    return event?.event === 'text' ? parseEndpoint(event.text ?? '') : undefined;
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }
}

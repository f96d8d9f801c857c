/**
 * Answers DNS queries of this machine by UDP and TCP at its address in the network. Who else asks there, members above all, gets
 * nothing: names are this machine's own affair, and a responder that answers strangers is one to reflect with.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { Clock, Logger } from '../lib/env.js';
import { messageOf } from '../lib/errors.js';
import { TokenBucket } from '../lib/token-bucket.js';
import { StreamDoor } from './stream-door.js';
import { DnsCode, streamLimit, readQuery, writeAnswer, writeFault, type DnsQuery } from '../wire/dns.js';
import type { NamesReport } from './report.js';
import type { NamedMember, Zone } from './zone.js';

const dnsPort = 53;
const queriesPerSecond = 2_000;
const queryBurst = 1_000;
/** Names that others are asked for at a time: the members known here answer for themselves. */
const searchLimit = 16;

export interface ResponderPorts {
  readonly clock: Clock;
  readonly log: Logger;
  /** The names as they are now. */
  zone(): Zone;
  /** A member that is not known here, by its label: the relay of a large network may know it. */
  find(label: string): Promise<NamedMember | undefined>;
}

export class Responder {
  readonly #ports: ResponderPorts;
  readonly #address: string;
  readonly #bucket: TokenBucket;
  readonly #queries = { answered: 0, denied: 0, refused: 0, dropped: 0 };
  readonly #stream: StreamDoor;
  #socket: Socket | undefined;
  #searching = 0;

  /** @param address own IPv4 address */
  constructor(address: string, ports: ResponderPorts) {
    this.#ports = ports;
    this.#address = address;
    this.#stream = new StreamDoor({
      admits: (from) => this.#isOwn(from),
      ask: (bytes, answer) => {
        this.#ask(bytes, answer, streamLimit);
      },
    });
    this.#bucket = new TokenBucket(queriesPerSecond, queryBurst, ports.clock.now());
  }

  get queries(): NamesReport['queries'] {
    return { ...this.#queries };
  }

  /** Port that is bound; undefined: none is. */
  get port(): number | undefined {
    return this.#socket?.address().port;
  }

  /** It answers by TCP, too. */
  get tcp(): boolean {
    return this.#stream.listening;
  }

  /** Listens on port 53, or on another where that is taken. Throws the system's error. */
  async start(): Promise<void> {
    try {
      this.#socket = await this.#bind(dnsPort);
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (code !== 'EADDRINUSE' && code !== 'EACCES') throw thrown;
      this.#socket = await this.#bind(0);
    }
    try {
      await this.#stream.start(this.#address, this.#socket.address().port);
    } catch (thrown) {
      // Answers that are too long are cut, then.
      this.#ports.log.debug('names not answered by tcp', { reason: messageOf(thrown) });
    }
  }

  stop(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#stream.stop();
    return new Promise((resolve) => {
      if (socket) socket.close(() => resolve());
      else resolve();
    });
  }

  #bind(port: number): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = createSocket('udp4');
      socket.once('error', (error) => {
        socket.close();
        reject(error);
      });
      socket.bind({ address: this.#address, port, exclusive: true }, () => {
        socket.removeAllListeners('error');
        socket.on('error', (error) => {
          this.#ports.log.debug('name not answered', { reason: error.message });
        });
        socket.on('message', (bytes, from) => {
          this.#receive(socket, bytes, from);
        });
        socket.unref();
        resolve(socket);
      });
    });
  }

  #receive(socket: Socket, bytes: Uint8Array, from: RemoteInfo): void {
    if (!this.#isOwn(from.address)) {
      this.#queries.dropped++;
      return;
    }
    this.#ask(bytes, (answer) => {
      if (this.#socket === socket) socket.send(answer, from.port, from.address, () => undefined);
    });
  }

  #isOwn(address: string): boolean {
    return address === this.#address || address.startsWith('127.');
  }

  /** @param room bytes of an answer, where that is not for the query to say */
  #ask(bytes: Uint8Array, send: (answer: Uint8Array) => void, room?: number): void {
    const read = this.#bucket.take(1, this.#ports.clock.now()) ? readQuery(bytes) : undefined;
    if (read === undefined) {
      this.#queries.dropped++;
      return;
    }
    const query = 'code' in read || room === undefined ? read : { ...read, limit: room };
    if ('code' in query) {
      this.#queries.refused++;
      send(writeFault(query));
      return;
    }
    const zone = this.#ports.zone();
    const label = zone.unknown(query.name);
    if (label === undefined || this.#searching >= searchLimit) {
      this.#answer(query, zone, send);
      return;
    }
    this.#searching++;
    void this.#ports
      .find(label)
      .catch(() => undefined)
      .then((member) => {
        this.#searching--;
        this.#answer(query, member ? zone.with(member) : zone, send);
      });
  }

  #answer(query: DnsQuery, zone: Zone, send: (answer: Uint8Array) => void): void {
    const answer = zone.answer(query);
    if (answer.answers.length > 0) this.#queries.answered++;
    else if (answer.code === DnsCode.ok || answer.code === DnsCode.noName) this.#queries.denied++;
    else this.#queries.refused++;
    send(writeAnswer(query, answer));
  }
}

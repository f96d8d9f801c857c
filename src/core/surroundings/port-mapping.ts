/**
 * A port that the router opens for us by PCP, and by NAT-PMP where the gateway knows only that. Asks the default gateway, and
 * nobody else. A machine without I/O; times are monotonic ms. A gateway of NAT-PMP alone says so to a question by PCP (RFC 6887 section 9),
 * or is silent: from the second question on both are asked.
 *
 *   idle ──a way out by IPv4, from a private address──▶ asking ──mapped──▶ open ──half of the lifetime──▶ asking …
 *                                                         │ refused, silent: again later, and later (patience.ts)
 *
 * A router that starts again has forgotten its mappings. What tells of that (its announcement, another address outside) is only
 * a reason to ask for the mapping once more: that makes it where it is gone, and so the router's epoch is not needed.
 *
 * A mapping lives for minutes and is renewed, so that one of a node that was killed does not stay. By PCP it belongs to who
 * knows its nonce (RFC 6887 section 11.1): that follows from a secret of the node, so that the process after this one can renew it
 * and take it back.
 */
import { blake2s } from '@noble/hashes/blake2.js';
import { ByteWriter } from '../lib/bytes.js';
import type { Endpoint } from '../lib/endpoint.js';
import {
  encodePcpMap,
  encodePmpAddress,
  encodePmpMap,
  parseMapAnswer,
  pcpNonceLength,
  type MapAnswer,
} from '../wire/port-mapping.js';
import { isProbeable } from './candidate.js';
import { isPrivateHost } from './local-ranges.js';
import { doubtMs, longestMs, missedMs, Patience } from './patience.js';
import type { WayOut } from './ways-out.js';

/** How long a mapping is asked for, seconds; a router may give less, and no more than this is believed. */
export const lifetimeS = 300;
/** A router that gives less is not asked more often, ms. */
const leastRenewMs = 15_000;
/** When a question is asked again (RFC 6886 3.1: 250 ms, doubled). */
const retryMs = [250, 500, 1_000, 2_000, 4_000] as const;
/** So many questions without an answer, and the gateway hardly speaks either. */
const silentAfter = 2;

export interface PortMappingPorts {
  /** Of this node, 32 bytes. */
  readonly secret: Uint8Array;
  /** Questions go to this gateway from this address now; another one is not heard any more. */
  open(gateway: string, source: string): void;
  send(question: Uint8Array): void;
  close(): void;
  /** The gateway has not answered so far, and `own` has no port of it: perhaps it knows another protocol. */
  silent(now: number, gateway: string, own: Endpoint): void;
  /** It has answered, whatever it said. */
  spoke(): void;
  /** The gateway knows another protocol, by which it is asked. */
  served(): boolean;
  /** `endpoint` is another one, or gone. */
  changed(endpoint: Endpoint | undefined, how: string): void;
}

export class PortMapping {
  readonly #ports: PortMappingPorts;
  #own: Endpoint | undefined;
  #gateway = '';
  #speaks: 'pcp' | 'nat-pmp' = 'pcp';
  #nonce: Uint8Array = new Uint8Array(pcpNonceLength);
  #spoke = false;
  #asked = 0;
  #busyAt = -Infinity;
  readonly #patience = new Patience();
  #nextAt = Infinity;
  #expiresAt = Infinity;
  #endpoint: Endpoint | undefined;
  /** Of NAT-PMP, which tells address and port apart. */
  #host: string | undefined;
  #port = 0;

  constructor(ports: PortMappingPorts) {
    this.#ports = ports;
  }

  /** Where the router takes packets for us. */
  get endpoint(): Endpoint | undefined {
    return this.#endpoint;
  }

  /** By which the gateway answered, or is asked. */
  get protocol(): 'pcp' | 'nat-pmp' {
    return this.#speaks;
  }

  /** The gateway has answered, whatever it said. */
  get spoke(): boolean {
    return this.#spoke;
  }

  /** When `tick` has something to do, ms of the clock; Infinity for never. */
  get dueAt(): number {
    return Math.min(this.#nextAt, this.#expiresAt);
  }

  /** The way out is this one from now on; null: none. `port` is that of our socket. */
  moved(now: number, way: WayOut | null, port: number): void {
    const own =
      way && way.gateway !== '' && isPrivateHost(way.source) ? { host: way.source, port } : undefined;
    if (own?.host === this.#own?.host && own?.port === this.#own?.port && way?.gateway === this.#gateway) {
      // The same network, or one that looks the same: it is asked whether the mapping still stands.
      if (own) this.#ask(now);
      return;
    }
    this.stop();
    if (!way || !own) return;
    this.#own = own;
    this.#gateway = way.gateway;
    this.#speaks = 'pcp';
    this.#nonce = nonceOf(this.#ports.secret, way.gateway, own);
    this.#ports.open(way.gateway, way.source);
    this.#ask(now);
  }

  /** A peer does not come by the mapping: somebody may have deleted it in the router. */
  missed(now: number): void {
    if (now - this.#busyAt >= missedMs) this.doubt(now);
  }

  /** The router may have forgotten the mapping, or have another address outside: it is asked, though not again and again. */
  doubt(now: number): void {
    if (!this.#own || this.#asked > 0) return;
    this.#nextAt = Math.min(this.#nextAt, Math.max(now, this.#busyAt + doubtMs));
    this.tick(now);
  }

  /** Something came from the gateway. */
  receive(now: number, bytes: Uint8Array): void {
    const answer = this.#own && parseMapAnswer(bytes, this.#own.port, this.#nonce);
    // Of answers that nobody asked for, only news that nothing is mapped any more could matter: it is asked then anyway.
    if (!answer || this.#asked === 0) return;
    if (this.#speaks === 'pcp' && bytes[0] === 0 && answer.kind !== 'no-pcp') {
      // It was asked by both. One that grants nothing by this one may still do so by another.
      if (answer.kind !== 'refused') this.#speaks = 'nat-pmp';
      else if (this.#asked > 1) return;
    }
    this.#spoke = true;
    this.#ports.spoke();
    this.#answered(now, answer);
  }

  tick(now: number): void {
    if (now >= this.#expiresAt) this.#set(undefined, 'not renewed');
    if (now < this.#nextAt || !this.#own) return;
    if (this.#asked === silentAfter && !this.#endpoint) this.#ports.silent(now, this.#gateway, this.#own);
    const wait = retryMs[this.#asked];
    if (wait === undefined) {
      this.#later(now, this.#ports.served() ? longestMs : this.#patience.next());
      return;
    }
    if (this.#asked++ === 0) this.#busyAt = now;
    this.#nextAt = now + wait;
    this.#send(lifetimeS);
  }

  /** Takes the mapping back, as far as one packet does. */
  stop(): void {
    if (this.#own && this.#port !== 0) this.#send(0);
    if (this.#own) this.#ports.close();
    this.#own = undefined;
    this.#gateway = '';
    this.#host = undefined;
    this.#port = 0;
    this.#spoke = false;
    this.#asked = 0;
    this.#patience.reset();
    this.#nextAt = Infinity;
    this.#set(undefined, 'left');
  }

  #ask(now: number): void {
    this.#asked = 0;
    this.#nextAt = now;
    this.tick(now);
  }

  #later(now: number, waitMs: number): void {
    this.#busyAt = now;
    this.#asked = 0;
    this.#nextAt = now + waitMs;
  }

  #send(seconds: number): void {
    const own = this.#own as Endpoint;
    const wanted = this.#endpoint ?? { host: '0.0.0.0', port: own.port };
    if (this.#speaks === 'pcp') {
      this.#ports.send(encodePcpMap({ own, wanted, lifetimeS: seconds, nonce: this.#nonce }));
      if (this.#asked < 2 || this.#endpoint) return;
    }
    if (seconds > 0) this.#ports.send(encodePmpAddress());
    // RFC 6886 3.4: what ends a mapping asks for port 0.
    this.#ports.send(
      encodePmpMap({ own, wanted: seconds > 0 ? wanted : { ...wanted, port: 0 }, lifetimeS: seconds }),
    );
  }

  #answered(now: number, answer: MapAnswer): void {
    switch (answer.kind) {
      case 'no-pcp':
        if (this.#speaks === 'nat-pmp') this.#later(now, this.#patience.next());
        else {
          this.#speaks = 'nat-pmp';
          this.#ask(now);
        }
        return;
      case 'refused':
        this.#later(now, this.#patience.next());
        this.#set(undefined, `the router refuses (${answer.result})`);
        return;
      case 'address':
        // It counts with the grant that follows, of which there is one for each question.
        this.#host = answer.host;
        return;
      case 'mapped':
        this.#port = answer.port;
        this.#host = answer.host ?? this.#host;
        this.#granted(now, Math.min(answer.lifetimeS, lifetimeS) * 1_000);
    }
    const { endpoint } = this;
    const found = this.#host === undefined ? undefined : { host: this.#host, port: this.#port };
    if (!found || !isProbeable(found)) return;
    if (endpoint?.host !== found.host || endpoint.port !== found.port) this.#set(found, this.#speaks);
  }

  #granted(now: number, ms: number): void {
    this.#asked = 0;
    this.#patience.reset();
    this.#expiresAt = now + ms;
    this.#nextAt = now + Math.max(ms / 2, leastRenewMs);
  }

  #set(endpoint: Endpoint | undefined, how: string): void {
    if (!endpoint) this.#expiresAt = Infinity;
    if (!endpoint && !this.#endpoint) return;
    this.#endpoint = endpoint;
    this.#ports.changed(endpoint, how);
  }
}

/** One that nobody else can guess, and that is another for each gateway and port. */
function nonceOf(secret: Uint8Array, gateway: string, { host, port }: Endpoint): Uint8Array {
  const about = new ByteWriter(64).text('evio mapping').text(gateway).text(host).u16(port).finish();
  return blake2s(about, { key: secret, dkLen: pcpNonceLength });
}

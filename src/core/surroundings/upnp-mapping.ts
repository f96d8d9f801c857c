/**
 * A port that the router opens for us by UPnP. A machine without I/O; times are monotonic ms.
 *
 *   idle ─begin─▶ looking (igd-search.ts) ─found─▶ adding ─done─▶ open ──half of the lease──▶ looking, at the service it knows …
 *                    │ nothing: idle                 │ 718: another port; 725: for ever; else idle
 *
 * Idle ends with the next `begin`; a router that spoke UPnP before is asked again by itself, later and later (patience.ts).
 *
 * It leases for minutes and renews. Where the router knows leases for ever only, the port of a node that was killed stays
 * open until a node asks for it again; it leads to this machine and to nobody else.
 */
import type { Endpoint } from '../lib/endpoint.js';
import type { Random } from '../lib/env.js';
import {
  encodeAddMapping,
  encodeDeleteMapping,
  IgdError,
  parseActionAnswer,
  type ControlPoint,
} from '../wire/igd.js';
import { doubtMs, missedMs, Patience } from './patience.js';
import { IgdSearch, type HttpAnswer, type IgdSearchPorts } from './igd-search.js';

/** How long a mapping is asked for, and how long one is believed in, seconds. */
const leaseS = 300;
/** Ports tried when another machine has the one. */
const maxTries = 4;

export interface UpnpMappingPorts extends Pick<IgdSearchPorts, 'search' | 'request'> {
  readonly random: Random;
  /** `endpoint` is another one, or gone. */
  changed(endpoint: Endpoint | undefined, how: string): void;
}

export class UpnpMapping {
  readonly #ports: UpnpMappingPorts;
  readonly #search: IgdSearch;
  #state: 'idle' | 'looking' | 'adding' | 'open' = 'idle';
  #gateway = '';
  #own: Endpoint = { host: '', port: 0 };
  #point: ControlPoint | undefined;
  /** The look that goes on is at the service that is known. */
  #straight = false;
  /** Outside: asked for, and perhaps open. */
  #host = '';
  #port = 0;
  #leaseS = leaseS;
  #tries = 0;
  readonly #patience = new Patience();
  #lookedAt = -Infinity;
  #nextAt = Infinity;
  #expiresAt = Infinity;
  #endpoint: Endpoint | undefined;

  constructor(ports: UpnpMappingPorts) {
    this.#ports = ports;
    this.#search = new IgdSearch({
      search: (question) => {
        ports.search(question);
      },
      request: (request) => {
        ports.request(request);
      },
      found: (_now, point, host) => {
        this.#found(point, host);
      },
      nothing: (now, why) => {
        this.#nothing(now, why);
      },
    });
  }

  /** Where the router takes packets for us. */
  get endpoint(): Endpoint | undefined {
    return this.#endpoint;
  }

  /** The gateway speaks UPnP, or did. */
  get known(): boolean {
    return this.#point !== undefined;
  }

  /** When `tick` has something to do, ms of the clock; Infinity for never. */
  get dueAt(): number {
    return Math.min(this.#nextAt, this.#expiresAt, this.#search.dueAt);
  }

  /** The gateway is asked to lead a port of it to `own`; where it does already, whether that still stands. */
  begin(now: number, gateway: string, own: Endpoint): void {
    if (this.#state === 'looking' || this.#state === 'adding') return;
    this.#gateway = gateway;
    this.#own = own;
    this.#look(now);
  }

  /** A peer does not come by the mapping: somebody may have deleted it in the router. */
  missed(now: number): void {
    if (now - this.#lookedAt >= missedMs) this.doubt(now);
  }

  /** The router that is known may have forgotten the mapping, or have another address outside: it is asked, though not again and again. */
  doubt(now: number): void {
    if (!this.#point || this.#state === 'looking' || this.#state === 'adding') return;
    this.#nextAt = Math.min(this.#nextAt, Math.max(now, this.#lookedAt + doubtMs));
    this.tick(now);
  }

  /** A datagram of the gateway. */
  heard(bytes: Uint8Array): void {
    this.#search.heard(bytes);
  }

  /** The answer to the last request. */
  answered(now: number, answer: HttpAnswer): void {
    if (this.#state === 'looking') this.#search.answered(now, answer);
    else if (this.#state === 'adding') this.#added(now, answer);
  }

  tick(now: number): void {
    this.#search.tick(now);
    if (now >= this.#expiresAt) this.#set(undefined, 'not renewed');
    if (now >= this.#nextAt) this.#look(now);
  }

  /** Takes the mapping back, also one that was only asked for. */
  stop(): void {
    if (this.#point && this.#port !== 0) this.#ports.request(encodeDeleteMapping(this.#point, this.#port));
    this.#search.stop();
    this.#state = 'idle';
    this.#point = undefined;
    this.#port = 0;
    this.#leaseS = leaseS;
    this.#patience.reset();
    this.#nextAt = Infinity;
    this.#set(undefined, 'left');
  }

  #look(now: number): void {
    this.#state = 'looking';
    this.#lookedAt = now;
    this.#nextAt = Infinity;
    this.#straight = this.#point !== undefined;
    this.#search.begin(now, this.#gateway, this.#point);
  }

  #found(point: ControlPoint, host: string): void {
    this.#point = point;
    this.#host = host;
    this.#tries = 0;
    this.#add(this.#port === 0 ? this.#own.port : this.#port);
  }

  #nothing(now: number, why: string): void {
    if (!this.#straight) {
      this.#end(now, why);
      return;
    }
    // A router that began anew may have moved its service.
    this.#straight = false;
    this.#search.begin(now, this.#gateway);
  }

  #add(port: number): void {
    this.#state = 'adding';
    this.#port = port;
    this.#ports.request(encodeAddMapping(this.#point as ControlPoint, this.#own, port, this.#leaseS));
  }

  #added(now: number, answer: HttpAnswer): void {
    const said = answer && parseActionAnswer(answer.body, 'AddPortMapping');
    if (said?.kind === 'done') {
      this.#state = 'open';
      this.#patience.reset();
      this.#expiresAt = now + leaseS * 1_000;
      this.#nextAt = now + leaseS * 500;
      const { endpoint } = this;
      if (endpoint?.host !== this.#host || endpoint.port !== this.#port)
        this.#set({ host: this.#host, port: this.#port }, 'upnp');
      return;
    }
    const code = said?.code;
    if (code === IgdError.onlyPermanentLeases && this.#leaseS > 0) {
      this.#leaseS = 0;
      this.#add(this.#port);
    } else if (
      (code === IgdError.conflict || code === IgdError.conflictWithOtherMechanisms) &&
      ++this.#tries < maxTries
    ) {
      this.#add(1_024 + Math.floor(this.#ports.random.unit() * (65_536 - 1_024)));
    } else {
      // Refused: nothing is open. Without an answer something may be, and is taken back at the end.
      if (said) this.#port = 0;
      this.#end(now, code === undefined ? 'no answer' : `the router refuses (${code})`);
    }
  }

  /** Until somebody begins again, or it is time to. */
  #end(now: number, why: string): void {
    this.#state = 'idle';
    if (this.#port === 0) this.#set(undefined, why);
    this.#nextAt = this.#point ? now + this.#patience.next() : Infinity;
  }

  #set(endpoint: Endpoint | undefined, how: string): void {
    if (!endpoint) this.#expiresAt = Infinity;
    if (!endpoint && !this.#endpoint) return;
    this.#endpoint = endpoint;
    this.#ports.changed(endpoint, how);
  }
}

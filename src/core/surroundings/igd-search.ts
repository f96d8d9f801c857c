/**
 * Finds out whether the default gateway opens ports by UPnP, and which address it has outside. A machine without I/O; times are
 * monotonic ms.
 *
 *   idle ─begin─▶ searching ─answer─▶ describing ─services─▶ asking each for the outer address ─one of the internet─▶ found
 *                     └──────────────────┴──────────────────────┴── nothing
 *
 * It hears the gateway only, and goes only where the gateway points at itself.
 */
import {
  encodeGetAddress,
  parseActionAnswer,
  parseDescription,
  type ControlPoint,
  type IgdRequest,
} from '../wire/igd.js';
import { encodeSearches, parseSearchAnswer, type HttpPlace } from '../wire/ssdp.js';
import { isProbeable } from './candidate.js';
import { isPrivateHost } from './local-ranges.js';

/** How long each search waits for an answer; a device may wait for a second (MX). */
const searchMs = [400, 700, 1_200] as const;

/** What came by HTTP; undefined: nothing in time, or nothing that may be taken. */
export type HttpAnswer = { readonly status: number; readonly body: Uint8Array } | undefined;

export interface IgdSearchPorts {
  /** To the group and to the gateway, port 1900. */
  search(question: Uint8Array): void;
  /** One at a time; each is answered once. */
  request(request: IgdRequest): void;
  /** @param host the router's address outside, one of the internet */
  found(now: number, point: ControlPoint, host: string): void;
  nothing(now: number, why: string): void;
}

export class IgdSearch {
  readonly #ports: IgdSearchPorts;
  #gateway = '';
  #state: 'idle' | 'searching' | 'describing' | 'asking' = 'idle';
  #asked = 0;
  #nextAt = Infinity;
  #described: HttpPlace = { port: 0, path: '' };
  #points: readonly ControlPoint[] = [];

  constructor(ports: IgdSearchPorts) {
    this.#ports = ports;
  }

  /** When `tick` has something to do, ms of the clock; Infinity for never. */
  get dueAt(): number {
    return this.#nextAt;
  }

  /** Begins, from the start, or with a service that was found before. */
  begin(now: number, gateway: string, known?: ControlPoint): void {
    this.#gateway = gateway;
    this.#asked = 0;
    if (known) this.#ask(now, [known], '');
    else {
      this.#state = 'searching';
      this.#nextAt = now;
      this.tick(now);
    }
  }

  stop(): void {
    this.#state = 'idle';
    this.#nextAt = Infinity;
  }

  tick(now: number): void {
    if (now < this.#nextAt) return;
    const wait = searchMs[this.#asked++];
    if (wait === undefined) {
      this.#end(now, 'no answer');
      return;
    }
    this.#nextAt = now + wait;
    for (const question of encodeSearches()) this.#ports.search(question);
  }

  /** A datagram of the gateway. */
  heard(bytes: Uint8Array): void {
    const place = this.#state === 'searching' ? parseSearchAnswer(bytes, this.#gateway) : undefined;
    if (!place) return;
    this.#state = 'describing';
    this.#nextAt = Infinity;
    this.#described = place;
    this.#ports.request(place);
  }

  /** The answer to the last request. */
  answered(now: number, answer: HttpAnswer): void {
    if (this.#state === 'describing') {
      const points =
        answer?.status === 200 ? parseDescription(answer.body, this.#gateway, this.#described) : undefined;
      this.#ask(now, points ?? [], 'no service that opens ports');
    } else if (this.#state === 'asking') {
      const [point, ...others] = this.#points;
      const said = answer && parseActionAnswer(answer.body, 'GetExternalIPAddress');
      const host = said?.kind === 'done' ? said.host : null;
      if (point && host !== null && isOfInternet(host)) {
        this.stop();
        this.#ports.found(now, point, host);
      } else this.#ask(now, others, host === null ? 'no address outside' : `its address outside is ${host}`);
    }
  }

  /** @param why what is said when there is none left to ask */
  #ask(now: number, points: readonly ControlPoint[], why: string): void {
    this.#points = points;
    const [point] = points;
    if (point) {
      this.#state = 'asking';
      this.#nextAt = Infinity;
      this.#ports.request(encodeGetAddress(point));
    } else this.#end(now, why);
  }

  #end(now: number, why: string): void {
    this.stop();
    this.#ports.nothing(now, why);
  }
}

/** A router that has another address outside is behind a NAT itself: a port of it helps nobody. */
function isOfInternet(host: string): boolean {
  return isProbeable({ host, port: 1 }) && !isPrivateHost(host) && !/^(169\.254|192\.0\.0)\./.test(host);
}

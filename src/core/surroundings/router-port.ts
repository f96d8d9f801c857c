/**
 * The port that the router opens for us, where it does: peers then reach us whatever its NAT is like. The default gateway is
 * asked by PCP and NAT-PMP (port-mapping.ts); by UPnP (upnp-mapping.ts) only while it answers neither.
 */
import type { Endpoint } from '../lib/endpoint.js';
import type { Random } from '../lib/env.js';
import type { IgdRequest } from '../wire/igd.js';
import type { MappingProtocol } from '../wire/port-mapping.js';
import type { HttpAnswer } from './igd-search.js';
import { PortMapping } from './port-mapping.js';
import { UpnpMapping } from './upnp-mapping.js';
import type { WayOut } from './ways-out.js';

/** What comes from the gateway: by UDP from its port of PCP, to all of the LAN, and from any other port, and by HTTP. */
export type GatewayNews =
  | { readonly kind: 'mapping'; readonly bytes: Uint8Array }
  /** It has begun anew, or has another address outside (RFC 6886 section 3.2.1, RFC 6887 section 14.1). */
  | { readonly kind: 'announcement' }
  | { readonly kind: 'device'; readonly bytes: Uint8Array }
  | { readonly kind: 'http'; readonly answer: HttpAnswer };

/** How the gateway is reached. */
export interface GatewayWay {
  /** Questions go to this gateway from this address now; another one is not heard any more. */
  open(gateway: string, source: string): void;
  /** To its port of PCP and NAT-PMP. */
  send(question: Uint8Array): void;
  /** To the gateway and the group of UPnP. */
  search(question: Uint8Array): void;
  /** By HTTP, after those before; each is answered once while the way is open. */
  request(request: IgdRequest): void;
  /** Settles when what was asked before has been sent, or cannot be. */
  close(): Promise<void>;
}

export interface RouterPortPorts extends GatewayWay {
  readonly random: Random;
  /** By which mappings of this node are its own, 32 bytes. */
  readonly secret: Uint8Array;
  /** `endpoint` is another one, or gone. */
  changed(endpoint: Endpoint | undefined, how: string): void;
}

export class RouterPort {
  readonly #mapping: PortMapping;
  readonly #upnp: UpnpMapping;
  #closed: Promise<void> = Promise.resolve();

  constructor(ports: RouterPortPorts) {
    const { random, secret } = ports;
    const changed = (endpoint: Endpoint | undefined, how: string): void => {
      ports.changed(endpoint, how);
    };
    this.#upnp = new UpnpMapping({
      random,
      changed,
      search: (question) => {
        ports.search(question);
      },
      request: (request) => {
        ports.request(request);
      },
    });
    this.#mapping = new PortMapping({
      secret,
      changed,
      open: (gateway, source) => {
        ports.open(gateway, source);
      },
      send: (question) => {
        ports.send(question);
      },
      close: () => {
        this.#upnp.stop();
        this.#closed = ports.close();
      },
      silent: (now, gateway, own) => {
        this.#upnp.begin(now, gateway, own);
      },
      spoke: () => {
        this.#upnp.stop();
      },
      served: () => this.#upnp.known,
    });
  }

  /** Where the router takes packets for us. */
  get endpoint(): Endpoint | undefined {
    return this.#mapping.endpoint ?? this.#upnp.endpoint;
  }

  /** By which it opened the port; undefined without one. */
  get protocol(): MappingProtocol | undefined {
    if (this.#mapping.endpoint) return this.#mapping.protocol;
    return this.#upnp.endpoint && 'upnp';
  }

  /** When `tick` has something to do, ms of the clock; Infinity for never. */
  get dueAt(): number {
    return Math.min(this.#mapping.dueAt, this.#upnp.dueAt);
  }

  /** The way out is this one from now on; null: none. `port` is that of our socket. */
  moved(now: number, way: WayOut | null, port: number): void {
    this.#mapping.moved(now, way, port);
  }

  /**
   * The outside sees this machine elsewhere, or a peer that came directly does no more: a router that is known to open ports may
   * have forgotten ours, or moved it.
   */
  doubt(now: number): void {
    if (this.#upnp.known) this.#upnp.doubt(now);
    else if (this.#mapping.spoke) this.#mapping.doubt(now);
  }

  /** A peer that knows of the port does not come by it. */
  missed(now: number): void {
    if (this.#upnp.endpoint) this.#upnp.missed(now);
    else if (this.#mapping.endpoint) this.#mapping.missed(now);
  }

  /** Something came from the gateway. */
  receive(now: number, news: GatewayNews): void {
    if (news.kind === 'mapping') this.#mapping.receive(now, news.bytes);
    else if (news.kind === 'announcement') this.#mapping.doubt(now);
    else if (news.kind === 'device') this.#upnp.heard(news.bytes);
    else this.#upnp.answered(now, news.answer);
  }

  tick(now: number): void {
    this.#mapping.tick(now);
    this.#upnp.tick(now);
  }

  /** Takes the mapping back; settles when the router has been told, in a few seconds at most. */
  stop(): Promise<void> {
    this.#mapping.stop();
    return this.#closed;
  }
}

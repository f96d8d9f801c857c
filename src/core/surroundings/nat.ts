/**
 * What kind of NAT we are behind, as arithmetic over observed addresses. No I/O.
 *
 * One local socket asks several servers how they see it (RFC 5780 section 4.3 asks one server with several
 * addresses; several relays, or one relay's second port, serve as well). Words are those of RFC 4787.
 */
import { sameEndpoint, type Endpoint } from '../lib/endpoint.js';
import type { NatMapping } from '../wire/nat.js';

interface Sample {
  readonly server: Endpoint;
  readonly observed: Endpoint;
  readonly at: number;
}

/** Samples older than this may tell of a mapping that is gone. */
const sampleLifeMs = 120_000;

export class NatObserver {
  #samples: Sample[] = [];

  /** `server` saw our socket before, and elsewhere: the NAT has forgotten it, or has another address. */
  moved(server: Endpoint, observed: Endpoint): boolean {
    const before = this.#samples.find((s) => sameEndpoint(s.server, server));
    return before !== undefined && !sameEndpoint(before.observed, observed);
  }

  /** Records that `server` saw our socket as `observed`. True when that is news. */
  add(now: number, server: Endpoint, observed: Endpoint): boolean {
    const known = this.#samples.some((s) => sameEndpoint(s.observed, observed));
    this.#samples = this.#samples.filter((s) => !sameEndpoint(s.server, server) && now - s.at < sampleLifeMs);
    this.#samples.push({ server, observed, at: now });
    return !known;
  }

  /** Forgets everything: the network changed. */
  clear(): void {
    this.#samples = [];
  }

  /** Distinct observed addresses. */
  get reflexive(): Endpoint[] {
    const out: Endpoint[] = [];
    for (const { observed } of this.#samples) {
      if (!out.some((e) => sameEndpoint(e, observed))) out.push(observed);
    }
    return out;
  }

  /**
   * @param local addresses of our own interfaces: an observed address among them means that nothing maps.
   * IPv4 decides where there is any, because that is where NATs are.
   */
  mapping(local: readonly string[]): NatMapping {
    const v4 = this.#samples.filter((s) => !s.observed.host.includes(':'));
    const samples = v4.length > 0 ? v4 : this.#samples;
    if (samples.length === 0) return 'unknown';
    if (samples.every((s) => local.includes(s.observed.host))) return 'none';
    let samePort = false;
    let otherAddress = false;
    let differs = false;
    for (const a of samples) {
      for (const b of samples) {
        if (a === b) continue;
        const same = sameEndpoint(a.observed, b.observed);
        if (a.server.host === b.server.host) {
          if (!same) return 'address-and-port-dependent';
          samePort = true;
        } else {
          otherAddress = true;
          if (!same) differs = true;
        }
      }
    }
    if (differs) return samePort ? 'address-dependent' : 'address-and-port-dependent';
    return otherAddress || samePort ? 'endpoint-independent' : 'unknown';
  }
}

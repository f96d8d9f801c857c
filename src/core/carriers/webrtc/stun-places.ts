/** Where our STUN and TURN servers are, as addresses: what other members are told, for whom a name could be anything. */
import { addressBytes, type Endpoint } from '../../lib/endpoint.js';
import type { IceServer } from '../../membership/ice-server.js';
import { maxNamedServers } from '../../wire/ice.js';

/** A name is looked up again after this, ms. */
const againMs = 300_000;

export class StunPlaces {
  readonly #servers: readonly IceServer[];
  readonly #resolve: (name: string) => Promise<readonly string[]>;
  #found: readonly (readonly Endpoint[])[];
  #lookAt = -Infinity;

  /** @param resolve addresses of a name; none where it has none, or cannot be asked */
  constructor(servers: readonly IceServer[], resolve: (name: string) => Promise<readonly string[]>) {
    this.#servers = servers.slice(0, maxNamedServers);
    this.#resolve = resolve;
    this.#found = this.#servers.map(() => []);
  }

  /** As far as they are known by now. Where there is room, each by its other family, too: one of the two may lead nowhere. */
  get endpoints(): readonly Endpoint[] {
    const isV6 = ({ host }: Endpoint): boolean => host.includes(':');
    const firsts = this.#found.flatMap((places) => places.find((one) => !isV6(one)) ?? places[0] ?? []);
    const others = this.#found.flatMap((places) => places.find(isV6) ?? []);
    return [...new Set([...firsts, ...others])].slice(0, maxNamedServers);
  }

  look(now: number): void {
    if (now < this.#lookAt) return;
    this.#lookAt = now + againMs;
    void Promise.all(
      this.#servers.map(async ({ host, port }, i): Promise<readonly Endpoint[]> => {
        if (addressBytes(host)) return [{ host, port }];
        const addresses = await this.#resolve(host);
        // A resolver that fails now is no reason to forget.
        return addresses.length === 0
          ? (this.#found[i] ?? [])
          : addresses.map((address) => ({ host: address, port }));
      }),
    ).then((found) => {
      this.#found = found;
    });
  }
}

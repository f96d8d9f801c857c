/**
 * Addresses of relays' names. They are asked for anew at every attempt to connect; what was answered last is kept, and serves where
 * no resolver answers: the machine has just booted, the provider's is dead, or the only one is behind the network itself, which
 * comes up by these relays.
 */
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock } from '../../lib/env.js';

/** An answer that is known is not waited for any longer than this, ms. */
export const resolverPatienceMs = 1_500;
/** Addresses kept of a name, and names. */
const addressLimit = 8;
const nameLimit = 16;

export type KnownAddresses = Readonly<Record<string, readonly string[]>>;

export interface RelayNamesPorts {
  readonly clock: Clock;
  /** What an earlier run kept. */
  readonly known: KnownAddresses;
  /** Another answer is known, to be kept. */
  keep(known: KnownAddresses): void;
  /** Default: the machine's. */
  readonly resolver?: Names;
}

/** Who tells the addresses of a name. Rejects with the resolver's error. */
export interface Names {
  addresses(host: string): Promise<LookupAddress[]>;
}

/** The machine's resolver alone. */
export const systemNames: Names = { addresses: (host) => lookup(host, { all: true }) };

export class RelayNames implements Names {
  readonly #ports: RelayNamesPorts;
  readonly #known: Map<string, readonly string[]>;
  /** Questions under way: a resolver that does not answer is not asked twice at a time. */
  readonly #asking = new Map<string, Promise<LookupAddress[]>>();

  constructor(ports: RelayNamesPorts) {
    this.#ports = ports;
    this.#known = new Map(Object.entries(ports.known));
  }

  /**
   * Addresses of a name, or of a literal itself.
   *
   * @throws the resolver's error, where nothing is known from before
   */
  async addresses(host: string): Promise<LookupAddress[]> {
    const family = isIP(host);
    if (family !== 0) return [{ address: host, family }];
    const before = this.#known.get(host)?.map((address) => ({ address, family: isIP(address) }));
    const answer = this.#ask(host);
    if (!before) return answer;
    return new Promise((resolve) => {
      const cancel = this.#ports.clock.after(resolverPatienceMs, () => {
        resolve(before);
      });
      const settle = (addresses: LookupAddress[]): void => {
        cancel();
        resolve(addresses);
      };
      answer.then(settle, () => {
        settle(before);
      });
    });
  }

  #ask(host: string): Promise<LookupAddress[]> {
    const asking = this.#asking.get(host);
    if (asking) return asking;
    const { resolver = systemNames } = this.#ports;
    const question = resolver
      .addresses(host)
      .then((addresses) => {
        this.#learn(host, addresses);
        return addresses;
      })
      .finally(() => this.#asking.delete(host));
    this.#asking.set(host, question);
    return question;
  }

  #learn(host: string, addresses: readonly LookupAddress[]): void {
    const texts = addresses.slice(0, addressLimit).map(({ address }) => address);
    const before = this.#known.get(host);
    if (texts.length === 0 || before?.join() === texts.join()) return;
    this.#known.delete(host);
    this.#known.set(host, texts);
    if (this.#known.size > nameLimit) this.#known.delete(this.#known.keys().next().value as string);
    this.#ports.keep(Object.fromEntries(this.#known));
  }
}

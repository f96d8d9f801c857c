/** What programs members offer, and this one: told to who is connected, known of who is. */
import { badValue } from '../identity/names.js';
import type { Profile } from '../membership/profile.js';
import {
  encodeServices,
  longestServiceText,
  maxServices,
  mayBeService,
  type Service,
  type ServicesMessage,
} from '../wire/services.js';

/** What the operator chose: it outlives a run of the node. */
export interface ServiceSettings {
  offered: readonly Service[];
}

export interface ServicesParts {
  readonly settings: ServiceSettings;
  /** Ids of the members that are connected. */
  readonly connected: () => readonly string[];
  readonly send: (to: string, message: Uint8Array) => void;
  /** Names have other services than before. */
  readonly changed: () => void;
}

export class Services {
  readonly #parts: ServicesParts;
  readonly #known = new Map<string, readonly Service[]>();

  constructor(parts: ServicesParts) {
    this.#parts = parts;
  }

  get own(): readonly Service[] {
    return this.#parts.settings.offered;
  }

  /** Of a member; none where it is not connected. */
  of(idText: string): readonly Service[] {
    return this.#known.get(idText) ?? [];
  }

  connected(idText: string): void {
    if (this.own.length > 0) this.#tell(idText);
  }

  /** It began anew, and tells what it offers now, if anything. */
  restarted(idText: string): void {
    this.lost(idText);
    this.connected(idText);
  }

  lost(idText: string): void {
    if (this.#known.delete(idText)) this.#parts.changed();
  }

  receive(from: string, message: ServicesMessage): void {
    if (message.type === 'ask') {
      this.#tell(from);
      return;
    }
    if (message.services.length === 0) return this.lost(from);
    this.#known.set(from, message.services);
    this.#parts.changed();
  }

  /** The settings were changed: everybody hears of it. */
  reconfigured(): void {
    for (const id of this.#parts.connected()) this.#tell(id);
    this.#parts.changed();
  }

  /** Another process had the sessions before, and what was said in them. */
  askAll(): void {
    for (const id of this.#parts.connected()) this.#parts.send(id, encodeServices({ type: 'ask' }));
  }

  #tell(to: string): void {
    this.#parts.send(to, encodeServices({ type: 'services', services: this.own }));
  }
}

/**
 * The list with this service in it, in the place of the one with its name and protocol; with `port` null without that.
 *
 * @throws EvioError EVIO_BAD_VALUE
 */
export function withService(
  list: readonly Service[],
  { name, protocol, port, text }: Omit<Service, 'port'> & { readonly port: number | null },
): Service[] {
  const rest = list.filter((one) => one.name !== name || one.protocol !== protocol);
  if (port === null) return rest;
  const service = { name, protocol, port, text };
  if (!mayBeService(service))
    throw badValue(
      `"${name}" on port ${port} cannot be announced: a name has up to 15 small letters, digits and hyphens, a text up to ${longestServiceText} printable ones.`,
      'For example: evio announce http 8080',
    );
  if (rest.length >= maxServices)
    throw badValue(
      `A member announces ${maxServices} services at most.`,
      'Withdraw one: evio announce NAME --withdraw',
    );
  return [...rest, service];
}

/** The profile with these. */
export function withServices({ services: _, ...rest }: Profile, offered: readonly Service[]): Profile {
  return offered.length === 0 ? rest : { ...rest, services: offered };
}

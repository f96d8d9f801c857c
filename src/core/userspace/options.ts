/** What a node without an interface offers to programs of this machine, and to members. */
import { formatEndpoint, parseEndpoint, type Endpoint } from '../lib/endpoint.js';

/** Connections to `listen` on this machine lead to `port` of a member. */
export interface Forward {
  readonly listen: Endpoint;
  /** Name or address of a member. */
  readonly host: string;
  readonly port: number;
}

/** Connections of members to `port` of this node lead to `to` on this machine. */
export interface Exposure {
  readonly port: number;
  readonly to: Endpoint;
}

export interface UserspaceOptions {
  /** Where SOCKS5 and HTTP proxy listen; null: nowhere. */
  readonly proxy: Endpoint | null;
  readonly forwards: readonly Forward[];
  readonly exposures: readonly Exposure[];
}

const here = '127.0.0.1';

/** `[ADDRESS:]PORT`, by default of the loopback interface. Undefined when malformed. */
export function parseListen(text: string): Endpoint | undefined {
  const found = parseEndpoint(/^\d{1,5}$/.test(text) ? `${here}:${text}` : text);
  return found && found.port > 0 ? found : undefined;
}

/** `[ADDRESS:]PORT=HOST:PORT`. Undefined when malformed. */
export function parseForward(text: string): Forward | undefined {
  const split = /^([^=]+)=(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s=]+)):(\d{1,5})$/.exec(text);
  const listen = split && parseListen(split[1] as string);
  const port = Number(split?.[4]);
  if (!split || !listen || port < 1 || port > 65_535) return undefined;
  return { listen, host: (split[2] ?? split[3]) as string, port };
}

/** `PORT[=ADDRESS:PORT]`, by default the same port of the loopback interface. Undefined when malformed. */
export function parseExposure(text: string): Exposure | undefined {
  const [port = '', to = port, ...rest] = text.split('=');
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  const target = parseListen(to);
  if (rest.length > 0 || number < 1 || number > 65_535 || !target) return undefined;
  return { port: number, to: target };
}

/** As the flags have it. */
export const formatForward = ({ listen, ...to }: Forward): string =>
  `${formatEndpoint(listen)}=${formatEndpoint(to)}`;
export const formatExposure = ({ port, to }: Exposure): string => `${port}=${formatEndpoint(to)}`;

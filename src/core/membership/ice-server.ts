/** STUN and TURN servers as a profile names them. They bear a password: nothing of one but `describeIceServer` is for people. */
import { formatEndpoint } from '../lib/endpoint.js';

export interface IceServer {
  readonly scheme: 'stun' | 'turn';
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Of TURN. */
  readonly user: string;
  readonly password: string;
}

/** RFC 8489, RFC 8656. */
const defaultPort = 3478;
/** Each of them is asked for every call. */
export const maxIceServers = 8;

const form = /^(stun|turn):(?:(.+)@)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?(\?[^?@]*)?$/;

/**
 * `stun:HOST[:PORT]` or `turn:USER:PASSWORD@HOST[:PORT][?transport=udp]`; user and password percent-encoded where they have
 * `:`, `@` or `%`. Else a word for people on what is wrong, without the text itself.
 */
export function parseIceServer(text: string): IceServer | string {
  if (/^(stuns|turns):/.test(text))
    return 'STUN and TURN are spoken by UDP, not by TLS; give stun: or turn: (where UDP is blocked, the relay is the way)';
  const [, scheme, identity, bracketed = '', portText, query = ''] = form.exec(text) ?? [];
  if (scheme !== 'stun' && scheme !== 'turn')
    return 'it is neither stun:HOST:PORT nor turn:USER:PASSWORD@HOST:PORT';
  const port = portText === undefined ? defaultPort : Number(portText);
  if (port < 1 || port > 65_535) return `${port} is no port`;
  if (query === '?transport=tcp')
    return 'TURN is spoken by UDP, not by TCP; the server must answer by UDP (where UDP is blocked, the relay is the way)';
  if (query !== '' && query !== '?transport=udp') return 'of what follows ? only transport=udp is known';
  const host = bracketed.replace(/^\[|\]$/g, '');
  if (scheme === 'stun') {
    if (identity !== undefined) return 'a STUN server takes neither user nor password';
    return { scheme, host, port, user: '', password: '' };
  }
  const colon = identity?.indexOf(':') ?? -1;
  if (identity === undefined || colon < 1)
    return 'a TURN server needs user and password: turn:USER:PASSWORD@HOST:PORT';
  const user = decoded(identity.slice(0, colon));
  const password = decoded(identity.slice(colon + 1));
  if (user === undefined || password === undefined || password === '')
    return 'user or password are not percent-encoded as they should be';
  return { scheme, host, port, user, password };
}

/** Those of a profile that can be read: another version of this program may have written it. */
export function iceServersOf(texts: readonly string[] = []): IceServer[] {
  return texts
    .map(parseIceServer)
    .filter((server): server is IceServer => typeof server !== 'string')
    .slice(0, maxIceServers);
}

/** `turn:HOST:PORT`: what people and logs may see. */
export function describeIceServer(server: IceServer): string {
  return `${server.scheme}:${formatEndpoint(server)}`;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

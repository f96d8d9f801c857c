/**
 * How people write a relay, and how a network's facts do.
 *
 *   evio://HOST:PORT#KEY.INVITE   with a relay invite behind it, for a relay that does not serve any network
 *   evio://HOST:PORT#KEY    what `evio relay` prints; KEY is the relay's Ed25519 public key, base64url
 *   evios://HOST:PORT#KEY   the same behind TLS
 *   HOST[:PORT]             without a key: the caller asks the relay for it and pins what it sees
 *
 * In facts (identity/network.ts) the address is `HOST:PORT`, or `wss://HOST:PORT` where it speaks TLS.
 */
import { fromBase64Url, toBase64Url } from '../../lib/bytes.js';
import { formatEndpoint, parseHostPort } from '../../lib/endpoint.js';
import { EvioError } from '../../lib/errors.js';
import { publicKeyLength } from '../../identity/keys.js';
import type { RelayFact } from '../../identity/network.js';

/** Port of STUN and TURN (RFC 8489), which firewalls know. */
export const defaultRelayPort = 3478;

/** Longest relay invite that the hello takes (wire/signal.ts), bytes. */
const maxTicketLength = 128;

export interface RelayAddress {
  /** Name or IP literal, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

export interface RelayUrl extends RelayAddress {
  /** Absent when the text named none. */
  readonly key?: Uint8Array;
  /** Relay invite, base64url. A secret. */
  readonly ticket?: string;
}

const example = 'Write it as the relay printed it: evio://HOST:PORT#KEY, or as HOST:PORT.';

function bad(text: string, why: string): EvioError {
  return new EvioError('EVIO_BAD_VALUE', `"${text}" is no relay address: ${why}.`, [example]);
}

const hostName = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?$/;

function parseAuthority(text: string, authority: string): { host: string; port: number } {
  if (authority === '') throw bad(text, 'the host is missing');
  const colons = authority.split(':').length - 1;
  if (colons > 1 && !authority.startsWith('[')) throw bad(text, 'an IPv6 address belongs in [brackets]');
  const whole = /^(\[[^\]]*\]|[^:[\]]+)$/.test(authority) ? `${authority}:${defaultRelayPort}` : authority;
  const parsed = parseHostPort(whole);
  if (!parsed) throw bad(text, 'expected HOST:PORT');
  if (parsed.port === 0) throw bad(text, 'the port must be 1 to 65535');
  if (!parsed.host.includes(':') && !hostName.test(parsed.host))
    throw bad(text, 'the host has characters that no host name has');
  return parsed;
}

/** @throws EvioError EVIO_BAD_VALUE */
export function parseRelayUrl(input: string): RelayUrl {
  const text = input.trim();
  const match = /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?([^/#?]*)\/?(?:#(.*))?$/.exec(text);
  if (!match) throw bad(text, 'it has parts that do not belong there');
  const scheme = match[1]?.toLowerCase();
  if (scheme !== undefined && !['evio', 'evios', 'wss', 'ws'].includes(scheme))
    throw bad(text, `"${scheme}://" is not understood`);
  const address = {
    ...parseAuthority(text, match[2] ?? ''),
    tls: scheme === 'evios' || scheme === 'wss',
  };
  if (match[3] === undefined) return address;
  const [keyText = '', ticket, ...more] = match[3].split('.');
  const key = fromBase64Url(keyText);
  if (key?.length !== publicKeyLength)
    throw bad(withoutTicket(text), 'the key after # is damaged; copy the whole line again');
  if (ticket === undefined) return { ...address, key };
  const bytes = fromBase64Url(ticket);
  if (more.length > 0 || !bytes || bytes.length === 0 || bytes.length > maxTicketLength)
    throw bad(withoutTicket(text), 'the invite after the key is damaged; copy the whole line again');
  return { ...address, key, ticket };
}

/** What may be shown of a URL. */
function withoutTicket(text: string): string {
  return text.replace(/(#[^.]*)\..*$/, '$1.…');
}

/** The line that `evio relay` prints and that `init --relay` takes. */
export function formatRelayUrl(url: RelayUrl): string {
  const ticket = url.ticket === undefined ? '' : `.${url.ticket}`;
  const key = url.key ? `#${toBase64Url(url.key)}${ticket}` : '';
  return `${url.tls ? 'evios' : 'evio'}://${formatEndpoint(url)}${key}`;
}

/** The form of network facts: `HOST:PORT` or `wss://HOST:PORT`. */
export function formatRelayAddress(address: RelayAddress): string {
  return `${address.tls ? 'wss://' : ''}${formatEndpoint(address)}`;
}

/** Reads the form of network facts. @throws EvioError EVIO_BAD_VALUE */
export function parseRelayAddress(text: string): RelayAddress {
  const { host, port, tls } = parseRelayUrl(text);
  return { host, port, tls };
}

/** A relay as facts name it, or undefined when the URL has no key. */
export function relayFactOf(url: RelayUrl): RelayFact | undefined {
  return url.key && { address: formatRelayAddress(url), key: url.key };
}

/** Base of the HTTP or WebSocket URLs of a relay: `ws://host:port`, `https://host:port`. */
export function relayOrigin(address: RelayAddress, protocol: 'http' | 'ws'): string {
  return `${protocol}${address.tls ? 's' : ''}://${formatEndpoint(address)}`;
}

/**
 * SOCKS5 (RFC 1928) as a proxy reads it: greeting and request, CONNECT only, without authentication.
 *
 *   greeting  5 | methods 1 | method 1 …              answer  5 | 0
 *   request   5 | command 1 | 0 | type 1 | address | port 2      answer  5 | reply 1 | 0 | 1 | 0.0.0.0 | 0
 */

export const SocksReply = {
  granted: 0,
  failure: 1,
  notAllowed: 2,
  hostUnreachable: 4,
  refused: 5,
  commandNotSupported: 7,
  addressNotSupported: 8,
} as const;

/** What was asked, and the bytes that it took; 'more': not all of it is there yet. */
export type SocksGreeting = 'more' | 'bad' | { readonly length: number; readonly open: boolean };
export type SocksRequest =
  | 'more'
  | 'bad'
  | { readonly length: number; readonly reply: number }
  | { readonly length: number; readonly host: string; readonly port: number };

/** @returns `open`: the client goes without authentication */
export function parseSocksGreeting(bytes: Uint8Array): SocksGreeting {
  if (bytes.length < 2) return bytes.length === 0 || bytes[0] === 5 ? 'more' : 'bad';
  const count = bytes[1] as number;
  if (bytes[0] !== 5 || count === 0) return 'bad';
  if (bytes.length < 2 + count) return 'more';
  return { length: 2 + count, open: bytes.subarray(2, 2 + count).includes(0) };
}

/** @returns the destination, host as text (IPv6 without brackets); or the reply that refuses it */
export function parseSocksRequest(bytes: Uint8Array): SocksRequest {
  if (bytes.length > 0 && bytes[0] !== 5) return 'bad';
  if (bytes.length < 5) return 'more';
  const type = bytes[3];
  const size = type === 1 ? 4 : type === 4 ? 16 : type === 3 ? 1 + (bytes[4] as number) : 0;
  if (size === 0) return { length: bytes.length, reply: SocksReply.addressNotSupported };
  const length = 4 + size + 2;
  if (bytes.length < length) return 'more';
  if (bytes[1] !== 1) return { length, reply: SocksReply.commandNotSupported };
  const address = bytes.subarray(type === 3 ? 5 : 4, 4 + size);
  const port = ((bytes[4 + size] as number) << 8) | (bytes[5 + size] as number);
  const host =
    type === 3
      ? Buffer.from(address).toString('latin1')
      : type === 1
        ? address.join('.')
        : Array.from({ length: 8 }, (_, i) =>
            (((address[2 * i] as number) << 8) | (address[2 * i + 1] as number)).toString(16),
          ).join(':');
  if (host === '' || port === 0) return { length, reply: SocksReply.addressNotSupported };
  return { length, host, port };
}

export function encodeSocksReply(reply: number): Uint8Array {
  return Uint8Array.of(5, reply, 0, 1, 0, 0, 0, 0, 0, 0);
}

/**
 * HTTP proxies (RFC 9110 section 9.3.6, RFC 9112 section 3.2) as far as one needs to reach TCP through them: CONNECT, and a request in
 * absolute form, which is passed on to its server in origin form, once for a connection.
 */

const headLimit = 16_384;
const end = Buffer.from('\r\n\r\n');

export type HttpProxyRequest =
  | 'more'
  | 'bad'
  | {
      /** Bytes of the request that are used up. */
      readonly length: number;
      readonly host: string;
      readonly port: number;
      /** CONNECT: nothing; otherwise the head that the server is to be sent. */
      readonly head: string | null;
    };

/** Headers that are between client and proxy (RFC 9110 section 7.6.1). */
const hopByHop = /^(connection|proxy-connection|proxy-authorization|keep-alive|te|upgrade):/i;

export function parseHttpProxyRequest(bytes: Uint8Array): HttpProxyRequest {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const at = buffer.subarray(0, headLimit).indexOf(end);
  if (at < 0) return bytes.length >= headLimit ? 'bad' : 'more';
  const [first = '', ...headers] = buffer.toString('latin1', 0, at).split('\r\n');
  // A bare CR or LF, or a control character, is where two readers of one request disagree.
  if ([first, ...headers].some(hasControl)) return 'bad';
  const [method = '', target = '', version = '', ...rest] = first.split(' ');
  if (rest.length > 0 || !/^HTTP\/1\.[01]$/.test(version) || !/^[A-Z]{1,16}$/.test(method)) return 'bad';
  const length = at + end.length;
  if (method === 'CONNECT') {
    const found = authority(target);
    return found ? { length, ...found, head: null } : 'bad';
  }
  const split = /^http:\/\/([^/?#@]+)([/?][^#]*)?$/.exec(target);
  const found = split && authority(split[1] as string, 80);
  if (!split || !found) return 'bad';
  const path = split[2] ?? '/';
  const kept = headers.filter((line) => !hopByHop.test(line));
  const head = [
    `${method} ${path.startsWith('/') ? path : `/${path}`} ${version}`,
    ...kept,
    'Connection: close',
    '',
    '',
  ];
  return { length, ...found, head: head.join('\r\n') };
}

/** Anything below a space but a tab, and DEL. */
function hasControl(line: string): boolean {
  for (let i = 0; i < line.length; i++) {
    const code = line.charCodeAt(i);
    if ((code < 0x20 && code !== 9) || code === 0x7f) return true;
  }
  return false;
}

/** `host:port`, `[v6]:port`. */
function authority(text: string, defaultPort?: number): { host: string; port: number } | undefined {
  const found = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([^:[\]\s]{1,255}))(?::(\d{1,5}))?$/.exec(text);
  const port = found?.[3] === undefined ? defaultPort : Number(found[3]);
  if (!found || port === undefined || port < 1 || port > 65_535) return undefined;
  return { host: (found[1] ?? found[2]) as string, port };
}

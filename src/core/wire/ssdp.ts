/**
 * How a router that speaks UPnP is found: a search by UDP at port 1900 (UPnP Device Architecture 1.1, 1.3), headers of HTTP.
 *
 *   ask     M-SEARCH * HTTP/1.1 | HOST: 239.255.255.250:1900 | MAN: "ssdp:discover" | MX: 1 | ST: what is searched
 *   answer  HTTP/1.1 200 OK | ST: what it is | LOCATION: http://… of its description | …
 *
 * Whatever an answer points at that is not at the gateway's own address, as a number, is no answer.
 */
export const ssdp = { host: '239.255.255.250', port: 1900 } as const;
/** Longer answers are not read, bytes. */
export const longestSearchAnswer = 2_048;
const longestUrl = 512;

const wanted = [1, 2].map((version) => `urn:schemas-upnp-org:device:InternetGatewayDevice:${version}`);
const statusLine = /^HTTP\/1\.[01] 200(?: |$)/;

/** Where a router takes HTTP requests: a port of its own address, and path and query of a URL, ASCII without spaces. */
export interface HttpPlace {
  readonly port: number;
  readonly path: string;
}

/** The searches for a router, one of each version. */
export function encodeSearches(): Uint8Array[] {
  return wanted.map((target) =>
    new TextEncoder().encode(
      `M-SEARCH * HTTP/1.1\r\nHOST: ${ssdp.host}:${ssdp.port}\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: ${target}\r\n\r\n`,
    ),
  );
}

/** Where the description of a router lies; undefined for anything but a router's answer that leads to `gateway` itself. */
export function parseSearchAnswer(bytes: Uint8Array, gateway: string): HttpPlace | undefined {
  if (bytes.length > longestSearchAnswer) return undefined;
  const [status = '', ...lines] = new TextDecoder('latin1').decode(bytes).split('\r\n');
  if (!statusLine.test(status)) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    if (!headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  if (!wanted.includes(headers.get('st') ?? '')) return undefined;
  return placeAt(headers.get('location') ?? '', gateway);
}

/**
 * A URL as a place at the gateway; undefined where it leads elsewhere, by name, or by another scheme.
 *
 * @param base what it is relative to; default: it stands for itself
 */
export function placeAt(text: string, gateway: string, base?: HttpPlace): HttpPlace | undefined {
  if (text === '' || text.length > longestUrl) return undefined;
  let url: URL;
  try {
    url = new URL(text, base && `http://${gateway}:${base.port}${base.path}`);
  } catch {
    return undefined;
  }
  if (url.protocol !== 'http:' || url.hostname !== gateway || url.username !== '' || url.password !== '')
    return undefined;
  const path = url.pathname + url.search;
  const port = url.port === '' ? 80 : Number(url.port);
  return port === 0 || path.length > longestUrl ? undefined : { port, path };
}

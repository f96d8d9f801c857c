/**
 * What a router is asked by UPnP (WANIPConnection:1 and :2, WANPPPConnection:1), in XML over HTTP. Of XML no more is read than
 * this takes: elements and the text that follows their start, in one pass. Nothing is expanded, nothing is fetched; a document
 * that declares types or entities is none.
 *
 *   description  <service><serviceType>…</serviceType>…<controlURL>…</controlURL></service>, anywhere, and <URLBase>
 *   ask          <s:Envelope><s:Body><u:ACTION xmlns:u="SERVICE"><NewExternalPort>…</NewExternalPort>…</u:ACTION></s:Body></s:Envelope>
 *   answer       <u:ACTIONResponse>…<NewExternalIPAddress>…</NewExternalIPAddress></u:ACTIONResponse>, or <errorCode>718</errorCode>
 */
import type { Endpoint } from '../lib/endpoint.js';
import { parseIpv4 } from '../lib/ipv4.js';
import { placeAt, type HttpPlace } from './ssdp.js';

/** Longer documents are not read, bytes. */
export const longestDocument = 65_536;
/** What can map ports, the best first. */
const services = ['WANIPConnection:2', 'WANIPConnection:1', 'WANPPPConnection:1'].map(
  (name) => `urn:schemas-upnp-org:service:${name}`,
);
/** Of one router; each is asked in turn for its outer address. */
const maxPoints = 4;

/** A service of the router, and where it takes orders. */
export interface ControlPoint extends HttpPlace {
  /** One of the types that can map ports. */
  readonly service: string;
}

/** Codes of the services that say what else to try. */
export const IgdError = {
  conflict: 718,
  onlyPermanentLeases: 725,
  conflictWithOtherMechanisms: 729,
} as const;

export type IgdAction = 'GetExternalIPAddress' | 'AddPortMapping' | 'DeletePortMapping';

/** One request by HTTP: without `order` a GET, with it a POST. */
export interface IgdRequest extends HttpPlace {
  /** `action` is the value of the header SOAPAction. */
  readonly order?: { readonly action: string; readonly body: string };
}

function order(
  { service, port, path }: ControlPoint,
  action: IgdAction,
  values: readonly (readonly [string, string | number])[],
): IgdRequest {
  const inner = values.map(([name, value]) => `<${name}>${value}</${name}>`).join('');
  const body =
    '<?xml version="1.0"?>\r\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>' +
    `<u:${action} xmlns:u="${service}">${inner}</u:${action}></s:Body></s:Envelope>\r\n`;
  return { port, path, order: { action: `"${service}#${action}"`, body } };
}

export function encodeGetAddress(point: ControlPoint): IgdRequest {
  return order(point, 'GetExternalIPAddress', []);
}

/**
 * @param own an IPv4 literal, and the UDP port there
 * @param leaseS 0: for ever
 */
export function encodeAddMapping(
  point: ControlPoint,
  own: Endpoint,
  external: number,
  leaseS: number,
): IgdRequest {
  return order(point, 'AddPortMapping', [
    ['NewRemoteHost', ''],
    ['NewExternalPort', external],
    ['NewProtocol', 'UDP'],
    ['NewInternalPort', own.port],
    ['NewInternalClient', own.host],
    ['NewEnabled', 1],
    ['NewPortMappingDescription', 'evio'],
    ['NewLeaseDuration', leaseS],
  ]);
}

export function encodeDeleteMapping(point: ControlPoint, external: number): IgdRequest {
  return order(point, 'DeletePortMapping', [
    ['NewRemoteHost', ''],
    ['NewExternalPort', external],
    ['NewProtocol', 'UDP'],
  ]);
}

/**
 * The services of a router that can map ports, the best first; undefined where there is none that can be read.
 *
 * @param at where the description came from
 */
export function parseDescription(
  bytes: Uint8Array,
  gateway: string,
  at: HttpPlace,
): ControlPoint[] | undefined {
  const found: { type: string; url: string }[] = [];
  let service: { type: string; url: string } | undefined;
  let root = '';
  const whole = scan(bytes, (name, value) => {
    if (name === 'service') service = { type: '', url: '' };
    else if (name === '/service') {
      if (service) found.push(service);
      service = undefined;
    } else if (name === 'URLBase') root = value;
    else if (service && name === 'serviceType') service.type = value;
    else if (service && name === 'controlURL') service.url = value;
  });
  const base = root === '' ? at : placeAt(root, gateway);
  if (!whole || !base) return undefined;
  const points = services.flatMap((type) =>
    found
      .filter((one) => one.type === type)
      .slice(0, maxPoints)
      .flatMap(({ url }) => {
        const place = placeAt(url, gateway, base);
        return place ? [{ service: type, ...place }] : [];
      }),
  );
  return points.length === 0 ? undefined : points.slice(0, maxPoints);
}

export type IgdAnswer =
  | { readonly kind: 'refused'; readonly code: number }
  /** `host` is an IPv4 literal; null where the answer has none. */
  | { readonly kind: 'done'; readonly host: string | null };

/** What the router says to an order; undefined: nothing that can be read, or of another order. */
export function parseActionAnswer(bytes: Uint8Array, action: IgdAction): IgdAnswer | undefined {
  let done = false;
  let host: string | null = null;
  let code: number | undefined;
  const whole = scan(bytes, (name, value) => {
    if (name === `${action}Response`) done = true;
    else if (name === 'NewExternalIPAddress') host = parseIpv4(value) === undefined ? null : value;
    else if (name === 'errorCode' && /^\d{1,5}$/.test(value)) code = Number(value);
  });
  if (!whole) return undefined;
  if (code !== undefined) return { kind: 'refused', code };
  return done ? { kind: 'done', host } : undefined;
}

const named = /^\/?(?:[\w.-]{1,64}:)?([\w.-]{1,64})(?=[\s/]|$)/;

/**
 * Goes through a document once. `seen` gets the name of each element, without prefix, with the text up to the next markup;
 * at its end `/name`. Text with a reference in it is given as none.
 *
 * @returns false for what is too long or no plain document
 */
function scan(bytes: Uint8Array, seen: (name: string, value: string) => void): boolean {
  if (bytes.length > longestDocument) return false;
  const text = new TextDecoder('latin1').decode(bytes);
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at)) {
    const passed =
      past(text, at, '<?', '?>') ?? past(text, at, '<!--', '-->') ?? past(text, at, '<![CDATA[', ']]>');
    if (passed !== undefined) {
      if (passed === 0) return false;
      at = passed;
      continue;
    }
    const end = text.indexOf('>', at);
    if (end < 0) return false;
    // Neither is what begins with `!`: a declaration.
    const name = named.exec(text.slice(at + 1, Math.min(end, at + 140)))?.[1];
    if (name === undefined) return false;
    if (text[at + 1] === '/') seen(`/${name}`, '');
    else {
      const next = text.indexOf('<', end);
      const value = text.slice(end + 1, next < 0 ? text.length : next).trim();
      seen(name, value.includes('&') ? '' : value);
    }
    at = end + 1;
  }
  return true;
}

/** The index behind what begins here with `open`: 0 where it has no end, undefined where something else begins. */
function past(text: string, at: number, open: string, close: string): number | undefined {
  if (!text.startsWith(open, at)) return undefined;
  const end = text.indexOf(close, at + open.length);
  return end < 0 ? 0 : end + close.length;
}

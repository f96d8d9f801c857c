/** What a router says by UPnP. */
import type { IgdAction } from '../../src/core/wire/igd.js';

export const searchAnswer = (location: string): string =>
  [
    'HTTP/1.1 200 OK',
    'CACHE-CONTROL: max-age=120',
    'ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1',
    'USN: uuid:1::urn:schemas-upnp-org:device:InternetGatewayDevice:1',
    'EXT:',
    `LOCATION: ${location}`,
    '\r\n',
  ].join('\r\n');

/** @param services type and control URL of each */
export const description = (...services: readonly (readonly [string, string])[]): string =>
  [
    '<?xml version="1.0"?>\n<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major></specVersion><device>',
    '<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><friendlyName>A &amp; B</friendlyName>',
    '<deviceList><device><serviceList>',
    ...services.map(
      ([type, url]) =>
        `<service>\n<serviceType>urn:schemas-upnp-org:service:${type}</serviceType><SCPDURL>/s.xml</SCPDURL>` +
        `<controlURL>\n${url} </controlURL></service>`,
    ),
    '</serviceList></device></deviceList></device></root>',
  ].join('');

const envelope = (inner: string): string =>
  `<?xml version="1.0"?>\r\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${inner}</s:Body></s:Envelope>`;

export const outcome = (action: IgdAction, host?: string): string =>
  envelope(
    `<u:${action}Response xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1">` +
      (host === undefined ? '' : `<NewExternalIPAddress>${host}</NewExternalIPAddress>`) +
      `</u:${action}Response>`,
  );

export const fault = (code: number): string =>
  envelope(
    '<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>' +
      `<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>${code}</errorCode><errorDescription>No</errorDescription></UPnPError>` +
      '</detail></s:Fault>',
  );

import { describe, expect, it } from 'vitest';
import {
  encodeAddMapping,
  encodeDeleteMapping,
  longestDocument,
  parseActionAnswer,
  parseDescription,
} from '../../../src/core/wire/igd.js';
import { encodeSearches, parseSearchAnswer, placeAt } from '../../../src/core/wire/ssdp.js';
import { description, fault, outcome, searchAnswer } from '../../support/igd.js';

const gateway = '192.168.1.1';
const at = { port: 5_000, path: '/rootDesc.xml' };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('a search for the router', () => {
  it('asks for both versions, and reads where the description lies', () => {
    expect(encodeSearches().map((one) => Buffer.from(one).toString())).toEqual(
      [1, 2].map(
        (version) =>
          `M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:${version}\r\n\r\n`,
      ),
    );
    expect(parseSearchAnswer(bytes(searchAnswer(`http://${gateway}:5000/rootDesc.xml`)), gateway)).toEqual(
      at,
    );
    expect(parseSearchAnswer(bytes(searchAnswer(`http://${gateway}/a?b=c`)), gateway)).toEqual({
      port: 80,
      path: '/a?b=c',
    });
  });

  it.each([
    'http://192.168.1.2:5000/x',
    'http://router.lan:5000/x',
    'http://127.0.0.1/x',
    `https://${gateway}/x`,
    `ftp://${gateway}/x`,
    `file:///${gateway}`,
    `http://user@${gateway}/x`,
    `http://user:pass@${gateway}/x`,
    `http://${gateway}@10.0.0.1/x`,
    `http://10.0.0.1\\@${gateway}/x`,
    `http://${gateway}.example.org/x`,
    `http://${gateway}:0/x`,
    `http://${gateway}:99999/x`,
    `http://${gateway}/${'a'.repeat(600)}`,
    '/relative',
    '',
  ])('goes nowhere for %s', (location) => {
    expect(parseSearchAnswer(bytes(searchAnswer(location)), gateway)).toBeUndefined();
  });

  it('is answered by nothing but a router that was found', () => {
    const good = searchAnswer(`http://${gateway}:5000/x`);
    for (const bad of [
      good.replace('200 OK', '301 Moved'),
      good.replace('HTTP/1.1', 'NOTIFY'),
      good.replace('InternetGatewayDevice:1', 'MediaServer:1'),
      good + 'X: ' + 'a'.repeat(2_048),
    ])
      expect(parseSearchAnswer(bytes(bad), gateway)).toBeUndefined();
  });

  it('lets no line break or space into a request', () => {
    expect(placeAt(`http://${gateway}/a b\r\nX: y`, gateway)?.path).toMatch(/^[!-~]+$/);
  });
});

describe('the description of a router', () => {
  it('names its services, the best first, wherever they are', () => {
    const text = description(
      ['WANPPPConnection:1', '/ppp'],
      ['WANIPConnection:1', 'ctl/ip?x=1'],
      ['Layer3Forwarding:1', '/l3f'],
    );
    expect(parseDescription(bytes(text), gateway, { port: 5_000, path: '/igd/desc.xml' })).toEqual([
      { service: 'urn:schemas-upnp-org:service:WANIPConnection:1', port: 5_000, path: '/igd/ctl/ip?x=1' },
      { service: 'urn:schemas-upnp-org:service:WANPPPConnection:1', port: 5_000, path: '/ppp' },
    ]);
    const based = text.replace('<device>', `<URLBase>http://${gateway}:49152/</URLBase><device>`);
    expect(parseDescription(bytes(based), gateway, at)?.[0]).toMatchObject({
      port: 49_152,
      path: '/ctl/ip?x=1',
    });
  });

  it.each([
    ['a control URL elsewhere', description(['WANIPConnection:1', 'http://10.0.0.9/ctl'])],
    ['a control URL elsewhere, without scheme', description(['WANIPConnection:1', '//10.0.0.9/ctl'])],
    [
      'a base elsewhere',
      description(['WANIPConnection:1', '/ctl']).replace(
        '<device>',
        '<URLBase>http://10.0.0.9/</URLBase><device>',
      ),
    ],
    ['no such service', description(['Layer3Forwarding:1', '/l3f'])],
    ['an entity', description(['WANIPConnection:1', '/&ctl;'])],
    [
      'declared entities',
      `<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>${description(['WANIPConnection:1', '/ctl'])}`,
    ],
    ['an open comment', description(['WANIPConnection:1', '/ctl']).replace('<device>', '<!-- <device>')],
    ['a page', '<html><body>Sign in'],
    ['nothing', ''],
    ['too much', description(['WANIPConnection:1', '/ctl']) + ' '.repeat(longestDocument)],
  ])('is none with %s', (_, text) => {
    expect(parseDescription(bytes(text), gateway, at)).toBeUndefined();
  });

  it('may have comments and marked sections, which say nothing', () => {
    const text = description(['WANIPConnection:1', '/ctl']).replace(
      '<device>',
      '<device><!-- <service> --><friendlyName><![CDATA[<service>]]></friendlyName>',
    );
    expect(parseDescription(bytes(text), gateway, at)).toHaveLength(1);
  });

  it('of the longest kind is read in one pass', () => {
    for (const piece of ['<', '<a>', '<?', '<!--', '<service>', '</service>', '<a '])
      parseDescription(bytes(piece.repeat(longestDocument / piece.length)), gateway, at);
  });
});

describe('an order', () => {
  const point = { service: 'urn:schemas-upnp-org:service:WANIPConnection:1', port: 5_000, path: '/ctl' };

  it('says in SOAP what is to be opened, and closed', () => {
    const add = encodeAddMapping(point, { host: '192.168.1.7', port: 4_242 }, 4_243, 300);
    expect([add.port, add.path, add.order?.action]).toEqual([
      5_000,
      '/ctl',
      '"urn:schemas-upnp-org:service:WANIPConnection:1#AddPortMapping"',
    ]);
    expect(add.order?.body).toContain(
      '<u:AddPortMapping xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1"><NewRemoteHost></NewRemoteHost><NewExternalPort>4243</NewExternalPort><NewProtocol>UDP</NewProtocol><NewInternalPort>4242</NewInternalPort><NewInternalClient>192.168.1.7</NewInternalClient><NewEnabled>1</NewEnabled><NewPortMappingDescription>evio</NewPortMappingDescription><NewLeaseDuration>300</NewLeaseDuration></u:AddPortMapping>',
    );
    expect(encodeDeleteMapping(point, 4_243).order?.body).toContain(
      '<NewRemoteHost></NewRemoteHost><NewExternalPort>4243</NewExternalPort><NewProtocol>UDP</NewProtocol></u:DeletePortMapping>',
    );
  });

  it('is answered by what was done, or why not', () => {
    expect(parseActionAnswer(bytes(outcome('AddPortMapping')), 'AddPortMapping')).toEqual({
      kind: 'done',
      host: null,
    });
    expect(
      parseActionAnswer(bytes(outcome('GetExternalIPAddress', '203.0.113.9')), 'GetExternalIPAddress'),
    ).toEqual({ kind: 'done', host: '203.0.113.9' });
    expect(parseActionAnswer(bytes(fault(718)), 'AddPortMapping')).toEqual({ kind: 'refused', code: 718 });
    expect(
      parseActionAnswer(bytes(outcome('GetExternalIPAddress', 'evil.example')), 'GetExternalIPAddress'),
    ).toEqual({ kind: 'done', host: null });
    expect(parseActionAnswer(bytes(outcome('DeletePortMapping')), 'AddPortMapping')).toBeUndefined();
    expect(parseActionAnswer(bytes('OK'), 'AddPortMapping')).toBeUndefined();
  });
});

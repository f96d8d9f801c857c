/** What a router says when it is asked for a port: PCP and NAT-PMP, and UPnP by UDP and HTTP. */
import { parseActionAnswer, parseDescription, type ControlPoint } from '../../../src/core/wire/igd.js';
import { parseMapAnswer } from '../../../src/core/wire/port-mapping.js';
import { parseSearchAnswer, type HttpPlace } from '../../../src/core/wire/ssdp.js';
import { description, fault, outcome, searchAnswer } from '../../support/igd.js';
import { parser, type Target } from './target.js';

/** A router's: NAT-PMP's address and mapping, PCP's mapping (its nonce is zero). */
const mapAnswers = [
  Uint8Array.of(0, 128, 0, 0, 0, 0, 0, 9, 192, 0, 2, 1),
  Uint8Array.of(0, 129, 0, 0, 0, 0, 0, 9, 0x10, 0x92, 0x10, 0x92, 0, 0, 1, 0x2c),
  Uint8Array.from(
    { length: 60 },
    (_, i) => ({ 0: 2, 1: 0x81, 7: 60, 36: 17, 40: 0x10, 41: 0x92, 43: 99 })[i] ?? 0,
  ),
];
const gateway = '192.168.1.1';
const texts = (...all: string[]): Uint8Array[] => all.map((text) => new Uint8Array(Buffer.from(text)));

/** Whatever a router says, a request goes to its own address, in one line. */
function checked<T extends HttpPlace>(place: T): T {
  const { port, path } = place;
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`port ${port}`);
  if (!/^\/[!-~]*$/.test(path)) throw new Error(`path ${JSON.stringify(path)}`);
  if (new URL(`http://${gateway}:${port}${path}`).hostname !== gateway)
    throw new Error(`leads away: ${path}`);
  return place;
}

export const routerTargets: readonly Target[] = [
  parser('map-answer', mapAnswers, (b) => parseMapAnswer(b, 4_242, new Uint8Array(12)) ?? null),
  parser(
    'search answer',
    texts(searchAnswer(`http://${gateway}:5000/rootDesc.xml`), searchAnswer(`http://${gateway}/a?b=c`)),
    (b) => {
      const place = parseSearchAnswer(b, gateway);
      return place ? checked(place) : null;
    },
  ),
  parser(
    'router description',
    texts(
      description(['WANIPConnection:2', '/ctl/IPConn'], ['WANPPPConnection:1', 'ppp?a=b']),
      description(['WANIPConnection:1', `http://${gateway}:49152/ctl`]).replace(
        '<device>',
        `<!-- x --><URLBase>http://${gateway}:80/</URLBase><device><![CDATA[<a>]]>`,
      ),
    ),
    (b) => {
      const points: ControlPoint[] =
        parseDescription(b, gateway, { port: 5_000, path: '/rootDesc.xml' }) ?? [];
      for (const point of points) {
        if (!/^urn:schemas-upnp-org:service:WAN(IP|PPP)Connection:[12]$/.test(checked(point).service))
          throw new Error(`service ${point.service}`);
      }
      if (points.length > 4) throw new Error(`${points.length} services`);
      return points;
    },
  ),
  parser(
    'router outcome',
    texts(outcome('AddPortMapping'), outcome('GetExternalIPAddress', '203.0.113.9'), fault(718)),
    (b) => [parseActionAnswer(b, 'AddPortMapping'), parseActionAnswer(b, 'GetExternalIPAddress')],
  ),
];

/** Which protocols the default gateway knows by which it opens ports. Asks, and has nothing opened. */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import type { Random } from '../lib/env.js';
import { encodePcpMap, encodePmpAddress, pcpNonceLength, portMapPort } from '../wire/port-mapping.js';

export const portMappingKinds = ['pcp', 'nat-pmp', 'upnp', 'none'] as const;

export interface PortMappingFinding {
  /** The first that answers, of the three. */
  readonly kind: (typeof portMappingKinds)[number];
  /** The router's outer address, as it tells by NAT-PMP. */
  readonly external: string | null;
}

const waitMs = 900;
const ssdp = { host: '239.255.255.250', port: 1900 } as const;
/** UPnP Device Architecture 1.1, 1.3.2. */
const search = [
  'M-SEARCH * HTTP/1.1',
  `HOST: ${ssdp.host}:${ssdp.port}`,
  'MAN: "ssdp:discover"',
  'MX: 1',
  'ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  '\r\n',
].join('\r\n');

/** Gateway of the IPv4 default route (proc(5), /proc/net/route: an address as a number of the machine). */
export function defaultGateway(routes: string): string | undefined {
  for (const line of routes.split('\n').slice(1)) {
    const [, destination, gateway] = line.split('\t');
    if (destination !== '00000000' || gateway === undefined || gateway === '00000000') continue;
    return Buffer.from(gateway, 'hex').reverse().join('.');
  }
  return undefined;
}

export async function probeRouter(random: Random): Promise<PortMappingFinding> {
  let gateway: string | undefined;
  try {
    gateway = defaultGateway(readFileSync('/proc/net/route', 'utf8'));
  } catch {
    // Not Linux.
  }
  if (gateway === undefined) return { kind: 'none', external: null };
  const nonce = random.fill(new Uint8Array(pcpNonceLength));
  const [pcp, pmp, upnp] = await Promise.all([
    // A mapping of no lifetime: it ends one that there is not.
    ask(gateway, portMapPort, (own) =>
      encodePcpMap({
        own: { host: own, port: 9 },
        wanted: { host: '0.0.0.0', port: 0 },
        lifetimeS: 0,
        nonce,
      }),
    ),
    ask(gateway, portMapPort, encodePmpAddress),
    ask(ssdp.host, ssdp.port, () => Buffer.from(search)),
  ]);
  const external = pmp && pmp.length >= 12 && pmp[0] === 0 && pmp[1] === 128 ? externalOf(pmp) : undefined;
  // A router of NAT-PMP alone answers that it does not know version 2.
  if (pcp && pcp[0] === 2 && pcp[1] === 0x81) return { kind: 'pcp', external: external ?? null };
  if (external !== undefined) return { kind: 'nat-pmp', external };
  if (upnp && /^HTTP\/1\.1 200[^]*InternetGatewayDevice/i.test(Buffer.from(upnp).toString('latin1')))
    return { kind: 'upnp', external: null };
  return { kind: 'none', external: null };
}

function externalOf(answer: Uint8Array): string | undefined {
  const result = ((answer[2] as number) << 8) | (answer[3] as number);
  return result === 0 ? answer.subarray(8, 12).join('.') : undefined;
}

/** The first answer; undefined when there is none in time. */
function ask(
  host: string,
  port: number,
  question: (ownAddress: string) => Uint8Array,
): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    let over = false;
    const done = (answer: Uint8Array | undefined): void => {
      over = true;
      clearTimeout(timer);
      clearInterval(again);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(done, waitMs, undefined);
    let again: NodeJS.Timeout | undefined;
    socket.on('error', () => undefined);
    socket.on('message', done);
    // Connected once, to learn the address by which the gateway sees us; answers to a group come from elsewhere.
    const way = createSocket('udp4');
    way.on('error', () => {
      way.close();
    });
    way.connect(port, host, () => {
      const own = way.address().address;
      way.close();
      if (over) return;
      const send = (): void => {
        socket.send(question(own), port, host, () => undefined);
      };
      send();
      again = setInterval(send, waitMs / 3);
    });
  });
}

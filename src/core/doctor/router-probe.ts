/** Which protocols the default gateway knows by which it opens ports. Asks, and has nothing opened. */
import { createSocket } from 'node:dgram';
import { silentLogger, type Random } from '../lib/env.js';
import { IgdSocket } from '../node/igd-socket.js';
import { IgdSearch } from '../surroundings/igd-search.js';
import { isPrivateHost } from '../surroundings/local-ranges.js';
import { pass, type Check } from './check.js';
import { machineWays } from '../tap/machine-ways.js';
import {
  encodePcpMap,
  encodePmpAddress,
  mappingProtocols,
  pcpNonceLength,
  portMapPort,
} from '../wire/port-mapping.js';

export const portMappingKinds = [...mappingProtocols, 'none'] as const;

export interface PortMappingFinding {
  /** The first that answers, of the three. */
  readonly kind: (typeof portMappingKinds)[number];
  /** The router's outer address, as it tells by NAT-PMP or UPnP. */
  readonly external: string | null;
}

const waitMs = 900;
/** How often a search is looked after, ms. */
const beatMs = 50;

export async function probeRouter(random: Random): Promise<PortMappingFinding> {
  // As a node finds it: where routes lead through a member, by the way that the machine had before.
  const way = machineWays('', []).v4;
  const gateway = way?.gateway === '' ? undefined : way?.gateway;
  // Not every route names the address that packets by it have.
  const source = gateway === undefined ? undefined : way?.source || (await ownAddressTo(gateway));
  // Without a NAT there is nothing to open, and no node asks.
  if (gateway === undefined || source === undefined || !isPrivateHost(source))
    return { kind: 'none', external: null };
  const nonce = random.fill(new Uint8Array(pcpNonceLength));
  const [pcp, pmp, upnp] = await Promise.all([
    // A mapping of no lifetime: it ends one that there is not.
    ask(
      gateway,
      encodePcpMap({
        own: { host: source, port: 9 },
        wanted: { host: '0.0.0.0', port: 0 },
        lifetimeS: 0,
        nonce,
      }),
    ),
    ask(gateway, encodePmpAddress()),
    searchIgd(gateway, source),
  ]);
  const external = pmp && pmp.length >= 12 && pmp[0] === 0 && pmp[1] === 128 ? externalOf(pmp) : undefined;
  // A router of NAT-PMP alone answers that it does not know version 2.
  if (pcp && pcp[0] === 2 && pcp[1] === 0x81) return { kind: 'pcp', external: external ?? null };
  if (external !== undefined) return { kind: 'nat-pmp', external };
  if (upnp !== undefined) return { kind: 'upnp', external: upnp };
  return { kind: 'none', external: null };
}

/**
 * No fault where it opens none: most pairs do without.
 *
 * @param outside addresses of this machine as relays see them
 */
export function routerCheck({ kind, external }: PortMappingFinding, outside: readonly string[]): Check {
  if (kind === 'none') return pass('router', 'opens no port when it is asked (PCP, NAT-PMP, UPnP)');
  const opens = `opens ports by ${kind}`;
  if (external === null) return pass('router', opens);
  const seen = outside.find((address) => !address.includes(':'));
  return pass(
    'router',
    seen === undefined || outside.includes(external)
      ? `${opens}, its address outside is ${external}`
      : `${opens}, but its address outside is ${external}, and relays see ${seen}: where another NAT is before it, its ports lead in from no further`,
  );
}

/** The outer address of a router that opens ports by UPnP. */
async function searchIgd(gateway: string, source: string): Promise<string | undefined> {
  const now = (): number => performance.now();
  let beat: NodeJS.Timeout | undefined;
  const external = await new Promise<string | undefined>((resolve) => {
    const socket = new IgdSocket(
      gateway,
      source,
      (news) => {
        if (news.kind === 'device') search.heard(news.bytes);
        else if (news.kind === 'http') search.answered(now(), news.answer);
      },
      silentLogger,
    );
    const end = (host: string | undefined): void => {
      void socket.close();
      resolve(host);
    };
    const search = new IgdSearch({
      search: (question) => {
        socket.search(question);
      },
      request: (request) => {
        socket.request(request);
      },
      found: (_now, _point, host) => {
        end(host);
      },
      nothing: () => {
        end(undefined);
      },
    });
    search.begin(now(), gateway);
    beat = setInterval(() => {
      search.tick(now());
    }, beatMs);
  });
  clearInterval(beat);
  return external;
}

/** The address by which `host` sees this machine. */
function ownAddressTo(host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const way = createSocket('udp4');
    way.on('error', () => {
      way.close();
      resolve(undefined);
    });
    way.connect(portMapPort, host, () => {
      resolve(way.address().address);
      way.close();
    });
  });
}

function externalOf(answer: Uint8Array): string | undefined {
  const result = ((answer[2] as number) << 8) | (answer[3] as number);
  return result === 0 ? answer.subarray(8, 12).join('.') : undefined;
}

/** The gateway's first answer by PCP or NAT-PMP; undefined when there is none in time. */
function ask(gateway: string, question: Uint8Array): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const done = (answer: Uint8Array | undefined): void => {
      clearTimeout(timer);
      clearInterval(again);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(done, waitMs, undefined);
    const send = (): void => {
      socket.send(question, portMapPort, gateway, () => undefined);
    };
    const again = setInterval(send, waitMs / 3);
    socket.on('error', () => undefined);
    socket.on('message', (bytes, from) => {
      if (from.address === gateway) done(bytes);
    });
    send();
  });
}

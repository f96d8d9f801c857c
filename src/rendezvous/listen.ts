/** Where a relay listens: its address, and TCP and UDP ports of one number. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { formatEndpoint, parseHostPort, type Endpoint } from '../core/lib/endpoint.js';
import { EvioError, messageOf } from '../core/lib/errors.js';
import { listenError } from '../core/lib/listen-error.js';
import type { Forwarder } from './forward/forwarder.js';
import type { HttpDoor } from './http-door.js';

/** How often another ephemeral port is tried when TCP got one that UDP cannot have. */
const portAttempts = 20;

/** The address that `HOST:PORT` means. Throws EvioError EVIO_BAD_VALUE. */
export async function listenAddress(listen: string): Promise<Endpoint> {
  const parsed = parseHostPort(listen);
  if (!parsed) {
    throw new EvioError('EVIO_BAD_VALUE', `"${listen}" is no address to listen on: expected HOST:PORT.`, [
      'For example: --listen 0.0.0.0:3478, or --listen [::]:3478 for IPv6 and IPv4',
    ]);
  }
  if (isIP(parsed.host) !== 0) return parsed;
  try {
    return { host: (await lookup(parsed.host)).address, port: parsed.port };
  } catch (thrown) {
    throw new EvioError('EVIO_BAD_VALUE', `The host name in "${listen}" cannot be resolved.`, [], {
      cause: thrown,
    });
  }
}

/** Opens TCP and UDP on the same number. Throws EvioError EVIO_BAD_VALUE, EVIO_ADDRESS_IN_USE, EVIO_NO_PRIVILEGE. */
export async function openPorts(
  wanted: Endpoint,
  makeDoor: () => HttpDoor,
  forwarder: Pick<Forwarder, 'open'>,
): Promise<{ door: HttpDoor; port: number }> {
  for (let attempt = 1; ; attempt++) {
    let door: HttpDoor;
    try {
      door = makeDoor();
    } catch (thrown) {
      throw new EvioError('EVIO_BAD_VALUE', `The TLS files cannot be used: ${messageOf(thrown)}.`, [
        'Check that certificate and key are PEM and belong together.',
      ]);
    }
    try {
      const port = await door.listen(wanted.host, wanted.port);
      await forwarder.open(wanted.host, port);
      return { door, port };
    } catch (thrown) {
      await door.close();
      const taken = (thrown as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!taken || wanted.port !== 0 || attempt >= portAttempts) throw relayListenError(wanted, thrown);
    }
  }
}

/**
 * An address under which others may reach this machine when it listens at `host`: of a wildcard the first that is
 * neither loopback nor link-local.
 */
export function reachableHost(host: string): string {
  if (host !== '0.0.0.0' && host !== '::') return host;
  const all = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => !address.internal && !address.address.startsWith('fe80:'));
  const ipv4 = all.find((address) => address.family === 'IPv4');
  const ipv6 = host === '::' ? all.find((address) => address.family === 'IPv6') : undefined;
  return ipv4?.address ?? ipv6?.address ?? (host === '::' ? '::1' : '127.0.0.1');
}

/** What the operator hears when a relay cannot listen there. */
export function relayListenError(address: Endpoint, thrown: unknown): EvioError {
  return listenError(`${formatEndpoint(address)} (TCP or UDP)`, thrown, {
    taken: ['Perhaps another relay runs here; stop it first.', 'Choose another port: --listen HOST:PORT'],
    forbidden: ['Choose a port above 1023, or run as root.'],
    other: ['Give an address of this machine, or 0.0.0.0 for all: --listen 0.0.0.0:3478'],
  });
}

/**
 * Does this network want a login first, as those of hotels and trains do? Such a portal answers for every machine what is asked by
 * plain HTTP. The machine of a relay that is not reached is asked for a page that nobody has, and nobody else is.
 */
import { request } from 'node:http';
import type { Random } from '../lib/env.js';
import { toBase64Url } from '../lib/bytes.js';
import { printable } from '../lib/printable.js';
import { bracketed } from '../lib/endpoint.js';
import { warn, type Check } from './check.js';
import type { RelayFinding } from './relay-probe.js';

const timeoutMs = 3000;
const httpPort = 80;
const nameLength = 12;
/** RFC 6585: Network Authentication Required. */
const loginWanted = 511;

/** Where a portal sends who asks for `host`, or `http://HOST/` where it answers itself; undefined: there is no sign of one. */
export function probePortal(host: string, random: Random, port = httpPort): Promise<string | undefined> {
  return new Promise((resolve) => {
    const path = `/${toBase64Url(random.fill(new Uint8Array(nameLength)))}`;
    const call = request({ host, port, path, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      response.resume();
      resolve(portalIn(host, response.statusCode ?? 0, response.headers.location));
      call.destroy();
    });
    call.on('error', () => {
      resolve(undefined);
    });
    call.end();
  });
}

/** What the answer to a question for a page that nobody has says of who gave it. */
export function portalIn(host: string, status: number, location: string | undefined): string | undefined {
  const here = `http://${bracketed(host)}/`;
  if (status === loginWanted || status === 200) return here;
  if (status < 300 || status > 399 || location === undefined || !URL.canParse(location, here))
    return undefined;
  const { href, hostname, protocol } = new URL(location, here);
  // Many servers send everybody to themselves, with TLS.
  const elsewhere = hostname !== new URL(here).hostname && /^https?:$/.test(protocol);
  return elsewhere ? href : undefined;
}

/** The first sign of a portal among relays that are not reached; none is looked for while some relay is. */
export async function findPortal(
  findings: readonly RelayFinding[],
  random: Random,
): Promise<string | undefined> {
  const silent = findings.filter(({ addresses }) => addresses.length > 0);
  if (findings.some(({ health }) => health !== undefined)) return undefined;
  const pages = await Promise.all(silent.map(({ host }) => probePortal(host, random)));
  return pages.find((page) => page !== undefined);
}

export function portalCheck(page: string): Check {
  return warn(
    'portal',
    `who asks the relay's machine for a page is answered by ${printable(page)}: that may be the login page of this network.`,
    'If it is, log in there with a browser. A node goes on by itself then.',
  );
}

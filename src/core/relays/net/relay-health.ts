/** What a relay says of itself to whoever asks by HTTP: GET /healthz. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { TLSSocket } from 'node:tls';
import { z } from 'zod';
import { parseJson } from '../../lib/json.js';
import { relayConnection, type RelayRoute } from './dial.js';
import { NoRelay } from './relay-fault.js';
import { systemNames } from './relay-names.js';
import { relayOrigin, type RelayAddress } from './relay-url.js';

const bodyLimit = 16 * 1024;

export interface HealthAnswer {
  readonly body: string;
  /** As the header has it. */
  readonly date: string | undefined;
  /** From the request to the headers, the connection included, ms. */
  readonly rttMs: number;
  /** Of TLS: why its certificate is none that this machine takes; undefined: it does. */
  readonly distrust: string | undefined;
}

/** True for the answer of a relay; who answers in its place says something else. */
export function saysHealthy(body: string): boolean {
  return z.object({ status: z.literal('ok') }).safeParse(parseJson(body)).success;
}

/** The route is that of the machine unless it is given. */
export interface HealthOptions extends Partial<Pick<RelayRoute, 'pins' | 'names' | 'proxy'>> {
  readonly timeoutMs: number;
  /** Takes any and tells of it, for nothing secret is said. */
  readonly anyCertificate?: boolean;
}

/**
 * @throws NoRelay, and what the connection failed by (`relayFault` has words for it)
 */
export function askHealth(
  address: RelayAddress,
  { timeoutMs, anyCertificate = false, ...route }: HealthOptions,
): Promise<HealthAnswer> {
  return new Promise((resolve, reject) => {
    const sentAt = performance.now();
    const until = AbortSignal.timeout(timeoutMs);
    const call = (address.tls ? httpsRequest : httpRequest)(
      `${relayOrigin(address, 'http')}/healthz`,
      {
        createConnection: relayConnection({ names: systemNames, ...route, until }, address.tls),
        signal: until,
        rejectUnauthorized: !anyCertificate,
      },
      (response) => {
        if (response.statusCode !== 200) {
          call.destroy(new NoRelay(` (HTTP ${response.statusCode})`));
          return;
        }
        const { socket } = response;
        const distrust =
          socket instanceof TLSSocket && !socket.authorized ? String(socket.authorizationError) : undefined;
        const rttMs = performance.now() - sentAt;
        const parts: Buffer[] = [];
        let length = 0;
        response.on('data', (part: Buffer) => {
          length += part.length;
          if (length > bodyLimit) call.destroy(new NoRelay());
          else parts.push(part);
        });
        response.on('end', () => {
          resolve({ body: Buffer.concat(parts).toString(), date: response.headers.date, rttMs, distrust });
        });
        response.on('error', reject);
      },
    );
    call.on('error', reject);
    call.end();
  });
}

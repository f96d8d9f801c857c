/** What a relay says of itself to whoever asks by HTTP: GET /healthz. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { TLSSocket } from 'node:tls';
import { relayConnection } from './dial.js';
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

/**
 * @param options `anyCertificate`: takes any and tells of it, for nothing secret is said
 * @throws NoRelay, and what the connection failed by (`relayFault` has words for it)
 */
export function askHealth(
  address: RelayAddress,
  options: { readonly timeoutMs: number; readonly anyCertificate?: boolean },
): Promise<HealthAnswer> {
  return new Promise((resolve, reject) => {
    const sentAt = performance.now();
    const until = AbortSignal.timeout(options.timeoutMs);
    const call = (address.tls ? httpsRequest : httpRequest)(
      `${relayOrigin(address, 'http')}/healthz`,
      {
        createConnection: relayConnection({ names: systemNames, until }, address.tls),
        signal: until,
        rejectUnauthorized: options.anyCertificate !== true,
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

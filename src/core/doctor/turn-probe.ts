/** Asks a TURN server for an address, as a call does, and gives it back. */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Random } from '../lib/env.js';
import type { Endpoint } from '../lib/endpoint.js';
import { transactionIdLength, transactionKey } from '../wire/stun.js';
import { encodeAllocate, encodeRelease, parseAllocateAnswer, type TurnIdentity } from '../wire/turn.js';
import { exchange } from './exchange.js';

/** Refusals that name a nonce to ask with: no identity was said, or the nonce was old (RFC 8489 section 9.2.4). */
const unauthenticated = 401;
const staleNonce = 438;

export interface TurnFinding {
  /** 0: it gave an address; else the code by which it refuses. */
  readonly code: number;
  readonly rttMs: number;
}

/** Undefined where it does not answer, or this machine cannot ask. */
export async function askTurn(
  server: Endpoint,
  who: Pick<TurnIdentity, 'user' | 'password'>,
  random: Random,
): Promise<TurnFinding | undefined> {
  const socket = createSocket(isIPv6(server.host) ? 'udp6' : 'udp4');
  socket.on('error', () => undefined);
  const newId = (): Uint8Array => random.fill(new Uint8Array(transactionIdLength));
  try {
    let identity: TurnIdentity | undefined;
    let rttMs: number | undefined;
    // Once without an identity, once with it, once more where the nonce was old already.
    for (let turn = 0; ; turn++) {
      const id = newId();
      const sentAt = performance.now();
      const key = transactionKey(id);
      const found = await exchange(socket, server, encodeAllocate(id, identity), (message) => {
        const said = parseAllocateAnswer(message);
        return said && transactionKey(said.transactionId) === key ? said : undefined;
      });
      if (!found) return undefined;
      rttMs ??= performance.now() - sentAt;
      const { answer } = found;
      const { code } = answer;
      if (code === 0) {
        await send(socket, server, encodeRelease(newId(), identity));
        return { code, rttMs };
      }
      const again = code === (identity ? staleNonce : unauthenticated);
      if (!again || turn === 2 || !('nonce' in answer) || answer.nonce.length === 0) return { code, rttMs };
      identity = { ...who, realm: answer.realm, nonce: answer.nonce };
    }
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

/** An unreachable network shows as no answer. */
function send(socket: Socket, server: Endpoint, message: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    socket.send(message, server.port, server.host, () => {
      resolve();
    });
  });
}

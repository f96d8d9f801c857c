/** TCP connections through an HTTP proxy (CONNECT, RFC 9110 9.3.6): for relays, where nothing else gets out of a site. */
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { EvioError } from '../../lib/errors.js';
import { describeProxy, type ProxyChoice, type ProxyServer } from '../../lib/proxy-url.js';
import { formatEndpoint } from '../../lib/endpoint.js';

/** What a proxy says before the connection stands, bytes; and how long it may take, ms. */
const longestAnswer = 16 * 1024;
const answerMs = 8_000;
/** It is given so long to be there at all, ms. */
const thereMs = 3_000;

export type Dial = (host: string, port: number, until: AbortSignal) => Promise<Socket>;

/**
 * Connects by the proxy; where that fails, and nobody asked for it, without.
 *
 * @param dial how proxy and relay are reached
 * @returns the connection, and whether the address that it has is the proxy's
 */
export async function dialThrough(
  { proxy, asked }: ProxyChoice,
  dial: Dial,
  host: string,
  port: number,
  until: AbortSignal,
): Promise<{ readonly socket: Socket; readonly byProxy: boolean }> {
  try {
    return { socket: await connectBy(proxy, dial, host, port, until), byProxy: true };
  } catch (thrown) {
    if (asked) throw thrown;
    return { socket: await dial(host, port, until), byProxy: false };
  }
}

async function connectBy(
  proxy: ProxyServer,
  dial: Dial,
  host: string,
  port: number,
  until: AbortSignal,
): Promise<Socket> {
  const name = describeProxy(proxy);
  let tcp: Socket;
  try {
    tcp = await dial(proxy.host, proxy.port, AbortSignal.any([until, AbortSignal.timeout(thereMs)]));
  } catch (thrown) {
    throw proxyError(`the proxy ${name} does not answer`, thrown);
  }
  const socket = proxy.tls ? connectTls({ socket: tcp, servername: proxy.host }) : tcp;
  const target = formatEndpoint({ host, port });
  const credentials =
    proxy.credentials === undefined
      ? ''
      : `Proxy-Authorization: Basic ${Buffer.from(proxy.credentials).toString('base64')}\r\n`;
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    const settle = (): void => {
      clearTimeout(timer);
      socket.off('readable', read).off('error', fail).off('close', closed);
    };
    const fail = (thrown: unknown): void => {
      settle();
      socket.destroy();
      reject(thrown instanceof EvioError ? thrown : proxyError(`the proxy ${name} hangs up`, thrown));
    };
    const closed = (): void => {
      fail(undefined);
    };
    const read = (): void => {
      answer = Buffer.concat([answer, (socket.read() as Buffer | null) ?? Buffer.alloc(0)]);
      const end = answer.indexOf('\r\n\r\n');
      if (end < 0) {
        if (answer.length > longestAnswer) fail(proxyError(`${name} is no HTTP proxy`));
        return;
      }
      const status = /^HTTP\/1\.[01] (\d{3})/.exec(answer.subarray(0, 32).toString('latin1'))?.[1];
      if (status === undefined || !status.startsWith('2')) {
        fail(proxyError(refusalOf(name, status, port)));
        return;
      }
      settle();
      // Read so, and not by events of data, it waits until the next reader comes.
      const rest = answer.subarray(end + 4);
      if (rest.length > 0) socket.unshift(rest);
      resolve(socket);
    };
    const timer = setTimeout(() => {
      fail(proxyError(`the proxy ${name} does not connect within ${answerMs / 1000} s`));
    }, answerMs);
    socket.on('readable', read).on('error', fail).on('close', closed);
    socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${credentials}\r\n`);
  });
}

function refusalOf(name: string, status: string | undefined, port: number): string {
  if (status === undefined) return `${name} is no HTTP proxy`;
  if (status === '407') return `the proxy ${name} wants another user and password (HTTP 407)`;
  if (status === '403') return `the proxy ${name} does not let out to port ${port} (HTTP 403)`;
  return `the proxy ${name} cannot reach it (HTTP ${status})`;
}

function proxyError(why: string, cause?: unknown): EvioError {
  return new EvioError('EVIO_RELAY_UNREACHABLE', why, [], cause === undefined ? undefined : { cause });
}

/** Proxies as they are named, and connections through them: real sockets on the loopback interface. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { describeProxy, parseProxy, proxyFor, type ProxyServer } from '../../../src/core/lib/proxy-url.js';
import { dialRelay } from '../../../src/core/relays/net/dial.js';
import { dialThrough, type Dial } from '../../../src/core/relays/net/proxied-dial.js';
import { resolverPatienceMs, systemNames, type Names } from '../../../src/core/relays/net/relay-names.js';

describe('proxies of profile and environment', () => {
  it.each([
    ['http://p.example:3128', { tls: false, host: 'p.example', port: 3128, credentials: undefined }],
    ['p.example:3128', { tls: false, host: 'p.example', port: 3128, credentials: undefined }],
    ['https://u:p%40@p.example', { tls: true, host: 'p.example', port: 443, credentials: 'u:p@' }],
    ['http://[2001:db8::1]:80', { tls: false, host: '2001:db8::1', port: 80, credentials: undefined }],
  ])('%s', (text, proxy) => {
    expect(parseProxy(text)).toEqual(proxy);
  });

  it.each(['socks5://p', 'http://', 'http://u:secret%ZZ@p', 'http://a b'])('%s is none', (text) => {
    expect(typeof parseProxy(text)).toBe('string');
    expect(parseProxy(text)).not.toContain('secret');
  });

  it('are shown without user and password', () => {
    expect(describeProxy(parseProxy('http://u:secret@p:1') as ProxyServer)).toBe('http://p:1');
  });

  const env = { HTTPS_PROXY: 'http://p:1', no_proxy: 'localhost, .corp.example,10.1.2.3:443' };
  it.each([
    ['what the environment says', undefined, 'relay.example', 443, 'http://p:1 unasked'],
    ['its exception below a domain', undefined, 'r.corp.example', 443, 'none'],
    ['its exception with a port', undefined, '10.1.2.3', 443, 'none'],
    ['another port than the exception', undefined, '10.1.2.3', 3478, 'http://p:1 unasked'],
    ['a name that only ends like the exception', undefined, 'evilcorp.example', 443, 'http://p:1 unasked'],
    ['none', 'none', 'relay.example', 443, 'none'],
    ['the operator above all', 'http://q:2', 'r.corp.example', 443, 'http://q:2 asked'],
  ])('%s', (_name, wish, host, port, expected) => {
    const choice = proxyFor(wish, host, port, env);
    const seen = choice ? `${describeProxy(choice.proxy)} ${choice.asked ? 'asked' : 'unasked'}` : 'none';
    expect(seen).toBe(expected);
  });
});

describe('a connection through a proxy', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  async function serve(each: (socket: Socket) => void): Promise<number> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      each(socket);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  const dial: Dial = (host, port, until) => dialRelay({ names: systemNames, until }, host, port);
  const through = (port: number, asked = true): ReturnType<typeof dialThrough> =>
    dialThrough(
      { proxy: { tls: false, host: '127.0.0.1', port, credentials: 'u:secret' }, asked },
      dial,
      '127.0.0.1',
      relayPort,
      AbortSignal.timeout(10_000),
    );
  let relayPort = 1;

  it('asks with user and password, and loses nothing that follows the answer at once', async () => {
    let asked = '';
    const port = await serve((socket) => {
      socket.on('data', (bytes: Buffer) => {
        asked += bytes.toString();
        if (asked.endsWith('\r\n\r\n'))
          socket.write('HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nhello');
      });
    });
    const { socket, byProxy } = await through(port);
    const first = await new Promise<string>((resolve) => {
      socket.once('data', (bytes: Buffer) => {
        resolve(bytes.toString());
      });
    });
    socket.destroy();
    expect([first, byProxy]).toEqual(['hello', true]);
    expect(asked).toContain('CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n');
    expect(asked).toContain(`Proxy-Authorization: Basic ${Buffer.from('u:secret').toString('base64')}`);
  });

  it.each([
    ['HTTP/1.1 407 no\r\n\r\n', 'another user and password'],
    ['HTTP/1.1 403 no\r\n\r\n', 'does not let out to port 1'],
    ['HTTP/1.1 502 no\r\n\r\n', 'HTTP 502'],
    ['SSH-2.0-x\r\n\r\n', 'no HTTP proxy'],
    ['x'.repeat(20_000), 'no HTTP proxy'],
  ])('%# is refused in words without the password', async (answer, word) => {
    const port = await serve((socket) => socket.write(answer));
    const error = await through(port).catch((thrown: unknown) => thrown as Error);
    expect((error as Error).message).toContain(word);
    expect((error as Error).message).not.toContain('secret');
  });

  it('goes without a proxy that nobody asked for where that refuses', async () => {
    relayPort = await serve((socket) => socket.write('relay'));
    const port = await serve((socket) => socket.end('HTTP/1.1 403 no\r\n\r\n'));
    const { socket, byProxy } = await through(port, false);
    socket.destroy();
    expect(byProxy).toBe(false);
  });

  describe('to a relay whose own address is asked for meanwhile', () => {
    const connected = (then: (socket: Socket) => void): Promise<number> =>
      serve((socket) =>
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\n\r\n');
          then(socket);
        }),
      );
    /** By the proxy at this port; the relay's name is answered after so long. */
    const dialNamed = (
      port: number,
      namedMs: number,
      proxied: (own: string | undefined) => void = () => undefined,
    ): Promise<Socket> => {
      const names: Names = {
        addresses: async (host) => {
          const known = { address: host, family: 4 };
          if (host === '127.0.0.1') return [known];
          await new Promise((resolve) => setTimeout(resolve, namedMs));
          return [{ ...known, address: '192.0.2.7' }];
        },
      };
      const proxy = { tls: false, host: '127.0.0.1', port, credentials: undefined };
      const until = AbortSignal.timeout(10_000);
      return dialRelay({ names, proxy: { proxy, asked: true }, proxied, until }, 'relay.example', 3478);
    };

    it('fails when it is cut', async () => {
      const port = await connected((socket) => setTimeout(() => socket.resetAndDestroy(), 30));
      await expect(dialNamed(port, 300)).rejects.toMatchObject({ code: 'ECONNRESET' });
    });

    it('waits as long as a name that is known from before takes', async () => {
      const port = await connected(() => undefined);
      let own: string | undefined;
      const socket = await dialNamed(port, resolverPatienceMs + 20, (address) => (own = address));
      expect(own).toBe('192.0.2.7');
      socket.destroy();
    });
  });
});

import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { portalIn, probePortal } from '../../../src/core/doctor/portal-probe.js';
import { systemRandom } from '../../../src/core/lib/env.js';

describe('portalIn', () => {
  it.each([
    ['another host', 302, 'http://portal.example/login?to=x', 'http://portal.example/login?to=x'],
    ['a page where there is none', 200, undefined, 'http://relay.example/'],
    ['RFC 6585', 511, undefined, 'http://relay.example/'],
    ['itself, with TLS', 301, 'https://relay.example/', undefined],
    ['a path of its own', 302, '/login', undefined],
    ['no such page', 404, undefined, undefined],
    ['something else than a page', 302, 'javascript:alert(1)', undefined],
    ['no address', 302, 'http://[', undefined],
    ['nowhere', 302, undefined, undefined],
  ])('%s', (_what, status, location, page) => {
    expect(portalIn('relay.example', status, location)).toBe(page);
  });

  it('takes an IPv6 address as a host', () => {
    expect(portalIn('2001:db8::1', 200, undefined)).toBe('http://[2001:db8::1]/');
    expect(portalIn('2001:db8::1', 301, 'https://[2001:db8::1]/')).toBeUndefined();
  });
});

describe('probePortal', () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });
  const serve = (answer: RequestListener): Promise<number> => {
    const server = createServer(answer);
    closers.push(() => server.close());
    return new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        resolve((server.address() as AddressInfo).port);
      });
    });
  };

  it('asks for a page that nobody has', async () => {
    const asked: string[] = [];
    const port = await serve((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(302, { location: 'http://portal.example/' }).end();
    });
    for (let i = 0; i < 2; i++)
      expect(await probePortal('127.0.0.1', systemRandom, port)).toBe('http://portal.example/');
    expect(new Set(asked).size).toBe(2);
  });

  it('sees none where nobody answers', async () => {
    const port = await serve(() => undefined);
    closers.splice(0)[0]?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await probePortal('127.0.0.1', systemRandom, port)).toBeUndefined();
  });
});

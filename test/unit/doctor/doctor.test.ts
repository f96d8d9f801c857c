import { execFileSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { verdictOf } from '../../../src/core/doctor/check.js';
import { checkIceServers } from '../../../src/core/doctor/ice-probe.js';
import { ByteWriter, utf8 } from '../../../src/core/lib/bytes.js';
import type { IceServer } from '../../../src/core/membership/ice-server.js';
import { encodeAllocate } from '../../../src/core/wire/turn.js';
import { leftNames } from '../../../src/core/doctor/left-names.js';
import { withBlock } from '../../../src/core/names/hosts-text.js';
import { checkNode, checkPlatform, checkRange, checkUdp } from '../../../src/core/doctor/machine.js';
import { clockCheck, parseHealth, probeRelay, relayTarget } from '../../../src/core/doctor/relay-probe.js';
import { routerCheck } from '../../../src/core/doctor/router-probe.js';
import { StunProbe } from '../../../src/core/doctor/stun-probe.js';
import { generateKeys } from '../../../src/core/identity/keys.js';
import { toBase64Url } from '../../../src/core/lib/bytes.js';
import { systemRandom } from '../../../src/core/lib/env.js';
import { answerBinding, finish, StunAttribute, writeAttribute } from '../../../src/core/wire/stun.js';
import { Kit } from '../rendezvous/relay-kit.js';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

describe('machine', () => {
  it.each([
    ['20.19.0', 'pass'],
    ['22.1.0', 'pass'],
    ['20.18.3', 'fail'],
    ['18.20.0', 'fail'],
  ])('Node %s: %s', (version, status) => {
    expect(checkNode(version).status).toBe(status);
  });

  it('knows the platforms', () => {
    expect(checkPlatform('linux', 'x64').status).toBe('pass');
    expect(checkPlatform('linux', 'riscv64').status).toBe('warn');
    expect(checkPlatform('darwin', 'arm64')).toMatchObject({
      status: 'fail',
      fix: expect.any(String) as string,
    });
  });

  it('opens UDP sockets', async () => {
    expect((await checkUdp()).status).not.toBe('fail');
  });

  it.each([
    ['address', 'fail'],
    ['route', 'warn'],
  ] as const)('finds an %s of the machine in the range of a network: %s', (kind, status) => {
    const cidr = { base: 0x0a90_0000, prefix: 16 };
    const range = { id: 'x', name: 'home', cidr, allowed: [], ip: 0x0a90_0005 };
    const local = [{ device: 'eth7', kind, cidr: { base: 0x0a90_0301, prefix: 32 } }];
    expect(checkRange(range, [])).toMatchObject({ id: 'range:home', status: 'pass' });
    const found = checkRange(range, local);
    expect(found.status).toBe(status);
    expect(found.detail).toContain('eth7');
    expect(checkRange({ ...range, allowed: [cidr] }, local).status).toBe('pass');
    const network = (base: number) => ({
      device: 'evio3',
      kind: 'address' as const,
      cidr: { base, prefix: 32 },
    });
    expect(checkRange(range, [], [network(range.ip)]).status).toBe('pass');
    expect(checkRange(range, [], [network(range.ip), network(range.ip + 1)])).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('evio3') as string,
    });
  });
});

describe('names in the hosts file', () => {
  const lines = [{ address: '10.144.0.2', name: 'web.home.evio' }];
  const hosts = withBlock('127.0.0.1\tlocalhost\n', 'c0'.repeat(16), 'home.evio', 4242, lines);

  it('are told of where the node that wrote them is gone', () => {
    expect(leftNames(hosts, () => true)).toEqual([]);
    expect(leftNames('127.0.0.1\tlocalhost\n', () => false)).toEqual([]);
    expect(leftNames(hosts, (pid) => pid !== 4242)).toMatchObject([
      { id: 'names', status: 'warn', fix: expect.stringContaining('evio down --tidy') as string },
    ]);
  });
});

describe('verdictOf', () => {
  it('is the worst', () => {
    const check = (status: 'pass' | 'warn' | 'fail') => ({ id: 'x', status, detail: 'd', fix: null });
    expect(verdictOf([])).toBe('pass');
    expect(verdictOf([check('pass'), check('warn')])).toBe('warn');
    expect(verdictOf([check('fail'), check('warn')])).toBe('fail');
  });
});

describe('clockCheck', () => {
  it.each([
    [0, 'pass'],
    [59_000, 'pass'],
    [-61_000, 'warn'],
    [599_000, 'warn'],
    [-601_000, 'warn'],
    [601_000, 'fail'],
  ])('%d ms: %s', (ahead, status) => {
    expect(clockCheck('clock', ahead).status).toBe(status);
  });

  it.each([
    [-61_000, '1m 1s behind'],
    [3_000_000, '50m 0s ahead'],
    [-94_607_999_000, "1094d 23h behind the relay's: evio goes by the date of its relays"],
    [86_400_000, "1d 0h ahead of the relay's: tokens are taken for expired"],
  ])('%d ms in words', (ahead, words) => {
    expect(clockCheck('clock', ahead).detail).toContain(words);
  });
});

describe('parseHealth', () => {
  const whole = { status: 'ok', closed: true, udpPort: 3478, alternatePort: 3479 };
  it('reads a relay, and only a relay', () => {
    expect(parseHealth(JSON.stringify(whole), 'Sun, 22 Nov 2026 13:00:00 GMT', 3)).toEqual({
      udpPort: 3478,
      alternatePort: 3479,
      dateMs: Date.UTC(2026, 10, 22, 13),
      rttMs: 3,
    });
    expect(parseHealth(JSON.stringify({ ...whole, alternatePort: null }), undefined, 3)).toMatchObject({
      alternatePort: null,
      dateMs: undefined,
    });
    for (const bad of [
      '',
      '<html>',
      'null',
      '[]',
      '{}',
      JSON.stringify({ ...whole, udpPort: 0 }),
      JSON.stringify({ ...whole, status: 'fine' }),
    ])
      expect(parseHealth(bad, undefined, 3)).toBeUndefined();
  });
});

describe('probeRelay', () => {
  function serve(body: string, dateMs = Date.now()): Promise<number> {
    const server: Server = createServer((_request, response) => {
      response.setHeader('date', new Date(dateMs).toUTCString());
      response.end(body);
    });
    closers.push(() => server.close());
    return new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        resolve((server.address() as AddressInfo).port);
      });
    });
  }
  const key = new Uint8Array(32).fill(1);
  const health = JSON.stringify({ status: 'ok', closed: true, udpPort: 1, alternatePort: null });

  async function statuses(text: string): Promise<Record<string, string>> {
    const { checks } = await probeRelay(relayTarget(text), () => Date.now());
    return Object.fromEntries(checks.map(({ id, status }) => [id.split(':')[0], status] as const)) as Record<
      string,
      string
    >;
  }

  it('passes a relay that proves its key, which a closed one does not tell, and has our clock', async () => {
    const kit = new Kit();
    try {
      const { url } = await kit.closedRelay();
      const good = { dns: 'pass', relay: 'pass', key: 'pass', clock: 'pass' };
      expect(await statuses(url)).toEqual(good);
      const wrong = url.replace(/#.*/, `#${toBase64Url(generateKeys(systemRandom).publicKey)}`);
      expect(await statuses(wrong)).toEqual({ ...good, key: 'fail' });
    } finally {
      await kit.clean();
    }
  });

  it('passes a relay with a certificate of its own making where its key is known, as nodes do', async () => {
    const kit = new Kit();
    try {
      const home = kit.home();
      const [certFile, keyFile] = [join(home, 'cert.pem'), join(home, 'key.pem')];
      execFileSync('openssl', [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
        ...['-subj', '/CN=relay', '-keyout', keyFile, '-out', certFile],
      ]);
      const { url, listen } = await kit.relay({ home, tls: { certFile, keyFile } });
      expect(await statuses(url)).toEqual({ dns: 'pass', relay: 'pass', key: 'pass', clock: 'pass' });
      // Without it, the date tells whether it is this machine's clock that is wrong.
      expect(await statuses(`evios://${listen}`)).toEqual({ dns: 'pass', relay: 'fail', clock: 'pass' });
    } finally {
      await kit.clean();
    }
  });

  it('sees another key, another clock, another program', async () => {
    const old = await serve(health, Date.now() - 700_000);
    expect(await statuses(`evio://127.0.0.1:${old}#${toBase64Url(key)}`)).toMatchObject({
      key: 'fail',
      clock: 'fail',
    });
    const other = await serve('hello');
    expect(await statuses(`127.0.0.1:${other}`)).toEqual({ dns: 'pass', relay: 'fail' });
    const flood = await serve('x'.repeat(100_000));
    expect(await statuses(`127.0.0.1:${flood}`)).toEqual({ dns: 'pass', relay: 'fail' });
  });

  it('sees that a name does not exist', async () => {
    expect(await statuses('relay.invalid:3478')).toEqual({ dns: 'fail' });
  });
});

describe('StunProbe', () => {
  function stunServer(reply: (message: Buffer, count: number) => Uint8Array | undefined): Promise<number> {
    let count = 0;
    const socket: Socket = createSocket('udp4');
    closers.push(() => socket.close());
    socket.on('message', (message, from) => {
      const answer = reply(message, count++);
      if (answer) socket.send(answer, from.port, from.address);
    });
    return new Promise((resolve) => socket.bind(0, '127.0.0.1', () => resolve(socket.address().port)));
  }

  it('learns its address, also when the first request is lost and garbage arrives', async () => {
    const seen = { host: '198.51.100.7', port: 4321 };
    const port = await stunServer((message, count) =>
      count === 0 ? Buffer.from('garbage') : answerBinding(message, seen),
    );
    const probe = await StunProbe.open(4, systemRandom);
    closers.push(() => probe.close());
    expect((await probe.ask({ host: '127.0.0.1', port }))?.mapped).toEqual(seen);
  });

  it('gives up on silence', async () => {
    const port = await stunServer(() => undefined);
    const probe = await StunProbe.open(4, systemRandom);
    closers.push(() => probe.close());
    expect(await probe.ask({ host: '127.0.0.1', port })).toBeUndefined();
  });

  it('tells of a router whose address outside is none that relays see', () => {
    const said = (kind: 'upnp' | 'none', external: string | null, ...outside: string[]): string =>
      routerCheck({ kind, external }, outside).detail;
    expect(said('none', null, '192.0.2.7')).toMatch(/^opens no port/);
    expect(said('upnp', '192.0.2.7', '2001:db8::7', '192.0.2.7')).toBe(
      'opens ports by upnp, its address outside is 192.0.2.7',
    );
    expect(said('upnp', '192.0.2.7', '2001:db8::7')).not.toContain('relays');
    expect(said('upnp', '192.0.2.7', '198.51.100.1')).toContain('relays see 198.51.100.1');
  });

  it('finds the servers of calls that give an address, those that refuse, and those that do not answer by UDP', async () => {
    const plain = await stunServer((message) => answerBinding(message, { host: '198.51.100.7', port: 4321 }));
    const identity = { user: 'me', password: 'secret', realm: utf8('lab.example'), nonce: utf8('n0nce') };
    const released: Uint8Array[] = [];
    const port = await stunServer((message) => {
      const id = message.subarray(8, 20);
      if (message.readUInt16BE(0) === 4) released.push(new Uint8Array(message));
      else if (message.equals(encodeAllocate(id, identity)))
        return finish(0x0103, id, new Uint8Array(0), true);
      const attributes = new ByteWriter(64);
      writeAttribute(attributes, StunAttribute.errorCode, Uint8Array.of(0, 0, 4, 1));
      writeAttribute(attributes, StunAttribute.realm, identity.realm);
      writeAttribute(attributes, StunAttribute.nonce, identity.nonce);
      return finish(0x0113, id, attributes.finish(), false);
    });
    const full = await stunServer((message) => {
      const attributes = new ByteWriter(64);
      writeAttribute(attributes, StunAttribute.errorCode, Uint8Array.of(0, 0, 4, 86));
      return finish(0x0113, message.subarray(8, 20), attributes.finish(), false);
    });
    const tcp = createServer();
    closers.push(() => tcp.close());
    const other = await new Promise<number>((resolve) =>
      tcp.listen(0, '127.0.0.1', () => resolve((tcp.address() as AddressInfo).port)),
    );
    const turn = { scheme: 'turn', host: '127.0.0.1', user: 'me', password: 'secret' } as const;
    const found = async (...servers: IceServer[]): Promise<(string | undefined)[][]> => {
      const checks = await checkIceServers(servers);
      expect(JSON.stringify(checks)).not.toContain('secret');
      return checks.map(({ id, status, detail }) => [id, status, /\((\d+)\)/.exec(detail)?.[1]]);
    };
    expect(
      await found(
        { ...turn, port },
        { ...turn, port: other },
        { ...turn, port },
        { ...turn, port: full },
        { ...turn, scheme: 'stun', port: plain, user: '', password: '' },
      ),
    ).toEqual([
      [`ice:turn:127.0.0.1:${port}`, 'pass', undefined],
      [`ice:turn:127.0.0.1:${other}`, 'warn', undefined],
      [`ice:turn:127.0.0.1:${full}`, 'warn', '486'],
      [`ice:stun:127.0.0.1:${plain}`, 'pass', undefined],
    ]);
    expect(released).toHaveLength(1);
    expect(await found({ ...turn, port, password: 'another secret' })).toEqual([
      [`ice:turn:127.0.0.1:${port}`, 'warn', '401'],
    ]);
  });
});

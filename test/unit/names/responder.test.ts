/** The responder, asked by the resolver of Node.js (c-ares), which is nobody's of ours, and by bytes. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { Resolver } from 'node:dns/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { concatBytes } from '../../../src/core/lib/bytes.js';
import { silentLogger, systemClock } from '../../../src/core/lib/env.js';
import { addressText } from '../../../src/core/lib/endpoint.js';
import { Responder } from '../../../src/core/names/responder.js';
import { DnsType } from '../../../src/core/wire/dns.js';
import { anna, ben, domain, loser, many, opt, query, zone } from '../../support/dns.js';

const address = '127.77.1.1';
const stranger = { name: 'carol', ip: 0x0a90_0bb8, ip6: ben.ip6 };

describe('the responder', () => {
  const sought: string[] = [];
  const responder = new Responder(address, {
    clock: systemClock,
    log: silentLogger,
    zone,
    find: (label) => {
      sought.push(label);
      return label === 'broken'
        ? Promise.reject(new Error('gone'))
        : Promise.resolve(label === 'carol' ? stranger : undefined);
    },
  });
  const resolver = new Resolver({ timeout: 2_000, tries: 1 });
  beforeAll(async () => {
    await responder.start();
    resolver.setServers([`${address}:${responder.port}`]);
  });
  afterAll(() => responder.stop());

  /** The code and the answer to bytes; undefined when none comes. */
  async function ask(
    bytes: Uint8Array,
    from = '127.0.0.1',
    patienceMs = 2_000,
  ): Promise<Uint8Array | undefined> {
    const socket = createSocket('udp4');
    try {
      return await new Promise((resolve) => {
        socket.on('message', (answer) => {
          resolve(new Uint8Array(answer));
        });
        socket.bind({ address: from }, () => {
          socket.send(bytes, responder.port as number, address);
        });
        setTimeout(() => {
          resolve(undefined);
        }, patienceMs);
      });
    } finally {
      socket.close();
    }
  }
  const codeOf = (answer: Uint8Array | undefined): number => (answer?.[3] ?? -1) & 15;
  const countsOf = (answer: Uint8Array): number[] =>
    [4, 6, 8, 10].map((at) => (answer[at] as number) * 256 + (answer[at + 1] as number));

  it('gives both addresses of a member, however its name is written', async () => {
    expect(await resolver.resolve4(`anna.${domain}`)).toEqual(['10.144.0.1']);
    expect(await resolver.resolve4('BEN-2.Home.EVIO', { ttl: true })).toEqual([
      { address: '10.144.7.9', ttl: 10 },
    ]);
    expect(await resolver.resolve6(`anna.${domain}`)).toEqual([addressText(anna.ip6)]);
  });

  it('gives the name of both addresses', async () => {
    expect(await resolver.reverse('10.144.7.9')).toEqual([`ben-2.${domain}`]);
    expect(await resolver.reverse(addressText(ben.ip6))).toEqual([`ben-2.${domain}`]);
  });

  it('gives what members announce: of one, of all, and as DNS-SD asks', async () => {
    const http = { name: `anna.${domain}`, port: 8_080, priority: 0, weight: 0 };
    expect(await resolver.resolveSrv(`_http._tcp.anna.${domain}`)).toEqual([http]);
    expect(await resolver.resolveSrv(`anna._http._tcp.${domain}`)).toEqual([http]);
    expect(await resolver.resolveTxt(`_http._tcp.anna.${domain}`)).toEqual([['path=/admin']]);
    expect(await resolver.resolveTxt(`_ssh._tcp.anna.${domain}`)).toEqual([['']]);
    const all = await resolver.resolveSrv(`_ssh._tcp.${domain}`);
    expect(all.map(({ name, port }) => `${name}:${port}`)).toEqual([
      `anna.${domain}:22`,
      `ben-2.${domain}:2222`,
    ]);
    expect(await resolver.resolvePtr(`_ssh._tcp.${domain}`)).toEqual([
      `anna._ssh._tcp.${domain}`,
      `ben-2._ssh._tcp.${domain}`,
    ]);
    expect(await resolver.resolvePtr(`_services._dns-sd._udp.${domain}`)).toEqual([
      `_http._tcp.${domain}`,
      `_ssh._tcp.${domain}`,
    ]);
    await expect(resolver.resolveSrv(`_http._tcp.ben-2.${domain}`)).rejects.toMatchObject({
      code: 'ENOTFOUND',
    });
    await expect(resolver.resolveSrv(`_http._udp.anna.${domain}`)).rejects.toMatchObject({
      code: 'ENOTFOUND',
    });
    await expect(resolver.resolve4(`_http._tcp.anna.${domain}`)).rejects.toMatchObject({ code: 'ENODATA' });
  });

  describe('by TCP', () => {
    const framed = (bytes: Uint8Array): Uint8Array =>
      concatBytes(Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes);

    /** What comes back, until the other end closes or so much is there. */
    function talk(bytes: readonly Uint8Array[], wanted: number, from = '127.0.0.1'): Promise<Buffer> {
      return new Promise((resolve, reject) => {
        const socket = connect({ host: address, port: responder.port as number, localAddress: from });
        let got = Buffer.alloc(0);
        socket.setTimeout(3_000, () => {
          socket.destroy();
          resolve(got);
        });
        socket.on('error', reject);
        socket.on('data', (more: Buffer) => {
          got = Buffer.concat([got, more]);
          if (got.length >= wanted) socket.destroy();
        });
        socket.on('close', () => {
          resolve(got);
        });
        for (const one of bytes) socket.write(one);
      });
    }

    it('answers several queries of one connection, in whatever pieces they come', async () => {
      const both = concatBytes(
        framed(query(`anna.${domain}`, { id: 1 })),
        framed(query(`ben-2.${domain}`, { id: 2 })),
      );
      const pieces = Array.from(both, (byte) => Uint8Array.of(byte));
      const length = 2 + 12 + `anna.${domain}`.length + 6 + 16;
      const got = await talk(pieces, 2 * length + 1);
      expect(got.readUInt16BE(0)).toBe(length - 2);
      expect([got[3], got[length + 3]]).toEqual([1, 2]);
    });

    it('gives whole what a datagram does not hold', async () => {
      const names = many();
      const other = new Responder('127.77.1.2', {
        clock: systemClock,
        log: silentLogger,
        zone: () => names,
        find: () => Promise.resolve(undefined),
      });
      await other.start();
      try {
        // c-ares asks by TCP when the answer is cut.
        const asker = new Resolver({ timeout: 2_000, tries: 1 });
        asker.setServers([`127.77.1.2:${other.port}`]);
        expect(await asker.resolveSrv(`_ssh._tcp.${domain}`)).toHaveLength(200);
        expect(other.tcp).toBe(true);
      } finally {
        await other.stop();
      }
    });

    it('closes what is too long, and what only stands there', async () => {
      const begun = performance.now();
      expect(await talk([Uint8Array.of(0xff, 0xff, 0, 1)], 1)).toHaveLength(0);
      expect(performance.now() - begun).toBeLessThan(2_000);
      const sockets = Array.from({ length: 40 }, () => talk([], 1));
      await Promise.all(sockets.map((one) => one.catch(() => undefined)));
      let got = 0;
      for (let tries = 0; tries < 30 && got === 0; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        got = (await talk([framed(query(`anna.${domain}`))], 20).catch(() => Buffer.alloc(0))).length;
      }
      expect(got).toBeGreaterThan(20);
    }, 15_000);
  });

  it('tells of the zones', async () => {
    for (const name of [domain, '144.10.in-addr.arpa'])
      expect(await resolver.resolveSoa(name)).toMatchObject({ nsname: `anna.${domain}`, minttl: 5 });
    expect(await resolver.resolveNs(domain)).toEqual([`anna.${domain}`]);
  });

  it.each([
    ['of nobody', `nobody.${domain}`, DnsType.a, 3, domain],
    ['below a member', `www.anna.${domain}`, DnsType.a, 3, domain],
    ['that no member can have', `_x.${domain}`, DnsType.a, 3, domain],
    ['of a type that it has not', `anna.${domain}`, 16, 0, domain],
    ['whose address another has', `loser.${domain}`, DnsType.a, 0, domain],
    ['of an address of nobody', '3.0.144.10.in-addr.arpa', DnsType.ptr, 3, '144.10.in-addr.arpa'],
    ['between zone and address', '0.144.10.in-addr.arpa', DnsType.ptr, 0, '144.10.in-addr.arpa'],
    ['between zone and IPv6 address', '0.7.0.0.0.0.0.0.0.5.0.6.0.0.0.d.f.ip6.arpa', DnsType.ptr, 0, ''],
  ])('denies a name %s with the SOA of its zone', async (_what, name, type, code, zoneOf) => {
    const answer = (await ask(query(name, { type }))) as Uint8Array;
    expect([codeOf(answer), countsOf(answer)]).toEqual([code, [1, 0, 1, 0]]);
    // AA, and the name of the zone first in the authority section.
    expect((answer[2] as number) & 4).toBe(4);
    const labels = zoneOf.split('.').map((label) => Uint8Array.of(label.length, ...Buffer.from(label)));
    const start = query(name).length;
    if (zoneOf !== '')
      expect(answer.subarray(start, start + zoneOf.length + 1)).toEqual(concatBytes(...labels));
  });

  it.each([
    ['a name of the internet', query('example.org'), 5],
    ['a name that only ends alike', query('annahome.evio'), 5],
    ['the root', query('', { type: DnsType.ns }), 5],
    ['an address outside', query('1.2.0.192.in-addr.arpa', { type: DnsType.ptr }), 5],
    ['another class', query(`anna.${domain}`, { classOf: 3 }), 5],
    ['an update', query(domain, { flags: 5 << 11 }), 4],
    ['two questions', query(domain, { counts: [2, 0, 0, 0] }), 1],
    ['no question', query(domain, { counts: [0, 0, 0, 0] }), 1],
    ['an answer in a question', query(domain, { counts: [1, 1, 0, 0] }), 1],
    ['bytes behind it', Uint8Array.of(...query(domain), 0), 1],
    ['a question cut off', query(domain).subarray(0, 18), 1],
    ['a pointer to itself', Uint8Array.of(...query('').subarray(0, 12), 0xc0, 12, 0, 1, 0, 1), 1],
    ['a label too long', query('x'.repeat(64)), 1],
    [
      'a name too long',
      query(`${'x'.repeat(62)}.${'x'.repeat(62)}.${'x'.repeat(62)}.${'x'.repeat(62)}.${'x'.repeat(8)}`),
      1,
    ],
    ['OPT cut off', query(domain, { behind: [0, 0, 41, 4] }), 1],
    ['another record than OPT', query(domain, { behind: [0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0] }), 1],
  ])('refuses %s', async (_what, bytes, code) => {
    const answer = (await ask(bytes)) as Uint8Array;
    expect([codeOf(answer), answer[0], answer[1], (answer[2] as number) >> 7]).toEqual([code, 0x12, 0x34, 1]);
    expect(answer.length).toBeLessThanOrEqual(bytes.length + 24);
  });

  it('says nothing to an answer, to less than a header, to what is too long, and to who is not this machine', async () => {
    const before = responder.queries.dropped;
    const silent = [
      query(domain, { flags: 0x8000 }),
      new Uint8Array(11),
      Uint8Array.of(...query(domain), ...new Uint8Array(600)),
    ];
    expect(await Promise.all(silent.map((bytes) => ask(bytes, '127.0.0.1', 300)))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(responder.queries.dropped - before).toBe(3);
  });

  it('speaks EDNS, of version 0', async () => {
    const answer = (await ask(query(`anna.${domain}`, { type: DnsType.any, behind: opt() }))) as Uint8Array;
    expect([codeOf(answer), countsOf(answer)]).toEqual([0, [1, 2, 0, 1]]);
    const later = (await ask(query(domain, { behind: opt(1_232, 9) }))) as Uint8Array;
    // BADVERS, 16: the upper bits stand in OPT.
    expect([codeOf(later), countsOf(later), later.at(-6)]).toEqual([0, [1, 0, 0, 1], 1]);
  });

  it('asks others for whom it does not know', async () => {
    expect(await resolver.resolve4(`carol.${domain}`)).toEqual(['10.144.11.184']);
    await expect(resolver.resolve4(`broken.${domain}`)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    expect(sought).toContain('carol');
    expect(sought).not.toContain('anna');
    expect(sought).not.toContain('_x');
  });

  it('counts', () => {
    const { answered, denied, refused, dropped } = responder.queries;
    expect([answered > 6, denied > 6, refused > 12, dropped > 2]).toEqual([true, true, true, true]);
    expect(loser.ip).toBeNull();
  });
});

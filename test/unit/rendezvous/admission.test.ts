/** How many networks strangers may bring to a relay that serves any. */
import { describe, expect, it } from 'vitest';
import { generateKeys } from '../../../src/core/identity/keys.js';
import { systemRandom } from '../../../src/core/lib/env.js';
import { toBase64Url } from '../../../src/core/lib/bytes.js';
import { signalVersion } from '../../../src/core/wire/signal.js';
import { admit } from '../../../src/rendezvous/admission.js';
import { Gate } from '../../../src/rendezvous/gate.js';
import { defaultLimits, isLoopback, siteKey, sourceKey } from '../../../src/rendezvous/limits.js';
import { forgetMs } from '../../../src/rendezvous/network-record.js';
import { LocalPresence } from '../../../src/rendezvous/presence.js';
import { Ledgers } from '../../../src/rendezvous/ledgers.js';
import { silentLogger } from '../../../src/core/lib/env.js';
import { Registry } from '../../../src/rendezvous/registry.js';
import { TestNetwork } from './relay-kit.js';

const keys = generateKeys(systemRandom);
const fact = { address: '127.0.0.1:3478', key: keys.publicKey };

function stage(allow: ReadonlySet<string> = new Set()) {
  const registry = new Registry();
  const gate = new Gate({ open: allow.size === 0, allow }, keys, registry);
  /** A node of a network registers from an address: `ok`, or the code of the refusal. */
  const come = (network: TestNetwork, observed: string): string => {
    const node = network.node(1);
    const hello = {
      type: 'hello' as const,
      version: signalVersion,
      agent: 'evio/test',
      network: toBase64Url(node.networkBytes),
      credential: toBase64Url(node.credential),
    };
    const limits = { ...defaultLimits, networksPerSource: 3 };
    const ledgers = new Ledgers('/nonexistent', silentLogger);
    const context = { keys, gate, registry, ledgers, limits, observed, dateMs: Date.now() };
    const verdict = admit(hello, node.keys.dh.publicKey, context);
    return verdict.ok ? 'ok' : verdict.code;
  };
  const invent = (): TestNetwork => new TestNetwork([fact]);
  return { registry, come, invent };
}

describe('networks that nobody allowed by name', () => {
  it('are few from one /24 or /48, and the others have room', () => {
    const { come, invent } = stage();
    for (const host of ['203.0.113.1', '203.0.113.2', '203.0.113.200'])
      expect(come(invent(), host)).toBe('ok');
    expect(come(invent(), '203.0.113.3')).toBe('full');
    expect(come(invent(), '::ffff:203.0.113.3')).toBe('full');
    expect(come(invent(), '203.0.114.3')).toBe('ok');
    for (const host of ['2001:db8:1::1', '2001:db8:1:2::1', '2001:db8:1:ffff::5'])
      expect(come(invent(), host)).toBe('ok');
    expect(come(invent(), '2001:db8:1:3::9')).toBe('full');
    expect(come(invent(), '2001:db8:2::1')).toBe('ok');
  });

  it('stay open to members from anywhere, once they are known', () => {
    const { come, invent } = stage();
    const network = invent();
    expect(come(network, '198.51.100.9')).toBe('ok');
    for (let i = 0; i < 3; i++) come(invent(), '203.0.113.1');
    // One of its two nodes holds the address: what matters is that the network is not refused.
    expect(come(network, '203.0.113.1')).toBe('address-taken');
  });

  it('give their place back when they are forgotten', () => {
    const { registry, come, invent } = stage();
    for (let i = 0; i < 3; i++) expect(come(invent(), '203.0.113.1')).toBe('ok');
    registry.prune(
      Date.now() + forgetMs + 1_000,
      new LocalPresence({ arrived: () => undefined, left: () => undefined }),
    );
    expect(registry.size).toBe(0);
    expect(registry.countFrom('203.0.113')).toBe(0);
    expect(come(invent(), '203.0.113.1')).toBe('ok');
  });

  it('are not counted behind a proxy on the same machine', () => {
    const { come, invent } = stage();
    for (let i = 0; i < 5; i++) expect(come(invent(), i % 2 ? '127.0.0.1' : '::1')).toBe('ok');
  });
});

it('networks that were allowed are not counted', () => {
  const networks = Array.from({ length: 5 }, () => new TestNetwork([fact]));
  const { come } = stage(new Set(networks.map(({ id }) => id)));
  for (const network of networks) expect(come(network, '203.0.113.1')).toBe('ok');
});

it('sources are addresses, /64s and sites', () => {
  expect(
    ['203.0.113.7', '::ffff:203.0.113.7', 'fe80::1%eth0', '2001:db8::1', '1:2:3:4:5:6:7:8'].map(sourceKey),
  ).toEqual(['203.0.113.7', '203.0.113.7', 'fe80:0:0:0', '2001:db8:0:0', '1:2:3:4']);
  expect(['203.0.113.7', '::ffff:203.0.113.7', '2001:db8::1', '1:2:3:4:5:6:7:8'].map(siteKey)).toEqual([
    ...['203.0.113', '203.0.113', '2001:db8:0', '1:2:3'],
  ]);
  expect(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'].every(isLoopback)).toBe(true);
  expect(['::', '10.0.0.1', '2001::1'].some(isLoopback)).toBe(false);
});

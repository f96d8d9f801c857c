/** What a node tells of itself, from plain facts. */
import { describe, expect, it } from 'vitest';
import { adviceOf } from '../../../src/core/node/advice.js';
import { peerReport, statusReport, whyReport, type ReportedPeer } from '../../../src/core/node/report.js';
import { dropReasons, type PeerCounters } from '../../../src/core/dataplane/plane/plane.js';
import type { Member } from '../../../src/core/identity/certificate.js';
import { claimantOf, selfOf } from '../../../src/core/membership/self.js';
import type { RelayReport } from '../../../src/core/relays/relay-report.js';
import { memberProfiles } from '../../support/members.js';
import { VirtualClock } from '../../support/virtual.js';

const [own, other] = memberProfiles(2, new VirtualClock()).map((profile) => selfOf(profile));
if (!own || !other) throw new Error('no members');

const member = {
  id: other.id,
  idText: other.idText,
  name: 'n1',
  ip: 0x0a90_0102,
  mac: Uint8Array.of(2, 0, 0, 0, 0, 9),
} as unknown as Member;

const direct = { kind: 'direct', endpoint: '192.0.2.2:5000', rttMs: 1.23456 } as const;
const relayed = { kind: 'relay', endpoint: 'udp://192.0.2.9:443', rttMs: null } as const;

function peerOf(
  path: typeof direct | typeof relayed | null,
  remotes: ReportedPeer['prober']['remotes'] = [],
): ReportedPeer {
  return {
    member,
    state: path ? 'connected' : 'connecting',
    session: { established: path !== null, handshakeAt: path ? 9_000 : undefined },
    prober: { active: path, remotes, lossAt: () => ({ asked: 64, unanswered: 3 }) },
    why: { entries: [{ date: Date.UTC(2026, 0, 1), event: 'path', detail: 'x' }] },
    nat: undefined,
  };
}

const facts = {
  name: 'n1',
  addressOf: null,
  offline: false,
  lastSeenAgeMs: null,
  link: null,
  confinement: undefined,
  prefix6: Uint8Array.of(0xfd, 1, 2, 3, 4, 5, 6, 7),
};
const counters = { rxBytes: 10, txBytes: 20 } as PeerCounters;
const up: RelayReport = {
  url: 'u',
  home: true,
  state: 'connected',
  transport: 'udp',
  rttMs: 2.00049,
  reason: null,
};
const remote = (state: string) => ({ endpoint: '192.0.2.2:5000', kind: 'host', state, rttMs: 1.00049 });

describe('peerReport', () => {
  it('says of a direct path whether it passes no router', () => {
    const path = (on: string, peer = peerOf(direct)) =>
      peerReport(peer, counters, { ...facts, onLink: (host) => host === on }, 10_000).path;
    expect(path('192.0.2.2')).toEqual({
      kind: 'direct',
      endpoint: '192.0.2.2:5000',
      rttMs: 1.235,
      lan: true,
    });
    expect(path('192.0.2.3')).not.toHaveProperty('lan');
    expect(path('192.0.2.9', peerOf(relayed))).not.toHaveProperty('lan');
  });

  it('tells of a peer that is connected', () => {
    expect(
      peerReport(
        peerOf(direct),
        counters,
        {
          ...facts,
          link: 'successor',
          offline: true,
          lastSeenAgeMs: 5,
          confinement: { kind: 'scan', until: 11_000 },
        },
        10_500.4,
      ),
    ).toEqual({
      id: other.idText,
      name: 'n1',
      ip: '10.144.1.2',
      ip6: 'fd01:203:405:607:0:ff:fe00:9',
      mac: '02:00:00:00:00:09',
      state: 'connected',
      addressOf: null,
      lastSeenAgeMs: null,
      path: { kind: 'direct', endpoint: '192.0.2.2:5000', rttMs: 1.235 },
      link: 'successor',
      rxBytes: 10,
      txBytes: 20,
      lastHandshakeAgeMs: 1_500,
      quarantine: { kind: 'scan', remainingMs: 500 },
    });
  });

  it('has neither path nor handshake of one that is not', () => {
    const report = peerReport(peerOf(null), counters, facts, 10_000);
    expect(report).toMatchObject({ state: 'connecting', path: null, link: null, quarantine: null });
  });

  it('tells who is gone from who does not answer, whose address it claims, and shows the name that it is found by', () => {
    const gone = { ...facts, name: 'n1-2', addressOf: 'n7', offline: true, lastSeenAgeMs: 60_000 };
    expect(peerReport(peerOf(null), counters, gone, 10_000)).toMatchObject({
      name: 'n1-2',
      state: 'offline',
      addressOf: 'n7',
      lastSeenAgeMs: 60_000,
    });
  });
});

describe('statusReport', () => {
  it('counts who is connected, names whom the ring names, and rounds', () => {
    const drops = Object.fromEntries(dropReasons.map((reason) => [reason, 0]));
    const report = statusReport({
      self: own,
      name: 'n0',
      version: '1.2.3',
      certificate: { until: Date.UTC(2031, 10, 22), failures: 1 },
      anomalies: [],
      bridge: undefined,
      refusals: [{ peer: 'ab', name: 'n7', count: { spoofed: 3 } }],
      uptimeMs: 1_000.6,
      behindMs: 86_400_000.4,
      aheadMs: 0,
      device: {
        name: 'evio0',
        port: 5000,
        rxFrames: 1,
        rxBytes: 2,
        txFrames: 3,
        txBytes: 4,
        transitPackets: 5,
        transitBytes: 6,
        drops,
        restarts: 7,
      },
      relays: [up],
      nat: {
        mapping: 'endpoint-independent',
        filtering: 'unknown',
        ports: 'preserved',
        udpBlocked: false,
        addresses: ['198.51.100.1:5000'],
        portMapping: null,
      },
      peers: [peerOf(direct), peerOf(null)],
      nameOf: () => 'n1-2',
      conflicts: [{ what: 'ip', loser: claimantOf(other), holder: claimantOf(own) }],
      ring: {
        sizeEstimate: 2,
        predecessor: other.idText,
        successors: [other.idText, 'ff'],
        longLinks: [],
        onDemand: [],
      },
      waiting: [],
      refused: [{ id: other.idText, name: 'n1', ip: 1, cidr: '10.9.0.0/16', fault: 'taken', holder: 'n2' }],
    });
    expect(report.refusedRoutes).toEqual([
      { peer: other.idText, name: 'n1', cidr: '10.9.0.0/16', fault: 'taken', holder: 'n2' },
    ]);
    expect(report.peerCount).toBe(1);
    expect(report.clock).toEqual({ behindMs: 86_400_000, aheadMs: 0 });
    expect(report.node).toMatchObject({ id: own.idText, name: 'n0', version: '1.2.3', uptimeMs: 1_001 });
    expect(report.device).toMatchObject({ name: 'evio0', mtu: 1350, restarts: 7 });
    expect(report.relays[0]?.rttMs).toBe(2);
    expect(report.ring).toMatchObject({
      successors: [other.idText, 'ff'],
      names: { [other.idText]: 'n1-2' },
    });
    expect(report.conflicts).toMatchObject([{ what: 'ip', id: other.idText, holder: 'n1-2' }]);
  });
});

describe('whyReport', () => {
  const facts = {
    now: 0,
    local: [{ kind: 'host', endpoint: { host: '192.0.2.1', port: 5000 } }],
    nat: { mapping: 'unknown', filtering: 'unknown', ports: 'unknown' },
    udpBlocked: false,
    reach: { direct: true, relayed: true },
    unserved: [],
    relays: [up],
    online: true,
  } as const;

  it('lists the candidates of both sides and what was decided', () => {
    expect(whyReport(peerOf(direct, [remote('active')]), facts)).toEqual({
      peer: other.idText,
      path: { kind: 'direct', endpoint: '192.0.2.2:5000', rttMs: 1.235 },
      loss: { asked: 64, unanswered: 3 },
      candidates: [
        { endpoint: '192.0.2.1:5000', kind: 'host', side: 'local', state: 'offered', rttMs: null },
        { endpoint: '192.0.2.2:5000', kind: 'host', side: 'remote', state: 'active', rttMs: 1 },
      ],
      log: [{ at: '2026-01-01T00:00:00.000Z', event: 'path', detail: 'x' }],
      nat: { local: { mapping: 'unknown', filtering: 'unknown', ports: 'unknown' }, remote: null },
      advice: [],
    });
  });

  it('advises nothing where the path is direct, and what could be done where it is not', () => {
    const first = (peer: ReportedPeer, more: Partial<typeof facts> | Record<string, unknown>): string =>
      adviceOf(peer, { ...facts, ...more })[0] ?? '';
    expect(first(peerOf(direct), { udpBlocked: true })).toBe('');
    expect(first(peerOf(null), { relays: [{ ...up, state: 'down' }] })).toMatch(/^No relay is reachable/);
    expect(first(peerOf(null), { online: false })).toMatch(/^The peer is not connected to any relay/);
    expect(first(peerOf(null), {})).toBe('');
    const cut = { ...peerOf(null, [remote('failed')]), session: { established: true, handshakeAt: 9_000 } };
    expect(first(cut, { relays: [{ ...up, state: 'down' }] })).toMatch(/^No relay is reachable/);
    expect(first(cut, { online: false })).toMatch(/^The peer is not connected to any relay/);
    expect(first(cut, {})).toMatch(/^The NAT or firewall on the other side/);
    expect(first(peerOf(relayed), { udpBlocked: true })).toMatch(/^No relay answers this machine by UDP/);
    const unserved = ['turn:192.0.2.9:3478'];
    for (const more of [{ unserved }, { unserved, udpBlocked: true }])
      expect(first(peerOf(relayed), more)).toMatch(/^No call goes by turn:192.0.2.9:3478/);
    expect(first(peerOf(direct), { unserved })).toBe('');
    expect(first(peerOf(relayed, [remote('narrow')]), {})).toMatch(/MTU is too small/);
    // It was let in: no firewall is to blame.
    expect(adviceOf(peerOf(relayed, [remote('narrow')]), facts)).toHaveLength(1);
    const symmetric = { nat: { ...facts.nat, mapping: 'address-and-port-dependent' } };
    expect(first(peerOf(relayed, [remote('failed')]), symmetric)).toMatch(
      /^The NAT here maps address-and-port/,
    );
    expect(first(peerOf(relayed, [remote('failed')]), {})).toMatch(/^The NAT or firewall on the other side/);
    const behind = (host: string) => ({ local: [{ kind: 'reflexive', endpoint: { host, port: 9 } }] });
    const outer = { ...remote('failed'), kind: 'reflexive' };
    expect(first(peerOf(relayed, [outer]), behind('192.0.2.2'))).toMatch(/^Both are behind the same NAT/);
    expect(first(peerOf(relayed, [outer]), behind('192.0.2.3'))).toMatch(/^The NAT or firewall on the other/);
    expect(first(peerOf(relayed, [remote('probing')]), {})).toMatch(/still being tried/);
    const by64 = { kind: 'reflexive', endpoint: { host: '192.0.2.64', port: 1 } };
    const with6 = { local: [{ kind: 'host', endpoint: { host: '2001:db8::1', port: 1 } }, by64] };
    expect(first(peerOf(relayed, [remote('failed')]), with6)).toMatch(
      /^This machine has IPv6 only and the peer IPv4/,
    );
    const drawn = { mapping: 'address-and-port-dependent', filtering: 'unknown', ports: 'random' } as const;
    const there = (nat: ReportedPeer['nat']): ReportedPeer => ({
      ...peerOf(relayed, [remote('failed')]),
      nat,
    });
    expect(first(there(drawn), { nat: drawn })).toMatch(/^The NATs of both ends .* --birthday/);
    expect(first(there({ ...drawn, ports: 'sequential' }), { nat: drawn })).not.toContain('--birthday');
    expect(first(there(drawn), {})).toMatch(/^The NAT there maps address-and-port/);
    expect(first(there({ ...drawn, mapping: 'unknown' }), {})).toMatch(/^UDP of the peer reaches no relay/);
    expect(first(peerOf(relayed), {})).toMatch(/^The peer offered no address/);
  });

  it('tells of --relay-only and --no-relay, here and there, before it blames the network', () => {
    const first = (peer: ReportedPeer, more: object): string =>
      adviceOf(peer, { ...facts, ...more })[0] ?? '';
    const only = { reach: { direct: false, relayed: true } };
    for (const more of [only, { ...only, udpBlocked: true }])
      expect(first(peerOf(relayed), more)).toMatch(/^This machine .* \(--relay-only\).* --any-path$/);
    const never = { reach: { direct: true, relayed: false } };
    expect(first(peerOf(null), never)).toMatch(/^This machine .* \(--no-relay\).* --any-path$/);
    const nat = { mapping: 'endpoint-independent', filtering: 'unknown', ports: 'preserved' } as const;
    expect(first({ ...peerOf(relayed), nat }, {})).toMatch(/^The peer offers no address .* \(--relay-only\)/);
  });
});

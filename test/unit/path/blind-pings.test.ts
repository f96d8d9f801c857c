/** What a member can have us send to addresses that it names: little, however many it names, and however often. */
import { describe, expect, it } from 'vitest';
import { NamedAddresses } from '../../../src/core/peer/named-addresses.js';
import { Probing } from '../../../src/core/path/probing.js';
import { maxCandidates, type Candidate } from '../../../src/core/wire/candidate.js';
import { VirtualClock, virtualEnv } from '../../support/virtual.js';

function lab(clock = new VirtualClock(), named = new NamedAddresses(clock.now())) {
  const sent: string[] = [];
  const transactions: number[] = [];
  const probing = new Probing(
    virtualEnv(clock),
    {
      ping: (transaction, _size, path) => {
        transactions.push(transaction);
        if (path.kind === 'direct') sent.push(path.endpoint.host);
      },
      log: () => undefined,
      framesSent: () => 0,
      blind: (now, endpoint) => named.probe(now, endpoint),
      loops: () => false,
    },
    1_368,
  );
  probing.start();
  const run = (ms: number): void => {
    for (const end = clock.now() + ms; clock.now() < end; clock.advance(50)) probing.tick(clock.now());
  };
  const offer = (candidates: Candidate[]): void => {
    probing.offer(clock.now(), candidates);
  };
  return { clock, probing, sent, transactions, offer, run };
}
const at = (host: string, port: number): Candidate => ({ kind: 'host', endpoint: { host, port } });

describe('pings to where nobody answered', () => {
  it('end, whatever a member offers, and however it pretends to come from there', () => {
    const { clock, probing, sent, offer, run } = lab();
    let port = 1;
    for (let i = 0; i < 120; i++) {
      offer(Array.from({ length: maxCandidates }, () => at('203.0.113.1', port++)));
      for (let n = 0; n < 5; n++)
        probing.observed(clock.now(), { host: '203.0.113.1', port: port++ }, 'roamed');
      run(500);
      // A session begun anew gives no more of them.
      if (i % 10 === 9) {
        probing.reset();
        probing.start();
      }
    }
    // 14 000 and more when each offer was followed by bursts. A minute's worth of one offer, beside the first two.
    expect(sent.length).toBeGreaterThan(400);
    expect(sent.length).toBeLessThan(432 + 4 * 61);
  });

  it('are no more for several members than for one, as long as none of them answers there', () => {
    for (const answers of [false, true]) {
      const clock = new VirtualClock();
      const named = new NamedAddresses(clock.now());
      const members = Array.from({ length: 8 }, () => lab(clock, named));
      if (answers) named.answered({ host: '203.0.113.1', port: 1 });
      let port = 1;
      for (let ms = 0; ms < 60_000; ms += 50) {
        for (const { probing, offer } of members) {
          if (ms % 500 === 0) offer(Array.from({ length: maxCandidates }, () => at('203.0.113.1', port++)));
          probing.tick(clock.now());
        }
        clock.advance(50);
      }
      const sent = members.reduce((sum, member) => sum + member.sent.length, 0);
      if (answers) expect(sent).toBeGreaterThan(8 * 432);
      else expect(sent).toBeLessThan(432 + 4 * 61);
    }
  });

  it('leave those alone that answer', () => {
    const { clock, probing, sent, transactions, offer, run } = lab();
    const good = at('192.0.2.7', 7);
    offer([good]);
    probing.pong(clock.now(), transactions[0] as number, true, { joins: false, copies: false });
    for (let i = 0; i < 60; i++) {
      offer([good, ...Array.from({ length: 20 }, (_, n) => at('203.0.113.1', 1 + i * 20 + n))]);
      run(500);
    }
    const before = sent.filter((host) => host === '192.0.2.7').length;
    offer([good]);
    run(5_000);
    expect(sent.filter((host) => host === '192.0.2.7').length).toBeGreaterThan(before);
  });
});

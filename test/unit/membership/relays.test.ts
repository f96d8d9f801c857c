/** A relay that the token named goes, or gets another key: what it witnessed goes on counting, also with who joins afterwards. */
import { describe, expect, it } from 'vitest';
import { verifyCredential } from '../../../src/core/identity/certificate.js';
import { generateKeys } from '../../../src/core/identity/keys.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { factsNow } from '../../../src/core/ledger/facts.js';
import { Ledger } from '../../../src/core/ledger/ledger.js';
import { amend, type Order } from '../../../src/core/membership/amend.js';
import { makeInvite, makeMember, makeNetwork } from '../../../src/core/membership/certify.js';
import { selfOf } from '../../../src/core/membership/self.js';
import { witnessed } from '../../support/receipts.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';

const env = { clock: new VirtualClock(), random: new SeededRandom(9) };
const [first, second] = [generateKeys(env.random), generateKeys(env.random)];
const address = 'relay.example:3478';

function lab() {
  const relays = [{ address, key: first.publicKey }];
  const plan = { name: 'lab', cidr: '10.144.0.0/16', relays, mtu: 1350, nodeName: 'root' };
  const profile = makeNetwork(plan, env);
  const self = selfOf(profile);
  const invite = makeInvite(profile, { expiresMs: 60_000, uses: 0, role: 'switch', tags: [] }, env);
  const joined = selfOf(makeMember(decodeToken(invite.token), { name: 'web' }, env)).credential;
  const credential = witnessed(joined, first, env.clock.date());
  const ledger = new Ledger(self.network.rootKey);
  const say = (order: Order): number => {
    const dateMs = env.clock.date();
    return amend(order, { profile, self, ledger, members: [], dateMs }).statements.length;
  };
  const addKey = { do: 'facts', addRelay: { address, key: second.publicKey } } as const;
  /** What a newcomer says, whose token names the relays of now only. */
  const fault = (): string => {
    const facts = factsNow(self.network, ledger.standing.facts);
    const verdict = verifyCredential(credential, facts, env.clock.date(), true, ledger.standing);
    return verdict.ok ? 'none' : verdict.fault;
  };
  return { ledger, say, addKey, fault };
}

describe('a relay', () => {
  it('that gets another key at its address stays a witness of what it said', () => {
    const { ledger, say, addKey, fault } = lab();
    expect(fault()).toBe('none');
    say(addKey);
    expect(ledger.standing.facts?.relays).toEqual([{ address, key: second.publicKey }]);
    expect(ledger.standing.wasRelay(first.publicKey)).toBe(true);
    expect(fault()).toBe('none');
    // It has been named now.
    expect(say(addKey)).toBe(1);
  });

  it.each(['relay.example:443', 'wss://relay.example:443', 'wss://Relay.Example:443'])(
    'with TLS goes by %s, and what comes in its place without TLS takes it',
    (named) => {
      const tls = { address: 'wss://relay.example:443', key: second.publicKey };
      const { ledger, say } = lab();
      const addresses = (): unknown => ledger.standing.facts?.relays.map((relay) => relay.address);
      say({ do: 'facts', addRelay: tls });
      say({ do: 'facts', removeRelay: named });
      expect(addresses()).toEqual([address]);
      say({ do: 'facts', addRelay: tls });
      say({ do: 'facts', addRelay: { ...tls, address: 'relay.example:443' } });
      expect(addresses()).toEqual([address, 'relay.example:443']);
      expect(() => say({ do: 'facts', removeRelay: 'wss://relay.example:1' })).toThrow(
        'The network has no relay evios://relay.example:1.',
      );
    },
  );

  it('that goes does, too', () => {
    const { ledger, say, fault } = lab();
    say({ do: 'facts', addRelay: { address: 'other.example:3478', key: second.publicKey } });
    say({ do: 'facts', removeRelay: address });
    expect(ledger.standing.facts?.relays.map((relay) => relay.address)).toEqual(['other.example:3478']);
    expect(fault()).toBe('none');
  });
});
